"""The list of datasets and the page of one."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Dataset, DatasetColumn, Job
from frontend.datasets.pages import dataset as dataset_pages
from frontend.datasets.pages.dataset import profile_of
from tests.unit.frontend.conftest import HTMX, MakeDataset

VIEWS = ["columns", "rows", "rejected", "reading"]


def test_the_list_shows_my_datasets(as_alice: Client, alice: User, bob: User, make_dataset: MakeDataset) -> None:
    make_dataset(alice, name="hers")
    make_dataset(bob, name="his")
    page = as_alice.get(reverse("headway:dataset_list")).text
    assert "hers" in page
    assert ">his<" not in page
    assert "No dataset&#x27;s name holds" in as_alice.get(reverse("headway:dataset_list"), {"q": "z"}).text.replace(
        "dataset's", "dataset&#x27;s"
    )


def test_an_empty_list_says_how_datasets_come(as_alice: Client) -> None:
    assert "No datasets yet." in as_alice.get(reverse("headway:dataset_list")).text


def test_the_page_accounts_for_every_record(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice, rejected=2)
    page = as_alice.get(dataset.get_absolute_url()).text
    text = re.sub(r"<[^>]+>", "", page)
    assert "7 records in people.csv = 4 rows + 2 rejected + 1 duplicate." in text


def test_the_page_offers_what_takes_a_dataset_and_the_downloads(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    page = as_alice.get(dataset.get_absolute_url()).text
    assert f'href="/pipelines/copy_letters/?dataset={dataset.pk}"' in page
    assert "Cleaned CSV" in page


def test_columns_have_a_profile_and_a_histogram_in_words(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    page = as_alice.get(make_dataset(alice).get_absolute_url()).text
    assert 'aria-label="Histogram of column 0: 2 ranges from 0 to 2, fullest 1 to 2 with 2 rows"' in page
    assert "<rect" in page
    assert "25.0%" in page
    assert "in the file: COLUMN 0" in page


def test_first_rows_show_empty_values_as_such(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    page = as_alice.get(make_dataset(alice).get_absolute_url(), {"view": "rows"}).text
    assert '<td class="is-null">empty</td>' in page
    assert "<td>ä</td>" in page


def test_rejected_rows_come_with_line_value_and_reason_in_pages(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice, rejected=dataset_pages.ROWS_LENGTH + 1)
    page = as_alice.get(dataset.get_absolute_url(), {"view": "rejected"}).text
    assert page.count("is no integer") == dataset_pages.ROWS_LENGTH
    assert "?view=rejected&amp;page=2" in page


def test_the_reading_is_in_words_with_a_way_to_correct_it(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    page = as_alice.get(dataset.get_absolute_url(), {"view": "reading"}).text
    for text in ("CP1252", "Semicolon", "One line", "Two lines were odd."):
        assert text in page
    assert f'href="/pipelines/letters/?again={dataset.job_id}"' in page


def test_a_wide_dataset_shows_its_columns_in_pages(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice, columns=2 * dataset_pages.COLUMNS_LENGTH + 1)
    for view in ("columns", "rows"):
        page = as_alice.get(dataset.get_absolute_url(), {"view": view, "columns": 2}).text
        assert f"column {dataset_pages.COLUMNS_LENGTH}" in page
        assert "column 1<" not in page
        assert "columns=3" in page
    found = as_alice.get(dataset.get_absolute_url(), {"find": "column 100"}).text
    assert "column 100" in found
    assert "column 99" not in found


@pytest.mark.parametrize("view", VIEWS)
def test_a_dataset_without_rows_or_files_still_has_its_page(
    as_alice: Client, alice: User, make_dataset: MakeDataset, view: str
) -> None:
    dataset = make_dataset(alice, columns=0, rejected=0)
    Dataset.objects.filter(pk=dataset.pk).update(preview_path="gone.json", rows=0, dialect={})
    assert as_alice.get(dataset.get_absolute_url(), {"view": view}).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_page_is_the_same_with_htmx_and_without(
    as_alice: Client, alice: User, make_dataset: MakeDataset, headers: dict[str, str]
) -> None:
    assert "<html" in as_alice.get(make_dataset(alice).get_absolute_url(), headers=headers).text


def test_posting_is_refused(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    assert as_alice.post(make_dataset(alice).get_absolute_url()).status_code == 405
    assert as_alice.post(reverse("headway:dataset_list")).status_code == 405


def test_somebody_elses_dataset_is_not_found(as_bob: Client, alice: User, make_dataset: MakeDataset) -> None:
    assert as_bob.get(make_dataset(alice).get_absolute_url()).status_code == 404


def test_the_dataset_of_a_job_that_did_not_succeed_is_not_found(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    Job.objects.filter(pk=dataset.job_id).update(state="cancelled")
    assert as_alice.get(dataset.get_absolute_url()).status_code == 404


def test_a_profile_of_nothing_is_empty() -> None:
    profile = profile_of(DatasetColumn(name="a", type="text", stats={}), rows=0)
    assert profile.bars == []
    assert profile.chart_text == ""
    assert not profile.has_more


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("-2563.150000", "-2,563.15"),
        ("100.000", "100"),
        ("NaN", "NaN"),
        ("0.000001", "0.000001"),
        (1234.5678, "1,234.57"),
        (0.00012346, "0.0001235"),
        (12, "12"),
        (None, ""),
    ],
)
def test_numbers_of_a_profile_say_no_more_digits_than_they_hold(value: object, text: str) -> None:
    profile = profile_of(DatasetColumn(name="a", type="decimal", stats={"min": value}), rows=1)
    assert profile.minimum == text


@pytest.mark.parametrize(
    ("kind", "stored", "text"),
    [
        ("date", 1704067200.0, "2024-01-01"),
        ("date", "2024-01-01", "2024-01-01"),
        ("timestamp", 1704103230.0, "2024-01-01 10:00:30"),
        ("timestamp", "2024-01-01 10:00:30", "2024-01-01 10:00:30"),
        ("timestamp", -86400 * 365.0, "1969-01-01 00:00:00"),
        ("integer", 1704067200.0, "1,704,067,200"),
    ],
)
def test_quantiles_of_days_and_times_are_days_and_times(kind: str, stored: object, text: str) -> None:
    column = DatasetColumn(name="a", type=kind, stats={"quantiles": [stored] * 5})
    assert profile_of(column, rows=9).quantiles[2] == ("Median", text)


def test_a_bar_of_few_among_many_is_still_seen() -> None:
    stats = {"histogram": [{"low": 0, "high": 1, "count": 1}, {"low": 1, "high": 2, "count": 10**6}]}
    bars = profile_of(DatasetColumn(name="a", type="integer", stats=stats), rows=10**6).bars
    assert bars[0].height >= 1
    assert bars[1].height == dataset_pages.CHART_HEIGHT
