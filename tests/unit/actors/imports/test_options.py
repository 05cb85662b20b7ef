"""What a person asked for, as the steps of an import get it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.imports.options import Options


@pytest.mark.parametrize(
    ("params", "dialect"),
    [
        ({}, {}),
        ({"delimiter": "", "comment": "", "quote": ""}, {}),
        ({"delimiter": "none"}, {"delimiter": ""}),
        ({"delimiter": "tab"}, {"delimiter": "\t"}),
        ({"delimiter": "space"}, {"delimiter": " "}),
        ({"delimiter": ";"}, {"delimiter": ";"}),
        ({"delimiter": "other", "other_delimiter": "||"}, {"delimiter": "||"}),
        # As it was typed, though it be the word of another choice.
        ({"delimiter": "other", "other_delimiter": "none"}, {"delimiter": "none"}),
        ({"delimiter": "other", "other_delimiter": "tab"}, {"delimiter": "tab"}),
        ({"delimiter": "other"}, {}),
        ({"comment": "#"}, {"comment": "#"}),
        ({"comment": "none"}, {"comment": ""}),
        ({"quote": "none", "escape": "backslash"}, {"quote": "none", "escape": "backslash"}),
        ({"preamble_lines": 0, "header": "no"}, {"preamble_lines": 0, "header": "no"}),
    ],
)
def test_unset_options_are_detected_and_none_is_set_as_empty(params: dict[str, Any], dialect: dict[str, Any]) -> None:
    assert Options.from_params(params).dialect == dialect


def test_one_column_is_another_import_than_a_detected_one() -> None:
    prints = {Options.from_params({"delimiter": each}).fingerprint("0" * 64) for each in ("", "none", ",")}
    assert len(prints) == 3


def test_a_limit_of_nothing_is_a_limit() -> None:
    assert Options.from_params({"max_rejected": 0, "max_rejected_percent": 0.0}).checks == {
        "max_rejected": 0,
        "max_rejected_percent": 0.0,
    }
    assert Options.from_params({"max_rejected": None, "max_rejected_percent": None}).checks == {}
