"""Keeping a dataset for good."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from core.attempt import datasets
from core.models import Dataset
from frontend.site.answers import answer_act
from frontend.site.security import PersonRequest, changeable_or_403, person_required


@require_POST
@person_required
def dataset_keeping(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Keep the dataset for good: `keep=yes`; anything else lets it expire as others do."""
    dataset = changeable_or_403(get_object_or_404(Dataset.objects.for_user(request.user), pk=pk), request.user)
    is_kept = request.POST.get("keep") == "yes"

    def keep() -> None:
        datasets.keep(dataset, is_kept=is_kept, by=request.user.get_username())

    return answer_act(request, keep, back=dataset.get_absolute_url())
