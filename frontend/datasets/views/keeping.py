"""Keeping a dataset for good."""

from __future__ import annotations

from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from core.attempt import datasets
from core.models import Dataset
from frontend.site.security import PersonRequest, person_required


@require_POST
@person_required
def dataset_keeping(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Keep the dataset for good: `keep=yes`; anything else lets it expire as others do."""
    dataset = get_object_or_404(Dataset.objects.for_user(request.user), pk=pk)
    datasets.keep(dataset, is_kept=request.POST.get("keep") == "yes", by=request.user.get_username())
    return HttpResponseRedirect(dataset.get_absolute_url())
