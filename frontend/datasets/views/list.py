"""A person's datasets."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from frontend.datasets.pages.list import DatasetList
from frontend.site.security import PersonRequest, of_one_moment, person_required


@require_safe
@person_required
@of_one_moment
def dataset_list(request: PersonRequest) -> HttpResponseBase:
    """List the datasets, the newest first; staff sees all."""
    return render(request, "headway/dataset_list.html", {"list": DatasetList(request)})
