"""The page of one dataset, one part at a time: columns, rows, rejected rows, or how the file was read."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator

from core import pipelines, policy
from core.forms import downloads
from core.models import Artifact, Dataset, DatasetColumn, Job
from frontend.datasets.pages import dataset as dataset_pages
from frontend.datasets.pages import nearly_typed
from frontend.datasets.pages import reading as dataset_reading
from frontend.site import expiry
from frontend.site.security import PersonRequest

VIEWS = ("columns", "rows", "rejected", "reading")


def context_of(request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    """Return what the page shows; `?view=` names the part."""
    view = request.GET.get("view", "")
    view = view if view in VIEWS else VIEWS[0]
    parts = {"columns": _columns, "rows": _rows, "rejected": _rejected, "reading": _reading}
    dialect: dict[str, Any] = dataset.dialect or {}
    return {
        "dataset": dataset,
        "view": view,
        "actions": pipelines.taking("dataset", is_staff=policy.operates(request.user)),
        "downloads": _available_files(dataset),
        "files": downloads.files_of(dataset, is_staff=policy.operates(request.user)),
        "expiry": expiry.of_dataset(dataset),
        "origin": _origin(dataset),
        "warnings": dialect.get("warnings") or [],
        "notes": dialect.get("notes") or [],
        "looked_for_duplicates": dataset_reading.looked_for_duplicates(dataset),
        **parts[view](request, dataset),
    }


def _available_files(dataset: Dataset) -> list[Artifact]:
    """Return the files of the dataset's job that still exist."""
    outputs = [artifact for artifact in dataset.job.artifacts.all() if artifact.kind == Artifact.Kind.OUTPUT]
    return [artifact for artifact in outputs if artifact.local_path.is_file()]


def _origin(dataset: Dataset) -> Job | None:
    """Return the job whose form can make the dataset again: for a part the whole job; None when there is no form."""
    job = dataset.job.parent or dataset.job
    return job if job.spec is not None else None


def _columns(request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    page = _column_page(request, dataset)
    is_pending = dataset_pages.is_pending(dataset)
    profiles = [dataset_pages.profile_of(column, rows=dataset.rows, is_pending=is_pending) for column in page]
    return {
        "column_page": page,
        "profiles": profiles,
        "is_pending": is_pending and not all(profile.is_there for profile in profiles),
        "can_declare": (can_declare := _can_declare(dataset)),
        "together": _together(dataset) if can_declare else None,
        "chart_width": dataset_pages.CHART_WIDTH,
        "chart_height": dataset_pages.CHART_HEIGHT,
    }


def _together(dataset: Dataset) -> nearly_typed.NearlyTogether | None:
    """Return the columns that nearly have a type, whatever page of columns is shown."""
    columns = DatasetColumn.objects.filter(dataset=dataset, stats__has_key="nearly")[: nearly_typed.MOST_TOGETHER]
    return nearly_typed.together(columns, rows=dataset.rows)


def _can_declare(dataset: Dataset) -> bool:
    """Whether the form that made the dataset accepts types of columns, and made no other dataset as well."""
    origin = _origin(dataset)
    if origin is None or origin.spec is None or not getattr(origin.spec.form, "can_declare", False):
        return False
    result = origin.result if isinstance(origin.result, dict) else {}
    return origin.pk == dataset.job_id or result.get("dataset") == dataset.pk


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
    rejected = dataset_pages.preview_of(dataset).rejected
    page = Paginator(rejected, dataset_pages.ROWS_LENGTH).get_page(request.GET.get("page"))
    return {"page": page, "is_cut": len(rejected) < dataset.rejected, "has_values": any(row[1] for row in page)}


def _reading(_request: PersonRequest, dataset: Dataset) -> dict[str, Any]:
    dialect: dict[str, Any] = dataset.dialect or {}
    files = {artifact.field: artifact for artifact in _available_files(dataset)}
    is_accounted_for = dataset_reading.is_accounted_for(dataset)
    return {
        "facts": dataset_reading.facts_of(dataset),
        "lines": dataset_reading.lines_of(dataset, files) if is_accounted_for else [],
        "mended": dataset_reading.mended_of(dataset),
        "preamble": dialect.get("preamble") or [],
        "rules": dataset_reading.rules_text(dataset),
    }


def _column_page(request: PersonRequest, dataset: Dataset) -> Page[DatasetColumn]:
    columns = DatasetColumn.objects.filter(dataset=dataset)
    if search := request.GET.get("find", "").strip():
        columns = columns.filter(name__icontains=search)
    return Paginator(columns, dataset_pages.COLUMNS_LENGTH).get_page(request.GET.get("columns"))
