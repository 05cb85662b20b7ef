"""Datasets, and their rows."""

from __future__ import annotations

from ninja import Query, Router

from core.models import Dataset
from frontend.api.access import ApiRequest, Scope, needs, one_for
from frontend.api.pages import datasets as pages
from frontend.api.paging import page_of

router = Router(tags=["Datasets"])


@router.get(
    "/datasets", response=pages.DatasetList, auth=needs(Scope.READ), url_name="api_datasets", summary="List datasets"
)
def datasets(request: ApiRequest, query: Query[pages.DatasetQuery]) -> pages.DatasetList:
    """List the datasets that you can open, newest first."""
    page, following = page_of(request, pages.matching(request, query), query)
    return pages.DatasetList(items=[pages.brief(dataset, request) for dataset in page], next=following)


@router.get(
    "/datasets/{int:dataset_id}",
    response=pages.DatasetBody,
    auth=needs(Scope.READ),
    url_name="api_dataset",
    summary="Get a dataset and its columns",
)
def dataset(request: ApiRequest, dataset_id: int) -> pages.DatasetBody:
    """Get a dataset with the profile of each column."""
    return pages.whole(_one(request, dataset_id), request)


@router.get(
    "/datasets/{int:dataset_id}/rows",
    response=pages.RowList,
    auth=needs(Scope.READ),
    url_name="api_dataset_rows",
    summary="Read rows",
)
def dataset_rows(request: ApiRequest, dataset_id: int, query: Query[pages.RowsQuery]) -> pages.RowList:
    """Read rows in the order of the file. For a whole table, download the file of its job instead."""
    return pages.rows(_one(request, dataset_id), request, query)


def _one(request: ApiRequest, dataset_id: int) -> Dataset:
    return one_for(request, pages.visible(request).select_related("owner"), dataset_id)
