"""The options of every import's form."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from django.http import QueryDict

from actors.imports.forms import ImportForm
from actors.imports.options import Options
from tests.configuration import OwnConf


def filled(**values: str) -> ImportForm:
    """Return the form as a page, or the command line, sends it."""
    data = QueryDict(mutable=True)
    data.update({"ragged": "pad", "quotes": "repair", **values})
    return ImportForm(data)


def test_an_untouched_form_is_valid_and_asks_for_nothing() -> None:
    form = filled()
    assert form.is_valid()
    options = Options.from_params(form.cleaned_data)
    assert (options.dialect, options.checks, options.rules) == ({}, {}, [])


@pytest.mark.parametrize(
    ("values", "dialect"),
    [
        ({"delimiter": "none"}, {"delimiter": ""}),
        ({"comment": "#"}, {"comment": "#"}),
        ({"comment": "none"}, {"comment": ""}),
        ({"quote": "none", "escape": "backslash"}, {"quote": "none", "escape": "backslash"}),
        ({"other_delimiter": "#"}, {"delimiter": "#"}),
        ({"delimiter": ";", "other_delimiter": "||"}, {"delimiter": "||"}),
    ],
)
def test_a_choice_arrives_at_the_reading(values: dict[str, str], dialect: dict[str, Any]) -> None:
    form = filled(**values)
    assert form.is_valid(), form.errors
    assert Options.from_params(form.cleaned_data).dialect == dialect


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"delimiter": "other"}, "Give the delimiter."),
        ({"other_delimiter": '"'}, "A quote, a backslash or a line end cannot be a delimiter."),
        ({"delimiter": "other", "other_delimiter": "\\"}, "A quote, a backslash or a line end cannot be a delimiter."),
        ({"other_delimiter": "'", "quote": "'"}, "' is the quote; it cannot be the delimiter as well."),
        ({"other_delimiter": "#", "comment": "#"}, "# begins comments; it cannot be the delimiter as well."),
    ],
)
def test_a_delimiter_that_means_something_else_is_refused(values: dict[str, str], sentence: str) -> None:
    form = filled(**values)
    assert not form.is_valid()
    assert form.errors["other_delimiter"] == [sentence]


@pytest.mark.parametrize(("most", "text"), [(50.0, "50"), (2.5, "2.5"), (100.0, "100")])
def test_the_sites_limit_on_rejected_rows_is_shown(conf: OwnConf, most: float, text: str) -> None:
    conf.IMPORT_MAX_REJECTED_PERCENT = most
    field = ImportForm()["max_rejected_percent"]
    assert field.help_text.startswith(f"Empty: {text} %.")
    assert f'placeholder="{text}"' in str(field)


@pytest.mark.parametrize(
    ("rules", "types", "declared"),
    [
        (None, {"day": "date"}, [{"column": "day", "type": "date"}]),
        (
            [{"column": "price", "min": "0"}],
            {"day": "date"},
            [{"column": "price", "min": "0"}, {"column": "day", "type": "date"}],
        ),
        # A rule that is there is changed, whatever case it names its column in.
        (
            [{"column": "Day", "type": "text", "required": True}],
            {"day": "date"},
            [{"column": "Day", "type": "date", "required": True}],
        ),
        (
            [],
            {"a": "integer", "b:c": "float"},
            [{"column": "a", "type": "integer"}, {"column": "b:c", "type": "float"}],
        ),
        ([], {"a": "nonsense"}, []),
    ],
)
def test_a_declared_type_becomes_the_columns_rule(rules: Any, types: dict[str, str], declared: Any) -> None:
    before = {"rules": deepcopy(rules), "name": "sales"}
    assert ImportForm.declared(before, types) == {"rules": declared}
    # What the job of before was given stays as it is.
    assert before["rules"] == rules


def test_declared_types_pass_the_form_as_its_page_sends_them() -> None:
    values = ImportForm.declared({"rules": [{"column": "price", "min": "0"}]}, {"day": "date"})
    page = str(ImportForm(initial=values)["rules"])
    assert 'value="day"' in page
    assert '<option value="date" selected>' in page
    sent = {
        "rules-0-column": "price",
        "rules-0-min": "0",
        "rules-1-column": "day",
        "rules-1-type": "date",
    }
    form = filled(**sent)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["rules"] == [{"column": "price", "min": "0"}, {"column": "day", "type": "date"}]


def test_a_rule_that_gives_a_type_alone_is_folded_and_says_it() -> None:
    rules = [{"column": "price", "min": "0"}, {"column": "day", "type": "date"}, {"column": "size", "type": "integer"}]
    page = str(ImportForm(initial={"rules": [*rules, {"column": "no", "type": "integer", "required": True}]})["rules"])
    folded = [text.split("</summary>")[0].strip() for text in page.split('<details class="rule">')[1:]]
    assert [text.removeprefix("<summary>") for text in folded[:2]] == ["Rule 2: day, date", "Rule 3: size, integer"]
    assert "Rule 4: no</summary>" in page
    assert page.count('<details class="rule" open>') == 2


def test_a_rule_for_a_column_of_several_lines_is_shown_as_json() -> None:
    page = str(ImportForm(initial={"rules": [{"column": "a\nb", "type": "date"}]})["rules"])
    assert "a\\nb" in page
    assert 'value="a' not in page
