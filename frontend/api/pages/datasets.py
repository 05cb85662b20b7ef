"""Datasets as the API shows them: their columns and their rows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from django.db.models import QuerySet
from pydantic import BaseModel, Field

from core.files import storage
from core.models import Dataset, DatasetColumn
from core.models.states import State
from frontend.api.access import ApiRequest, rows_for
from frontend.api.links import address, page_of
from frontend.api.pages import rows as table_rows
from frontend.api.paging import PageQuery, address_with
from frontend.api.problems import Problem

#: Rows of one answer, unless another number is asked for, and the most there may be.
ROWS, MOST_ROWS = 100, 1000


class DatasetQuery(PageQuery):
    """Which datasets of a list."""

    q: Annotated[str, Field(max_length=200, description="A text in their name.")] = ""


class RowsQuery(BaseModel):
    """Which rows of a dataset."""

    offset: Annotated[int, Field(ge=0, le=2**62, description="Rows to leave out.")] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = ROWS


class DatasetBrief(BaseModel):
    """A typed table that an import made."""

    id: int
    name: str
    owner: str
    job: int
    source_name: str
    records: int
    rows: int
    rejected: int
    duplicates: int
    columns: int = Field(description="How many there are.")
    created_at: dt.datetime
    is_kept: bool = Field(description="Whether a person keeps it for good.")
    url: str
    page: str


class DatasetList(BaseModel):
    """A page of datasets, the newest first."""

    items: list[DatasetBrief]
    next: str | None


class ColumnBody(BaseModel):
    """One column with its profile."""

    position: int
    name: str
    source_name: str
    type: str = Field(description="text, integer, decimal, float, boolean, date, time or timestamp.")
    nulls: int
    distinct: int
    stats: dict[str, Any] = Field(
        description=(
            "min, max, mean, quantiles (5, 25, 50, 75 and 95 %), top and histogram, where they mean something. Days "
            "and times are texts, as are decimals that no float holds."
        )
    )


class DatasetBody(BaseModel):
    """A dataset with its columns."""

    id: int
    name: str
    owner: str
    job: int
    source_name: str
    records: int
    rows: int
    rejected: int
    duplicates: int
    created_at: dt.datetime
    is_kept: bool
    dialect: dict[str, Any] = Field(description="How its file was read.")
    rules: Any = Field(description="What its rows were checked by.")
    columns: list[ColumnBody]
    rows_url: str
    files_url: str = Field(description="The files of its job, the whole table among them.")
    url: str
    page: str


class RowList(BaseModel):
    """Some rows of a dataset, in the order of its file."""

    columns: list[str]
    items: list[list[Any]] = Field(
        description="The values of each row, in the order of the columns. Days and times are texts, as are decimals."
    )
    total: int = Field(description="Rows of the whole table.")
    next: str | None = Field(description="The address of the next rows; null at the end.")


def matching(request: ApiRequest, query: DatasetQuery) -> QuerySet[Dataset]:
    datasets = visible(request).select_related("owner")
    return datasets.filter(name__icontains=query.q.strip()) if query.q.strip() else datasets


def visible(request: ApiRequest) -> QuerySet[Dataset]:
    """Return the datasets that the request may open: of jobs that succeeded."""
    return rows_for(request, Dataset.objects.filter(job__state=State.SUCCEEDED))


def brief(dataset: Dataset, request: ApiRequest) -> DatasetBrief:
    return DatasetBrief(**_facts(dataset, request), columns=dataset.column_count)


def whole(dataset: Dataset, request: ApiRequest) -> DatasetBody:
    columns = DatasetColumn.objects.filter(dataset=dataset).order_by("position")
    return DatasetBody(
        **_facts(dataset, request),
        dialect=dataset.dialect or {},
        rules=dataset.rules,
        columns=[
            ColumnBody(
                position=column.position,
                name=column.name,
                source_name=column.source_name,
                type=column.type,
                nulls=column.nulls,
                distinct=column.distinct,
                stats=column.figures,
            )
            for column in columns
        ],
        rows_url=address(request, "api_dataset_rows", dataset_id=dataset.pk),
        files_url=address(request, "api_job_files", job_id=dataset.job_id),
    )


def rows(dataset: Dataset, request: ApiRequest, query: RowsQuery) -> RowList:
    """Return some of the dataset's rows; raise Problem when they are no longer kept."""
    try:
        columns, listed = table_rows.read(storage.resolve(dataset.parquet_path), offset=query.offset, limit=query.limit)
    except (FileNotFoundError, ValueError):
        raise Problem(404, "The rows of this dataset are no longer kept.") from None
    end = query.offset + len(listed)
    has_more = bool(listed) and end < dataset.rows
    return RowList(
        columns=columns,
        items=listed,
        total=dataset.rows,
        next=address_with(request, offset=end, limit=query.limit) if has_more else None,
    )


def _facts(dataset: Dataset, request: ApiRequest) -> dict[str, Any]:
    named = ("name", "source_name", "records", "rows", "rejected", "duplicates", "created_at", "is_kept")
    return {
        **{name: getattr(dataset, name) for name in named},
        "id": dataset.pk,
        "owner": dataset.owner.get_username(),
        "job": dataset.job_id,
        "url": address(request, "api_dataset", dataset_id=dataset.pk),
        "page": page_of(request, dataset),
    }
