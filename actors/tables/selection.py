"""Which rows of a table a person chose, and in which order: read with clear sentences, made into SQL.

A filter is `{"column", "op", "value"}`; a row stays when all filters hold. A sort key is `{"column", "descending"}`.
Columns are (name, type) pairs, the types those of a dataset: text, integer, decimal, float, boolean, date, time and
timestamp. What a value means follows from its column's type, so that 9 comes before 10 and a day is a whole day.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from .engine import literal, name

#: What a filter may ask, with the words that a page shows for it.
OPERATORS = {
    "eq": "is",
    "ne": "is not",
    "lt": "is less than",
    "le": "is at most",
    "gt": "is more than",
    "ge": "is at least",
    "contains": "contains",
    "starts": "starts with",
    "in": "is one of",
    "empty": "is empty",
    "filled": "is not empty",
}
#: Those that take no value.
BARE_OPERATORS = ("empty", "filled")
NUMERIC = ("integer", "decimal", "float")
MAX_FILTERS = 30
MAX_SORTS = 10
#: Values of one "is one of".
MAX_VALUES = 10_000


def in_words(entry: dict[str, Any]) -> str:
    """Return a filter as a person reads it."""
    words = f"{entry.get('column', '')} {OPERATORS.get(entry.get('op', ''), entry.get('op', ''))}"
    return words if entry.get("op") in BARE_OPERATORS else f"{words} “{entry.get('value', '')}”"


_SIGNS = {"eq": "=", "ne": "IS DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
#: How a sentence names a type, and how a value of it is written.
_TYPES = {
    "integer": ("a number", "1234"),
    "decimal": ("a number", "1234.56"),
    "float": ("a number", "1234.56"),
    "boolean": ("true or false", "true"),
    "date": ("a date", "2025-12-31"),
    "time": ("a time", "23:59"),
    "timestamp": ("a date with a time", "2025-12-31 23:59"),
}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
#: Digits that the engine compares exactly, beside columns of up to 38 digits with 9 of them after the point.
_WHOLE_DIGITS, _PLACES = 29, 9

Columns = Sequence[tuple[str, str]]


class SelectionError(ValueError):
    """Raised when a filter or a sort key can't be used. The message is a sentence for the person."""


def check(filters: Iterable[Mapping[str, Any]], sort: Iterable[Mapping[str, Any]], columns: Columns) -> list[str]:
    """Return a sentence for each thing that is wrong; an empty list means that both can be made into SQL."""
    types = dict(columns)
    entries, keys = list(filters), list(sort)
    problems = []
    if len(entries) > MAX_FILTERS:
        problems.append(f"There are {len(entries):,} filters; at most {MAX_FILTERS} can be used.")
    if len(keys) > MAX_SORTS:
        problems.append(f"There are {len(keys):,} columns to sort by; at most {MAX_SORTS} can be used.")
    for entry in entries[:MAX_FILTERS]:
        problems += _sentence(_condition, entry, types)
    sorted_by: set[str] = set()
    for key in keys[:MAX_SORTS]:
        problems += _sentence(_term, key, types)
        if key.get("column") in sorted_by:
            problems.append(f"“{key['column']}” is named twice in the sort; once is enough.")
        sorted_by.add(str(key.get("column")))
    return list(dict.fromkeys(problems))


def where_sql(filters: Iterable[Mapping[str, Any]], columns: Columns) -> str:
    """Return the condition that holds for the rows that stay, to stand after WHERE; `true` without filters.

    Raises SelectionError with the sentence that `check` would give.
    """
    types = dict(columns)
    return " AND ".join(_condition(entry, types) for entry in filters) or "true"


def order_sql(sort: Iterable[Mapping[str, Any]], columns: Columns, *, ties: str = "") -> str:
    """Return the terms to stand after ORDER BY, empty values last; an empty text when there is nothing to sort by.

    The engine keeps no order among equal rows: `ties` is one more SQL term, such as the number of the row in its
    file, that makes the order the same every time. Raises SelectionError as `where_sql` does.
    """
    types = dict(columns)
    return ", ".join([*(_term(key, types) for key in sort), *([ties] if ties else [])])


def unknown_column(column: object, columns: Iterable[str]) -> str:
    """Return the sentence for a column that the dataset does not have."""
    names = list(columns)
    alike = [each for each in names if each.strip().casefold() == str(column).strip().casefold()]
    if alike:
        return f"There is no column “{column}”, but there is “{alike[0]}”."
    listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"There is no column “{column}”; there are {listed}." if names else f"There is no column “{column}”."


def split_values(text: str) -> list[str]:
    """Return the values of an "is one of": with commas between them, in double quotes where one has a comma."""
    rows = list(csv.reader([text.replace("\r", " ").replace("\n", " ")], skipinitialspace=True))
    return [value.strip() for row in rows for value in row if value.strip()]


def _sentence(
    make: Callable[[Mapping[str, Any], Mapping[str, str]], str], entry: Any, types: Mapping[str, str]
) -> list[str]:
    try:
        make(entry, types)
    except SelectionError as error:
        return [str(error)]
    return []


def _term(key: Mapping[str, Any], types: Mapping[str, str]) -> str:
    column = _column_of(key, types, "A column to sort by")
    return f"{name(column)} {'DESC' if key.get('descending') else 'ASC'} NULLS LAST"


