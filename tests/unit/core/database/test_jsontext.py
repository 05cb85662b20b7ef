"""JSON that every database here can hold."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.database.jsontext import dumps, dumps_limited, storable
from core.errors import StepTooLarge
from tests.configuration import OwnConf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"a": [1, 2.5, True]}, '{"a": [1, 2.5, true]}'),
        (dt.date(2025, 3, 1), '"2025-03-01"'),
        (Decimal("1.50"), '"1.50"'),
        (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        ("é😀", '"\\u00e9\\ud83d\\ude00"'),
    ],
)
def test_values_are_written_as_django_writes_them(value: Any, text: str) -> None:
    assert json.loads(dumps(value)) == json.loads(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps({"x": value})


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_text_becomes_something_that_can_be_stored(value: Any) -> None:
    text = dumps(value)
    assert "\x00" not in json.dumps(json.loads(text), ensure_ascii=False)
    json.dumps(json.loads(text), ensure_ascii=False).encode()


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    clean = text.replace("\x00", "")
    assert storable(clean) == clean
    assert json.loads(dumps({clean: [clean]})) == {clean: [clean]}


def test_a_backslash_before_u0000_is_just_text() -> None:
    assert json.loads(dumps("\\u0000 \\ud800")) == "\\u0000 \\ud800"


def test_json_too_large_for_a_row_is_refused_with_a_sentence(
    conf: OwnConf,
) -> None:
    conf.JSON_LIMIT_BYTES = 1000
    assert dumps_limited("x" * 998, what="The result")
    with pytest.raises(StepTooLarge, match=r"The result is 1,001 bytes long, more than 1,000; keep it in a file"):
        dumps_limited("x" * 999, what="The result")
