"""The form of documents: which column fills which field, as a page sends it and as the command line does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from core import pipelines
from core.forms import Entry, open_form
from core.models import Dataset, Job
from tests.configuration import OwnConf

from .documenting import INVOICE, make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> None:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.TEMPLATE_FOLDER = tmp_path / "templates"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def dataset(alice: User) -> Dataset:
    return make_dataset(alice, [*INVOICE, ("Customer name", "text")], [])


def filled(dataset: Dataset, **data: Any) -> Entry:
    return open_form(pipelines.get("documents"), user=dataset.owner, data={"dataset": str(dataset.pk), **data})


def shown(dataset: Dataset, **initial: Any) -> str:
    form = open_form(pipelines.get("documents"), user=dataset.owner, initial={"dataset": dataset.pk, **initial}).form
    return str(form["mapping"])


def chosen(html: str) -> dict[str, str]:
    """The column that each field shows as chosen."""
    return dict(
        re.findall(r'name="mapping-(\w+)-column">(?:(?!</select>).)*<option value="([^"]+)" selected', html, re.S)
    )


def page_rows(**rows: tuple[str, str]) -> dict[str, str]:
    """Rows as a page names them: field=(column, text)."""
    return {
        f"mapping-{name}-{part}": value
        for name, pair in rows.items()
        for part, value in zip(("column", "text"), pair, strict=True)
    }


COMPLETE = page_rows(
    number=("number", ""),
    date=("date", ""),
    recipient=("recipient", "is not asked for"),
    address=("address", ""),
    description=("", "Work"),
    amount=("amount", ""),
    sender=("", "Example Studio"),
    terms=("", ""),
)


def test_columns_of_similar_names_are_chosen_at_first(dataset: Dataset) -> None:
    html = shown(dataset)
    assert chosen(html) == {**{name: name for name, _ in INVOICE}, "customer": "Customer name"}
    assert 'name="mapping-currency-text"' in html
    assert ">EUR</textarea>" in html


def test_what_a_page_sends_is_kept_as_columns_and_texts(dataset: Dataset) -> None:
    entry = filled(dataset, **COMPLETE, output="zip", name_column="recipient")
    assert entry.is_valid(), entry.form.errors
    params = Job.objects.get(pk=entry.submit().job_id).params
    assert params["mapping"] == {
        "number": {"column": "number"},
        "date": {"column": "date"},
        "recipient": {"column": "recipient"},
        "address": {"column": "address"},
        "description": {"text": "Work"},
        "amount": {"column": "amount"},
        "sender": {"text": "Example Studio"},
        "terms": {"text": ""},
    }
    assert (params["template"], params["output"], params["name_column"]) == ("invoice", "zip", "recipient")
    assert Job.objects.latest("pk").label == "Invoice: invoices"
    again = open_form(pipelines.get("documents"), user=dataset.owner, origin=Job.objects.latest("pk")).form
    html = str(again["mapping"])
    assert chosen(html)["recipient"] == "recipient"
    assert ">Example Studio</textarea>" in html
    assert "Please pay" not in html


def test_the_command_line_maps_what_it_says_and_the_rest_by_name(dataset: Dataset) -> None:
    mapping = {"sender": {"text": "S"}, "recipient": {"column": "Customer name"}}
    entry = filled(dataset, mapping=json.dumps(mapping))
    assert entry.is_valid(), entry.form.errors
    cleaned = entry.form.cleaned_data["mapping"]
    assert cleaned["sender"] == {"text": "S"}
    assert cleaned["recipient"] == {"column": "Customer name"}
    assert cleaned["number"] == {"column": "number"}
    assert "customer" not in cleaned


@pytest.mark.parametrize(
    ("data", "field", "sentence"),
    [
        ({**COMPLETE, "mapping-sender-text": " "}, "mapping", "Sender: choose a column, or give a text"),
        ({**COMPLETE, "mapping-date-column": "gone"}, "mapping", "Date: there is no column “gone” in this dataset."),
        ({**COMPLETE, "mapping-tax-text": "a lot"}, "mapping", "Tax in percent is no number: “a lot”."),
        ({"mapping": "[]x"}, "mapping", "This is not JSON"),
        ({"mapping": '{"date": "date"}'}, "mapping", "Write an object, such as"),
        ({**COMPLETE, "template": "nonsense"}, "template", "Select a valid choice."),
        ({**COMPLETE, "name_column": "gone"}, "name_column", "There is no column “gone”; there are"),
    ],
)
def test_what_is_missing_or_wrong_is_told(dataset: Dataset, data: dict[str, str], field: str, sentence: str) -> None:
    entry = filled(dataset, **data)
    assert not entry.is_valid()
    assert str(entry.form.errors[field][0]).startswith(sentence)


def test_another_template_has_own_fields_and_keeps_common_values(dataset: Dataset) -> None:
    entry = filled(dataset, **{**COMPLETE, "template": "letter", "refresh": "template"})
    assert entry.is_refresh
    entry.show_anew()
    html = str(entry.form["mapping"])
    assert "mapping-salutation-text" in html
    assert "mapping-amount-column" not in html
    assert chosen(html)["recipient"] == "recipient"
    assert ">Example Studio</textarea>" in html
    assert ">Dear {recipient},</textarea>" in html


def test_columns_of_another_dataset_replace_missing_ones(dataset: Dataset) -> None:
    other = make_dataset(dataset.owner, [("recipient", "text"), ("Invoice date", "date")], [])
    entry = filled(other, **COMPLETE, refresh="dataset")
    entry.show_anew()
    assert chosen(str(entry.form["mapping"])) == {"recipient": "recipient", "date": "Invoice date"}


def test_an_unreadable_template_is_reported_and_breaks_no_other(dataset: Dataset, conf: OwnConf) -> None:
    folder = Path(str(conf.TEMPLATE_FOLDER)) / "documents" / "own"
    folder.mkdir(parents=True)
    (folder / "template.toml").write_text('[fields.name]\nkind = "image"')
    (folder / "main.typ").touch()
    entry = filled(dataset, template="own")
    assert "This template can't be read. Choose another." in str(entry.form["mapping"])
    assert not entry.is_valid()
    assert "of the kind 'image'" in str(entry.form.errors["template"][0])