def _condition(entry: Mapping[str, Any], types: Mapping[str, str]) -> str:
    column = _column_of(entry, types, "A filter" if not entry.get("value") else f"The filter “{entry['value']}”")
    op, text, kind = str(entry.get("op") or ""), str(entry.get("value") or ""), types[column]
    if op not in OPERATORS:
        raise SelectionError(f"“{op}” is no way to filter; there are {', '.join(OPERATORS)}.")
    cell = name(column)
    if op in BARE_OPERATORS:
        # In a text column a value of no characters looks empty, too.
        empty = f"({cell} IS NULL OR {cell} = '')" if kind == "text" else f"{cell} IS NULL"
        return empty if op == "empty" else f"NOT ({empty})"
    if not text.strip():
        raise SelectionError(f"The filter on “{column}” has no value; to find empty cells choose “is empty”.")
    if op in ("contains", "starts"):
        return _text_condition(cell, op, text.strip())
    if op == "in":
        values = split_values(text)
        if not values:
            raise SelectionError(f"The filter on “{column}” lists no value.")
        if len(values) > MAX_VALUES:
            raise SelectionError(f"The filter on “{column}” lists {len(values):,} values; {MAX_VALUES:,} are the most.")
        return "(" + " OR ".join(_compare(column, cell, kind, "eq", value) for value in values) + ")"
    if kind == "boolean" and op not in ("eq", "ne"):
        raise SelectionError(f"{column} is true or false: choose “is” or “is not” for it.")
    return _compare(column, cell, kind, op, text)


def _column_of(entry: Mapping[str, Any], types: Mapping[str, str], what: str) -> str:
    if not isinstance(entry, Mapping):
        raise SelectionError(f"{what} has to be an object that names a column.")
    column = entry.get("column")
    if not isinstance(column, str) or not column:
        raise SelectionError(f"{what} does not name its column.")
    if column not in types:
        raise SelectionError(unknown_column(column, types))
    return column


def _text_condition(cell: str, op: str, text: str) -> str:
    function = "contains" if op == "contains" else "starts_with"
    return f"{function}(lower(CAST({cell} AS VARCHAR)), lower({literal(text)}))"


def _compare(column: str, cell: str, kind: str, op: str, text: str) -> str:
    if kind in NUMERIC:
        return _compare_number(cell, kind, op, _number(column, kind, text))
    if kind == "boolean":
        truth = _TRUTHS.get(text.strip().lower())
        if truth is None:
            raise _misfit(column, kind, text)
        return f"{cell} {_SIGNS[op]} {literal(truth)}"
    if kind in ("date", "time", "timestamp"):
        return _compare_moment(column, cell, kind, op, text.strip())
    return f"{cell} {_SIGNS[op]} {literal(text)}"


def _number(column: str, kind: str, text: str) -> Decimal:
    try:
        value = Decimal(text.strip().replace("−", "-"))
    except InvalidOperation:
        raise _misfit(column, kind, text) from None
    # Beyond this no double holds it, and its digits would fill the statement.
    if not value.is_finite() or abs(value.adjusted()) > 300:
        raise _misfit(column, kind, text)
    return value


def _compare_number(cell: str, kind: str, op: str, value: Decimal) -> str:
    # Not by normalize(), which keeps 28 digits only.
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    whole, _, places = digits.lstrip("-").partition(".")
    if kind != "float" and len(whole) <= _WHOLE_DIGITS and len(places) <= _PLACES:
        return f"{cell} {_SIGNS[op]} CAST('{digits}' AS DECIMAL({len(whole) + len(places)}, {len(places)}))"
    return f"CAST({cell} AS DOUBLE) {_SIGNS[op]} CAST('{value:E}' AS DOUBLE)"


def _compare_moment(column: str, cell: str, kind: str, op: str, text: str) -> str:
    if kind == "time":
        try:
            moment = datetime.time.fromisoformat(text)
        except ValueError:
            raise _misfit(column, kind, text) from None
        return f"{cell} {_SIGNS[op]} TIME {literal(moment.replace(tzinfo=None).isoformat())}"
    day = _day(text)
    if kind == "date":
        if day is None:
            raise _misfit(column, kind, text)
        return f"{cell} {_SIGNS[op]} DATE {literal(day.isoformat())}"
    if day is not None:
        return _compare_day(cell, op, day)
    try:
        instant = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise _misfit(column, kind, text) from None
    if instant.tzinfo is not None:
        # A dataset keeps the times of zones as UTC.
        instant = instant.astimezone(datetime.UTC).replace(tzinfo=None)
    return f"{cell} {_SIGNS[op]} TIMESTAMP {literal(instant.isoformat(sep=' '))}"


def _compare_day(cell: str, op: str, day: datetime.date) -> str:
    """Compare a timestamp with a whole day, as one reads it: "at most the 31st" ends with that day."""
    first = f"TIMESTAMP {literal(f'{day.isoformat()} 00:00:00')}"
    after = f"({first} + INTERVAL 1 DAY)"
    within = f"({cell} >= {first} AND {cell} < {after})"
    return {
        "eq": within,
        "ne": f"(NOT {within} OR {cell} IS NULL)",
        "lt": f"{cell} < {first}",
        "le": f"{cell} < {after}",
        "gt": f"{cell} >= {after}",
        "ge": f"{cell} >= {first}",
    }[op]


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _misfit(column: str, kind: str, text: str) -> SelectionError:
    described, example = _TYPES[kind]
    return SelectionError(
        f"{column} is {described}: “{text.strip()}” can't be compared with it. Write it like {example}."
    )
