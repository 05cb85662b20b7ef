"""A person's datasets."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.models import Dataset
from frontend.site import expiry
from frontend.site.security import PersonRequest, person_required

PAGE_LENGTH = 50


@require_safe
@person_required
def dataset_list(request: PersonRequest) -> HttpResponseBase:
    """List the datasets, the newest first; staff sees all."""
    datasets = Dataset.objects.for_user(request.user).select_related("owner").order_by("-pk")
    search = request.GET.get("q", "").strip()[:200]
    if search:
        datasets = datasets.filter(name__icontains=search)
    page = Paginator(datasets, PAGE_LENGTH).get_page(request.GET.get("page"))
    near = expiry.near(page)
    rows = [(dataset, near.get(dataset.pk)) for dataset in page]
    return render(request, "headway/dataset_list.html", {"page": page, "rows": rows, "search": search})
