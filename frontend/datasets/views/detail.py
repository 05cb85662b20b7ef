"""The page of one dataset."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from core.models import Dataset
from frontend.datasets.pages.detail import context_of
from frontend.site.security import PersonRequest, of_one_moment, person_required


@require_safe
@person_required
@of_one_moment
def dataset_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one dataset; `?view=` names the part."""
    datasets = Dataset.objects.for_user(request.user).select_related("job__parent", "owner")
    dataset = get_object_or_404(datasets.prefetch_related("job__artifacts"), pk=pk)
    return render(request, "headway/dataset_detail.html", context_of(request, dataset))
