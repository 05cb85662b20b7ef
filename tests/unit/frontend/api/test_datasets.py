"""Datasets, their columns and their rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from core.models import Job
from tests.unit.frontend.api.conftest import ROOT, Api, with_table
from tests.unit.frontend.conftest import MakeDataset


def test_datasets_are_listed_and_have_columns(alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    first, second = make_dataset(alice), make_dataset(alice, name="towns")
    listed = alices.get(f"{ROOT}/datasets").json()["items"]
    assert [each["id"] for each in listed] == [second.pk, first.pk]
    assert [each["id"] for each in alices.get(f"{ROOT}/datasets?q=TOWN").json()["items"]] == [second.pk]
    page = alices.get(f"{ROOT}/datasets?limit=1").json()
    assert [each["id"] for each in alices.get(page["next"]).json()["items"]] == [first.pk]
    body = alices.get(f"{ROOT}/datasets/{first.pk}").json()
    assert [(column["name"], column["type"]) for column in body["columns"]] == [
        ("column 0", "integer"), ("column 1", "text"),
    ]  # fmt: skip
    assert body["rejected"] == 1
    assert body["job"] == first.job_id


def test_rows_come_in_order_page_by_page(alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    with_table(dataset)
    address, seen = f"{ROOT}/datasets/{dataset.pk}/rows?limit=1000", []
    while address:
        page = alices.get(address).json()
        assert page["total"] == 2500
        seen += page["items"]
        address = page["next"]
    assert [row[0] for row in seen] == list(range(2500))
    assert page["columns"] == ["number", "text", "price", "day", "at", "clock", "share"]
    assert seen[3] == [3, "ä3", "0.375", "2026-11-29", "2026-11-29T12:00:00", "07:00:00", None]
    assert seen[4][6] == "nan"


def test_a_wide_table_has_few_rows_on_a_page(alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    columns = ", ".join(f"range AS c{number}" for number in range(1000))
    with_table(dataset, f"SELECT {columns} FROM range(150)", rows=150)  # noqa: S608  of our own words
    page = alices.get(f"{ROOT}/datasets/{dataset.pk}/rows?limit=1000").json()
    assert len(page["items"]) == 100
    rest = alices.get(page["next"]).json()
    assert (rest["items"][0][0], len(rest["items"]), rest["next"]) == (100, 50, None)


@pytest.mark.parametrize("query", ["offset=-1", "limit=0", "limit=1001", "offset=x", "offset=" + "9" * 30])
def test_a_page_that_can_not_be_is_refused(alices: Api, alice: User, make_dataset: MakeDataset, query: str) -> None:
    dataset = make_dataset(alice)
    assert alices.get(f"{ROOT}/datasets/{dataset.pk}/rows?{query}").status_code == 422


def test_beyond_the_end_there_is_nothing(alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    with_table(dataset)
    for offset in (2500, 2**62):
        page = alices.get(f"{ROOT}/datasets/{dataset.pk}/rows?offset={offset}").json()
        assert (page["items"], page["next"]) == ([], None)


def test_rows_that_are_gone_are_said_to_be(alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    answer = alices.get(f"{ROOT}/datasets/{make_dataset(alice).pk}/rows")
    assert (answer.status_code, answer.json()["detail"]) == (404, "The rows of this dataset are no longer kept.")


def test_somebody_elses_dataset_is_not_there(bobs: Api, alices: Api, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    for path in ("", "/rows"):
        assert bobs.get(f"{ROOT}/datasets/{dataset.pk}{path}").status_code == 404
    assert bobs.get(f"{ROOT}/datasets").json()["items"] == []
    Job.objects.update(state="cancelled")
    assert alices.get(f"{ROOT}/datasets/{dataset.pk}").status_code == 404
