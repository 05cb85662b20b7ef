"""Filters and sort keys: what they mean, asked of the engine itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.tables import selection
from actors.tables.selection import SelectionError, check, order_sql, where_sql

COLUMNS = [
    ("text", "text"),
    ("whole", "integer"),
    ("exact", "decimal"),
    ("large", "decimal"),
    ("float", "float"),
    ("truth", "boolean"),
    ("day", "date"),
    ("clock", "time"),
    ("moment", "timestamp"),
    ('odd "name"; --', "text"),
]
TYPES = [
    "VARCHAR",
    "BIGINT",
    "DECIMAL(18, 2)",
    "DECIMAL(38, 9)",
    "DOUBLE",
    "BOOLEAN",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "VARCHAR",
]
ROWS: list[tuple[Any, ...]] = [
    (
        "Ada",
        9,
        Decimal("9.50"),
        Decimal("12345678901234567890123456789.5"),
        0.1,
        True,
        dt.date(2025, 3, 1),
        dt.time(9, 30),
        "2025-03-01 23:59:59",
        "it's",
    ),
    (
        "ada",
        10,
        Decimal("10.00"),
        Decimal("2"),
        10.0,
        False,
        dt.date(2025, 3, 2),
        dt.time(17, 0),
        "2025-03-02 00:00:00",
        "100%",
    ),
    (
        "",
        -1,
        Decimal("-0.01"),
        Decimal("-2"),
        -1e300,
        False,
        dt.date(1969, 1, 1),
        dt.time(0),
        "1969-01-01 00:00:00",
        "",
    ),
    (None,) * 10,
]


@pytest.fixture(scope="module")
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        names = ", ".join(f"{_quoted(name)} {kind}" for (name, _), kind in zip(COLUMNS, TYPES, strict=True))
        con.execute(f"CREATE TABLE t (row INTEGER, {names})")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        for number, row in enumerate(ROWS):
            con.execute(f"INSERT INTO t VALUES ({marks})", [number, *row])  # noqa: S608 - marks only
        yield con


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def rows_of(con: duckdb.DuckDBPyConnection, *, where: str = "true", order: str = "row") -> list[int]:
    rows = con.execute(f"SELECT row FROM t WHERE {where} ORDER BY {order}").fetchall()  # noqa: S608 - under test
    return [row[0] for row in rows]


def kept(con: duckdb.DuckDBPyConnection, *filters: tuple[str, str, str]) -> list[int]:
    """The numbers of the rows that stay."""
    entries = [{"column": column, "op": op, "value": value} for column, op, value in filters]
    assert check(entries, [], COLUMNS) == []
    return rows_of(con, where=where_sql(entries, COLUMNS))


@pytest.mark.parametrize(
    ("column", "op", "value", "rows"),
    [
        ("text", "eq", "Ada", [0]),
        ("text", "ne", "Ada", [1, 2, 3]),
        ("text", "lt", "a", [0, 2]),
        ("text", "contains", "DA", [0, 1]),
        ("text", "starts", "aD", [0, 1]),
        ("text", "empty", "", [2, 3]),
        ("text", "filled", "", [0, 1]),
        ("text", "in", 'Ada, "x, y"', [0]),
        ("whole", "lt", "10", [0, 2]),
        ("whole", "ge", "9.5", [1]),
        ("whole", "eq", " 9 ", [0]),
        ("whole", "eq", "9.5", []),
        ("whole", "ne", "9", [1, 2, 3]),
        ("whole", "in", "9,-1", [0, 2]),
        ("whole", "contains", "1", [1, 2]),
        ("whole", "empty", "", [3]),
        ("whole", "lt", "1e30", [0, 1, 2]),
        ("exact", "eq", "9.5", [0]),
        ("exact", "eq", "9.500", [0]),
        ("exact", "lt", "0", [2]),
        ("exact", "ge", "1e1", [1]),
        ("exact", "gt", "9.4999999999999", [0, 1]),
        ("large", "eq", "12345678901234567890123456789.5", [0]),
        ("large", "gt", "12345678901234567890123456789.4", [0]),
        ("large", "lt", "1e200", [0, 1, 2]),
        ("large", "eq", "−2", [2]),
        ("float", "eq", "0.1", [0]),
        ("float", "lt", "-1e299", [2]),
        ("truth", "eq", "yes", [0]),
        ("truth", "ne", "true", [1, 2, 3]),
        ("truth", "in", "true,false", [0, 1, 2]),
        ("day", "gt", "2025-03-01", [1]),
        ("day", "le", "2025-03-01", [0, 2]),
        ("day", "starts", "2025-03", [0, 1]),
        ("clock", "lt", "12:00", [0, 2]),
        ("clock", "eq", "09:30:00", [0]),
        ("moment", "eq", "2025-03-01", [0]),
        ("moment", "ne", "2025-03-01", [1, 2, 3]),
        ("moment", "le", "2025-03-01", [0, 2]),
        ("moment", "gt", "2025-03-01", [1]),
        ("moment", "ge", "2025-03-02", [1]),
        ("moment", "lt", "2025-03-01", [2]),
        ("moment", "eq", "2025-03-01 23:59:59", [0]),
        ("moment", "eq", "2025-03-02T02:00:00+02:00", [1]),
        ('odd "name"; --', "eq", "it's", [0]),
        ('odd "name"; --', "contains", "%", [1]),
    ],
)
def test_a_filter_compares_as_its_columns_type_does(
    table: duckdb.DuckDBPyConnection, column: str, op: str, value: str, rows: list[int]
) -> None:
    assert kept(table, (column, op, value)) == rows


def test_all_filters_have_to_hold_and_none_keeps_every_row(table: duckdb.DuckDBPyConnection) -> None:
    assert kept(table) == [0, 1, 2, 3]
    assert kept(table, ("text", "filled", ""), ("whole", "gt", "9")) == [1]


def test_sorting_puts_empty_values_last_and_keeps_ties_in_order(table: duckdb.DuckDBPyConnection) -> None:
    def order(*keys: tuple[str, bool]) -> list[int]:
        terms = order_sql([{"column": name, "descending": down} for name, down in keys], COLUMNS, ties="row")
        return rows_of(table, order=terms)

    assert order() == [0, 1, 2, 3]
    assert order(("whole", False)) == [2, 0, 1, 3]
    assert order(("whole", True)) == [1, 0, 2, 3]
    assert order(("truth", False), ("day", True)) == [1, 2, 0, 3]
    assert order(("truth", False)) == [1, 2, 0, 3]
    assert order_sql([], COLUMNS) == ""


@pytest.mark.parametrize(
    ("column", "op", "value", "sentence"),
    [
        ("exact", "lt", "abc", "exact is a number: “abc” can't be compared with it. Write it like 1234.56."),
        ("whole", "eq", "1,5", "whole is a number: “1,5” can't be compared with it. Write it like 1234."),
        ("whole", "eq", "NaN", "whole is a number: “NaN” can't be compared with it. Write it like 1234."),
        ("float", "eq", "1e999999999", "float is a number: “1e999999999” can't be compared with it."),
        ("truth", "eq", "maybe", "truth is true or false: “maybe” can't be compared with it. Write it like true."),
        ("truth", "lt", "true", "truth is true or false: choose “is” or “is not” for it."),
        ("day", "eq", "1.3.2025", "day is a date: “1.3.2025” can't be compared with it. Write it like 2025-12-31."),
        ("clock", "eq", "noon", "clock is a time: “noon” can't be compared with it. Write it like 23:59."),
        ("moment", "eq", "soon", "moment is a date with a time: “soon” can't be compared with it."),
        ("whole", "in", "1,x", "whole is a number: “x” can't be compared with it."),
        ("whole", "in", ", ,", "The filter on “whole” lists no value."),
        ("text", "eq", " ", "The filter on “text” has no value; to find empty cells choose “is empty”."),
        ("text", "like", "a", "“like” is no way to filter; there are eq, ne, lt, le, gt, ge, contains, starts, in,"),
        ("Text", "eq", "a", "There is no column “Text”, but there is “text”."),
        ("no", "eq", "a", "There is no column “no”; there are text, whole, exact,"),
        ("", "eq", "a", "The filter “a” does not name its column."),
        ("", "empty", "", "A filter does not name its column."),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(column: str, op: str, value: str, sentence: str) -> None:
    entry = {"column": column, "op": op, "value": value}
    problems = check([entry], [], COLUMNS)
    assert len(problems) == 1
    assert problems[0].startswith(sentence)
    with pytest.raises(SelectionError, match="^" + "".join("." if c in "(){}[]^$*+?|\\." else c for c in sentence)):
        where_sql([entry], COLUMNS)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    filters = [{"column": "whole", "op": "eq", "value": "x"}, {"column": "no", "op": "empty"}]
    sort: list[dict[str, Any]] = [{"column": "text"}, {"column": "nowhere"}, {"column": "text", "descending": True}]
    assert len(check(filters, sort, COLUMNS)) == 4


def test_too_many_filters_and_sort_keys_are_refused() -> None:
    filters = [{"column": "text", "op": "eq", "value": str(number)} for number in range(selection.MAX_FILTERS + 1)]
    sort = [{"column": f"c{number}"} for number in range(selection.MAX_SORTS + 1)]
    problems = check(filters, sort, [("text", "text"), *((f"c{number}", "text") for number in range(20))])
    assert problems == [
        "There are 31 filters; at most 30 can be used.",
        "There are 11 columns to sort by; at most 10 can be used.",
    ]


@given(value=st.text(), name=st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_no_name_and_no_value_gets_out_of_its_quotes(value: str, name: str) -> None:
    filters = [{"column": name, "op": op, "value": value} for op in ("eq", "contains", "in", "ge")]
    columns = [(name, "text")]
    usable = [entry for entry in filters if not check([entry], [], columns)]
    if "\x00" in value or any("\ud800" <= mark <= "\udfff" for mark in value + name):
        return
    with duckdb.connect() as con:
        quoted = '"' + name.replace('"', '""') + '"'
        con.execute(f"CREATE TABLE t ({quoted} VARCHAR)")
        con.execute("INSERT INTO t VALUES (?)", [value])
        for entry in usable:
            rows = con.execute(f"SELECT * FROM t WHERE {where_sql([entry], columns)}").fetchall()  # noqa: S608 - under test
            assert entry["op"] == "in" or rows == [(value,)]


def test_values_of_a_list_stand_between_commas_or_in_quotes() -> None:
    assert selection.split_values(' a, "b, c" ,,d\ne ') == ["a", "b, c", "d e"]


def test_a_filter_is_said_in_words() -> None:
    assert selection.in_words({"column": "amount", "op": "ge", "value": "2"}) == "amount is at least “2”"
    assert selection.in_words({"column": "note", "op": "empty", "value": ""}) == "note is empty"
