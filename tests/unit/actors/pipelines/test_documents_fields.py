"""What a template's fields take, which columns are meant for them, and what files are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.pipelines.documents.fields import (
    TemplateField,
    UnreadableValue,
    check_mapping,
    fields_of,
    similar_columns,
)
from actors.pipelines.documents.naming import LENGTH, Names, safe_name
from actors.typesetting import templates
from actors.typesetting.templates import Template
from core.errors import PermanentError


def field(kind: str = "text", **options: Any) -> TemplateField:
    return TemplateField(**{"name": "due", "label": "Due", "kind": kind, **options})


def template(**settings: Any) -> Template:
    return Template(name="own", kind="documents", title="Own", description="", folder=Path(), settings=settings)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("text", " a b ", "a b"),
        ("text", "", None),
        ("text", None, None),
        ("number", "1234.50", "1234.50"),
        ("number", "1e3", "1000"),
        ("number", "-0.5", "-0.5"),
        ("number", "−5", "-5"),
        ("money", "0", "0"),
        ("number", "0.1000000000000000055511151231257827", "0.1"),
        ("date", "2025-12-31", "2025-12-31"),
        ("date", "2025-12-31 10:00:00", "2025-12-31"),
    ],
)
def test_a_value_reaches_the_template_in_one_form(kind: str, value: str | None, read: str | None) -> None:
    assert field(kind).read(value) == read


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("number", "1,5", "Due is no number: “1,5”. It has to be like 1234.56."),
        ("money", "x" * 100, "Due is no number: “" + "x" * 60 + "…”. It has to be like 1234.56."),
        ("number", "NaN", "Due is no number that can be set: “NaN”."),
        ("number", "1e99", "Due is no number that can be set: “1e99”."),
        ("date", "31.12.2025", "Due is no date: “31.12.2025”. It has to be like 2025-12-31."),
        ("date", "2025-02-30", "Due is no date: “2025-02-30”. It has to be like 2025-12-31."),
    ],
)
def test_a_value_that_does_not_suit_its_field_is_told(kind: str, value: str, sentence: str) -> None:
    with pytest.raises(UnreadableValue) as error:
        field(kind).read(value)
    assert str(error.value) == sentence


def test_a_default_replaces_an_empty_value_but_no_empty_choice() -> None:
    assert field(default="x", required=True).read(" ") == "x"
    assert field(default="x").read("", or_default=False) is None
    with pytest.raises(UnreadableValue, match=r"Due is empty\."):
        field(default="x", required=True).read("", or_default=False)


@pytest.mark.parametrize("name", ["invoice", "letter", "badge"])
def test_the_templates_that_come_along_can_be_read(name: str) -> None:
    fields = fields_of(templates.get("documents", name))
    assert fields[0].required
    assert len({each.label for each in fields}) == len(fields)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "lists no"),
        ({"fields": {"Bad name": {}}}, "small letters"),
        ({"fields": {"a": "text"}}, "has to be a table"),
        ({"fields": {"a": {"kind": "image"}}}, "of the kind 'image'; there are text, number, money, date"),
        ({"fields": {"a": {"kind": "date", "default": "soon"}}}, "default that does not suit it: A is no date"),
    ],
)
def test_a_template_that_is_wrong_says_where(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        fields_of(template(**settings))


def test_columns_of_similar_names_are_chosen_each_for_one_field() -> None:
    fields = fields_of(templates.get("documents", "invoice"))
    columns = ["Invoice No", "invoice_number", "Due date", "DATE", "Récipient", "Unit", "unit amount", "Tax"]
    assert similar_columns(fields, [(name, "text") for name in columns]) == {
        "number": "invoice_number",
        "date": "DATE",
        "recipient": "Récipient",
        "unit": "Unit",
        "amount": "unit amount",
        "tax": "Tax",
        "due": "Due date",
    }
    assert similar_columns(fields, []) == {}


def test_what_is_wrong_with_a_mapping_is_said_for_each_field() -> None:
    fields = [
        field(required=True),
        TemplateField(name="sum", label="Sum", kind="money", required=True, default="1"),
        TemplateField(name="note", label="Note"),
    ]
    assert check_mapping({"due": {"column": "a"}}, fields, ["a"]) == []
    assert check_mapping(
        {"due": {"text": ""}, "sum": {"text": "much"}, "note": {"column": "b"}, "other": {}}, fields, ["a"]
    ) == [
        "The template has no field “other”; there are due, sum, note.",
        "Due: choose a column, or give a text that is the same for all.",
        "Sum is no number: “much”. It has to be like 1234.56.",
        "Note: there is no column “b” in this dataset.",
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Invoice 7", "Invoice 7"),
        ("a/b\\c:d", "a_b_c_d"),
        (" ../etc ", "_etc"),
        ("tab\tand\nline", "tab_and_line"),
        ("NUL", "_NUL"),
        ("com1.txt", "_com1.txt"),
        ("ends.", "ends"),
        ("...", ""),
        ("///", ""),
        ("\u202egpj.exe", "_gpj.exe"),
        ("e\u0301", "é"),
    ],
)
def test_a_name_is_safe_on_every_system(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.lists(st.text(max_size=80), max_size=20))
def test_names_are_short_different_and_never_lead_elsewhere(texts: list[str]) -> None:
    names = Names()
    given_names = [names.take(text, otherwise=f"Row {number}") for number, text in enumerate(texts)]
    assert len({name.casefold() for name in given_names}) == len(texts)
    for name in given_names:
        assert name
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert not name.startswith(".")
        assert len(name) <= LENGTH + 6


def test_a_name_that_looks_numbered_already_stays_different() -> None:
    names = Names()
    assert [names.take(text, otherwise="x") for text in ("a (2)", "a", "A", "a")] == ["a (2)", "a", "A (3)", "a (4)"]
