"""What a regular report asks of fresh data, and whom it may be mailed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from actors.pipelines.report.forms import MOST_RECIPIENTS, RecipientsField, ReportForm
from actors.pipelines.report.pipeline import _check
from core.errors import PermanentError
from core.models import Dataset, Job, Source
from tests.configuration import OwnConf

from .documenting import make_dataset

pytestmark = pytest.mark.django_db

COLUMNS = [("region", "text"), ("amount", "decimal")]
#: Longer than the 254 characters of an address.
LONG = f"a@{'b' * 62}.{'c' * 63}.{'d' * 63}.{'e' * 59}.org"


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    return tmp_path / "files"


@pytest.fixture
def model(db: None) -> Dataset:
    owner = User.objects.create_user("alice")
    return make_dataset(owner, COLUMNS, [("North", "1.00")])


def came(model: Dataset, columns: list[tuple[str, str]], rows: int = 3, **counts: int) -> Dataset:
    dataset = make_dataset(model.owner, columns, [])
    Dataset.objects.filter(pk=dataset.pk).update(rows=rows, **counts)
    return Dataset.objects.get(pk=dataset.pk)


def check(imported: Dataset, model: Dataset, **params: Any) -> dict[str, Any]:
    return _check(imported.pk, model, params)


def test_the_same_columns_in_any_order_pass(model: Dataset) -> None:
    imported = came(model, [("amount", "decimal"), ("region", "text")])
    assert check(imported, model) == {"dataset": imported.pk, "rows": 3}


def test_whole_numbers_pass_where_decimals_are_expected(model: Dataset) -> None:
    assert check(came(model, [("region", "text"), ("amount", "integer")]), model)["rows"] == 3


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([("amount", "decimal")], "missing: region"),
        ([*COLUMNS, ("note", "text")], "not expected: note"),
        ([("region", "text"), ("amount", "text")], "amount (now text, was decimal)"),
    ],
    ids=["missing", "extra", "type"],
)
def test_other_columns_fail_and_are_named(model: Dataset, columns: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(PermanentError, match=r"^Check it: the columns are not those of invoices") as caught:
        check(came(model, columns), model)
    assert said in str(caught.value)


def test_at_least_the_same_columns_allows_more_but_none_missing(model: Dataset) -> None:
    assert check(came(model, [*COLUMNS, ("note", "text")]), model, expected="present")
    with pytest.raises(PermanentError, match="missing: region"):
        check(came(model, [("amount", "decimal")]), model, expected="present")


def test_whatever_comes_passes_when_that_is_asked_for(model: Dataset) -> None:
    assert check(came(model, [("other", "date")]), model, expected="any")


def test_too_few_rows_fail(model: Dataset) -> None:
    with pytest.raises(PermanentError, match="3 rows came, and at least 4"):
        check(came(model, COLUMNS), model, least_rows=4)
    assert check(came(model, COLUMNS), model, least_rows=3)
    assert check(came(model, COLUMNS, rows=0), model, least_rows=0)


def test_a_table_without_rows_is_reported_without_its_types(model: Dataset) -> None:
    empty = came(model, [("region", "text"), ("amount", "text")], rows=0)
    with pytest.raises(PermanentError, match="0 rows came, and at least 1"):
        check(empty, model, least_rows=1)
    assert check(empty, model, least_rows=0)


def test_too_many_rejected_rows_fail(model: Dataset) -> None:
    imported = came(model, COLUMNS, records=100, rejected=11)
    with pytest.raises(PermanentError, match=r"11 of 100 rows were rejected \(11\.0 %\), and at most 10 %"):
        check(imported, model, most_rejected_percent=10.0)
    assert check(imported, model, most_rejected_percent=11.0)
    assert check(imported, model)


def test_recipients_come_one_a_line_or_with_commas_each_once() -> None:
    assert RecipientsField().clean("a@example.com\nb@example.com, a@example.com") == ["a@example.com", "b@example.com"]
    assert RecipientsField().clean(["a@example.com"]) == ["a@example.com"]


@pytest.mark.parametrize("text", ["", "nobody", "a@example.com\nb@", "a@example.com; b@example.com", LONG])
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        RecipientsField().clean(text)


def test_more_recipients_than_a_report_goes_to_are_refused() -> None:
    with pytest.raises(ValidationError, match="51 addresses"):
        RecipientsField().clean("\n".join(f"p{number}@example.com" for number in range(MOST_RECIPIENTS + 1)))


def test_the_datasets_address_stays_when_newer_data_came_from_it(model: Dataset) -> None:
    url = "https://data.example/sales.csv"

    def offered() -> str:
        return str(ReportForm(user=model.owner, initial={"dataset": model.pk})["url"].initial)

    assert offered() == ""
    parent = make_dataset(model.owner, COLUMNS, []).job
    Job.objects.filter(pk=model.job_id).update(parent=parent, params={"item": {"number": 1, "url": url}})
    assert offered() == url
    source = Source.objects.create(
        owner=model.owner, fingerprint="a" * 64, url=url + "?new", dataset=model, sha256="b" * 64
    )
    assert offered() == source.url


def test_a_report_is_made_of_one_address(model: Dataset) -> None:
    form = ReportForm(user=model.owner, data={"url": "https://a.example/1.csv\nhttps://a.example/2.csv"})
    assert form.errors["url"] == ["Give one address: a report is made of one table."]
