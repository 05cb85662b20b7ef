"""What statements are put together from."""

from __future__ import annotations

import pytest

from core.database import fragments
from core.database.acts import Act
from core.database.fragments import FOLDER, expand
from core.database.statements import _statement
from core.models import states
from core.models.states import State

NAMES = sorted(path.stem for path in FOLDER.glob("*.sql"))
VENDORS = ("postgresql", "sqlite")


@pytest.mark.parametrize("name", NAMES)
def test_lists_of_states_are_written_in_states_py_alone(name: str) -> None:
    text = (FOLDER / f"{name}.sql").read_text()
    for listed in (states.CLAIMABLE, states.LIVE, states.TERMINAL, states.RETRIABLE, states.IDLE, states.UNCOUNTED):
        assert fragments.literals(listed) not in text


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "fragments"])
def test_every_statement_is_there_in_the_words_of_both_databases(name: str, vendor: str) -> None:
    statement = _statement(name, vendor)
    text = statement.as_one if isinstance(statement, Act) else statement
    assert "{" not in text
    assert "$" not in text
    assert ("json_each" in text) <= (vendor == "sqlite")
    assert ("FOR NO KEY UPDATE" in text) <= (vendor == "postgresql")


def test_a_list_of_states_is_literals() -> None:
    assert expand("state IN {claimable}", "sqlite") == "state IN ('scheduled', 'queued', 'retrying')"
    assert expand("state IN {claimable}", "postgresql") == "state IN ('scheduled', 'queued', 'retrying')"


def test_a_quote_in_a_literal_ends_nothing() -> None:
    assert fragments.literals(["it's", State.FAILED]) == "('it''s', 'failed')"


def test_a_fragment_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError, match="unknown fragment 'claimabel'"):
        expand("state IN {claimabel}", "sqlite")


def test_a_shared_fragment_is_about_the_row_that_is_named() -> None:
    assert expand("{at_last_crash}", "sqlite") == "j.crashes > 0 AND j.crashes + 1 >= j.max_crashes"
    assert expand("{at_last_crash:o}", "sqlite") == "o.crashes > 0 AND o.crashes + 1 >= o.max_crashes"


def test_rows_of_json_are_a_table_on_both() -> None:
    text = 'FROM {rows:rows AS w ("limit" text, params jsonb)}'
    assert expand(text, "postgresql") == 'FROM jsonb_to_recordset(%(rows)s::jsonb) AS w ("limit" text, params jsonb)'
    assert expand(text, "sqlite") == (
        """FROM (SELECT value ->> 'limit' AS "limit", value -> 'params' AS params FROM json_each(%(rows)s)) AS w"""
    )
