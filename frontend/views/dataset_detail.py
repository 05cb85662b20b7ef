"""The page of one dataset: columns with their profile, first and rejected rows, how the file was read."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from core import pipelines
from core.models import Artifact, Dataset, DatasetColumn
from frontend import dataset_pages, expiry
from frontend.job_files import FileEntry
from frontend.security import PersonRequest, person_required

VIEWS = ("columns", "rows", "rejected", "reading")


@require_safe
@person_required
def dataset_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one dataset; `?view=` names the part."""
    dataset = get_object_or_404(Dataset.objects.for_user(request.user).select_related("job", "owner"), pk=pk)
    view = request.GET.get("view", "")
    view = view if view in VIEWS else VIEWS[0]
    parts = {"columns": _columns, "rows": _rows, "rejected": _rejected, "reading": _reading}
    outputs = dataset.job.artifacts.filter(kind=Artifact.Kind.OUTPUT)
    context = {
        "dataset": dataset,
        "view": view,
        "actions": pipelines.taking("dataset", is_staff=request.user.is_staff),
        "downloads": [FileEntry(artifact, artifact.local_path.is_file()) for artifact in outputs],
        "expiry": expiry.of_dataset(dataset),
        "can_import_again": dataset.job.spec is not None,
        **parts[view](request, dataset),
    }
    return render(request, "dataset_detail.html", context)


def _columns(request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    page = _column_page(request, dataset)
    return {
        "column_page": page,
        "profiles": [dataset_pages.profile_of(column, rows=dataset.rows) for column in page],
        "chart_width": dataset_pages.CHART_WIDTH,
        "chart_height": dataset_pages.CHART_HEIGHT,
    }


def _rows(request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    column_page = _column_page(request, dataset)
    columns = list(column_page)
    page = Paginator(dataset_pages.preview_of(dataset).rows, dataset_pages.ROWS_LENGTH).get_page(
        request.GET.get("page")
    )
    return {
        "column_page": column_page,
        "columns": columns,
        "page": page,
        "rows": dataset_pages.cells_of(list(page), columns),
    }


def _rejected(request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    shown = dataset_pages.preview_of(dataset).rejected
    page = Paginator(shown, dataset_pages.ROWS_LENGTH).get_page(request.GET.get("page"))
    return {"page": page, "is_cut": len(shown) < dataset.rejected}


def _reading(_request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    dialect = dataset.dialect or {}
    return {
        "facts": dataset_pages.dialect_facts(dataset),
        "notes": dialect.get("notes") or [],
        "preamble": dialect.get("preamble") or [],
        "rules": dataset_pages.rules_text(dataset),
    }


def _column_page(request: PersonRequest, dataset: Dataset) -> Page[DatasetColumn]:
    columns = DatasetColumn.objects.filter(dataset=dataset)
    if search := request.GET.get("find", "").strip():
        columns = columns.filter(name__icontains=search)
    return Paginator(columns, dataset_pages.COLUMNS_LENGTH).get_page(request.GET.get("columns"))
