"""How many rows may be rejected, and the sentence about more: how many, why, and what to do about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from .account import FirstReject, Tally
from .columns import Column
from .dialect import Dialect
from .rejects import line_of
from .rules import not_of_type

#: Per cent of a table's records that may be rejected unless the person says otherwise.
DEFAULT_MAX_REJECTED_PERCENT = 50.0
#: Rejected values that a cause is shown by, and characters of each.
_VALUES = 3
_VALUE_CHARACTERS = 40
#: What stands in the scan's reasons, and the question that it leads to.
_CAUSES = (
    ("header", "Is this one table? Files that were put together have several headers."),
    ("field", "Is the delimiter right? It was taken to be {delimiter}."),
    ("quote", "Is the quote character right? It was taken to be {quote}."),
    ("longer than", "Is the quote character right? It was taken to be {quote}."),
)
_OTHER_TABLE = ("another table", "other table", "not of this table")
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a space", "\x1f": "blanks", "": "none"}


def refusal(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: list[Column],
    *,
    tally: Tally,
    settings: dict[str, Any],
    dialect: Dialect,
) -> str:
    """The sentence of a file too many of whose records were rejected; empty where they are within the limits.

    What stands after the table, or is another one, is rejected but no fault of the table's records.
    """
    aside = tally.other_table + tally.after_table
    breached = con.execute("SELECT count(*) FROM rejects").fetchall()[0][0]
    rejected, records = breached + tally.rejected - aside, tally.records - aside
    limit, percent = settings.get("max_rejected"), settings.get("max_rejected_percent")
    percent = DEFAULT_MAX_REJECTED_PERCENT if percent is None else float(percent)
    if limit is not None and rejected > int(limit):
        over = f"more than the {int(limit):,} allowed"
    elif records and rejected * 100 > percent * records:
        over = f"more than the {percent:g} % allowed"
    else:
        return ""
    summary = f"{rejected:,} of {records:,} records were rejected, {over}."
    by_scan = tally.rejected - aside
    if by_scan > breached and tally.first_rejects:
        return f"{summary} {_scans_reason(tally.first_rejects, dialect)}"
    model_columns = set(settings.get("model") or ())
    return f"{summary} {_breaches(con, folder, columns, model_columns)}"


def _scans_reason(first: list[FirstReject], dialect: Dialect) -> str:
    own = [entry for entry in first if not any(words in entry.reason for words in _OTHER_TABLE)] or first
    cause = Counter(_cause(entry.reason) for entry in own).most_common(1)[0][0]
    example = next(entry for entry in own if _cause(entry.reason) == cause)
    advice = cause.format(delimiter=_named(dialect.delimiter), quote=_named(dialect.quote))
    return f"Most were like line {example.line:,}: {_ended(example.reason)} {advice}"


def _cause(reason: str) -> str:
    return next((cause for word, cause in _CAUSES if word in reason), "Look at the rejected rows for what they share.")


def _named(mark: str) -> str:
    return _NAMES.get(mark) or f"“{mark}”"


def _ended(reason: str) -> str:
    return reason if reason.endswith(".") else f"{reason}."


def _breaches(con: duckdb.DuckDBPyConnection, folder: Path, columns: list[Column], model_columns: set[str]) -> str:
    """The most frequent breach, and what to do about it; `model_columns` have their type from an earlier file."""
    query = """
        SELECT position, rtrim(split_part(reason, '; ', 1), '.') AS breach, min(number), count(*)
        FROM rejects GROUP BY ALL ORDER BY 4 DESC, 3 LIMIT 1"""
    position, reason, number, _ = con.execute(query).fetchall()[0]
    summary = f"Most were like line {line_of(folder, number):,}: {reason}."
    if position is None:
        return f"{summary} {_CAUSES[0][1]}"
    column = columns[position]
    if reason != not_of_type(column):
        return f"{summary} Is the rule for “{column.name}” right?"
    values = con.execute(
        f"""SELECT left(value, {_VALUE_CHARACTERS}), count(*) FROM rejects WHERE position = ? AND starts_with(reason, ?)
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_VALUES}""",
        [position, reason],
    ).fetchall()
    examples = ", ".join(f"“{value}”" for value, _ in values)
    if column.note:
        return f"{summary} {column.name}: {_ended(column.note)}"
    kind = reason.removeprefix(f"{column.name} is not ")
    if column.name in model_columns:
        form = f" ({column.reading.format})" if column.reading.format else ""
        return f"{summary} In the earlier file “{column.name}” was {kind}{form}; here its values look like {examples}."
    return f"{summary} Is “{column.name}” really {kind}? Its values look like {examples}."
