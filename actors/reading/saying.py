"""The report on a file, in plain words for a terminal, and as one object for programs."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from .dialect import Decision, Dialect
from .lines import Lines
from .seeing import ColumnView, Rejected, Table

#: Columns and rejected records that are listed, and characters of a cell.
LISTED_COLUMNS = 40
LISTED_REJECTS = 5
CELL_WIDTH = 28
_INDENT = "  "
_NUMBERS = ("integer", "decimal", "float")
_LINE_ENDS = {"\n": "line feeds, with or without a return", "\r": "returns", "any": "mixed: feeds and returns"}
_ESCAPES = {"double": "a quote is doubled", "backslash": "a backslash stands before it"}
#: The places of a file's lines, as they are named, in the order in which they are shown.
_PLACES = (
    ("rows", "rows"),
    ("within_records", "more lines of the same records: values with line breaks"),
    ("rejected", "rejected"),
    ("other_table", "of another table, rejected"),
    ("after_table", "notes and totals after the table, rejected"),
    ("header", "header"),
    ("before_table", "before the table"),
    ("comments", "comments"),
    ("blank", "blank"),
)


def as_text(name: str, table: Table, *, rows: int, width: int) -> Iterator[str]:
    """The lines of the report, with the first `rows` rows, for a terminal of `width` columns."""
    columns = len(table.columns)
    size = f"{table.row_count:,} row{'s' * (table.row_count != 1)}, {columns:,} column{'s' * (columns != 1)}"
    yield printable(f"{name}: {size}" + (f", {table.rejected_count:,} rejected" if table.rejected_count else ""))
    if table.refused:
        yield printable(f"An import would fail: {table.refused}")
    yield from ("", "How it is written")
    yield from _writing(table.dialect)
    yield from ("", f"Its {table.lines.total:,} line{'s' * (table.lines.total != 1)}, each in one place")
    yield from _account(table.lines)
    yield from ("", "Columns")
    yield from _columns(table.columns)
    if rows and table.row_count:
        yield from ("", f"First row{'s' * (min(rows, table.row_count) != 1)}")
        yield from _grid(table.columns, list(islice(table.rows(), rows)), width)
    if table.rejected_count:
        yield from ("", "Rejected")
        yield from _rejects(table.rejected(), table.rejected_count, width)
    for title, sentences in (("Warnings", table.warnings), ("Notes", table.notes)):
        if sentences:
            yield from ("", title)
            for sentence in sentences:
                yield from _wrapped(sentence, width)


def as_json(name: str, table: Table, *, rows: int) -> dict[str, Any]:
    """The same as one object; values are numbers, truth values or text."""
    dialect = table.dialect
    return {
        "file": name,
        "records": table.records,
        "rows": table.row_count,
        "rejected": table.rejected_count,
        "refused": table.refused,
        "dialect": {
            "encoding": dialect.encoding,
            "delimiter": dialect.delimiter,
            "runs_of_blanks": dialect.blanks,
            "blank_after_delimiter": dialect.spaced,
            "quote": dialect.quote,
            "escape": dialect.escape,
            "line_end": dialect.line_end,
            "comment": dialect.comment,
            "header_lines": dialect.header_lines,
            "lines_before": dialect.preamble_lines,
        },
        "decisions": [asdict(decision) for decision in dialect.decisions],
        "lines": {**asdict(table.lines), "add_up": table.lines.add_up},
        "columns": [asdict(column) for column in table.columns],
        "first_rows": [[_plain(value) for value in row] for row in islice(table.rows(), rows)],
        "first_rejected": [asdict(reject) for reject in islice(table.rejected(), LISTED_REJECTS)],
        "notes": table.notes,
        "warnings": table.warnings,
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    is_number = isinstance(value, float) and value - value == 0
    return value if is_number else str(value)


def _writing(dialect: Dialect) -> Iterator[str]:
    decided = {decision.name for decision in dialect.decisions}
    facts = [
        Decision("escape", _ESCAPES[dialect.escape] if dialect.quote else "none", "certain"),
        Decision("line_end", _LINE_ENDS[dialect.line_end], "certain"),
        Decision("comments", f"lines that begin with {dialect.comment}" if dialect.comment else "none", "certain"),
    ]
    for decision in dialect.decisions:
        yield f"{_INDENT}{_title(decision)}{printable(str(decision))}"
    for fact in facts:
        if fact.name not in decided:
            yield f"{_INDENT}{_title(fact)}{fact.value}"


def _title(decision: Decision) -> str:
    return f"{decision.name.replace('_', ' '):<11}"


def _account(lines: Lines) -> Iterator[str]:
    counts = [(getattr(lines, place), label) for place, label in _PLACES if getattr(lines, place)]
    if lines.on_shared_lines:
        counts.append((-lines.on_shared_lines, "on the line of another record: a stray return parts them"))
    size = max(len(f"{count:,}") for count, _ in [*counts, (lines.total, "")])
    for count, label in counts:
        yield f"{_INDENT}{count:>{size},}  {label}"
    label = "in all: they add up" if lines.add_up else f"in all, but the file has {lines.total:,}: please report this"
    yield f"{_INDENT}{lines.in_places:>{size},}  {label}"


def _columns(columns: Sequence[ColumnView]) -> Iterator[str]:
    listed = columns[:LISTED_COLUMNS]
    size = max(_width(_cell(column.name)) for column in listed)
    for column in listed:
        form = f" ({column.format})" if column.format else ""
        # What nearly fits is said in the column's note, with the rest.
        nearly = f", nearly {column.nearly.type}" if column.nearly else ""
        yield f"{_INDENT}{_padded(_cell(column.name), size)}  {column.type}{printable(form)}{nearly}"
    if len(columns) > len(listed):
        yield f"{_INDENT}… and {len(columns) - len(listed):,} more"


def _grid(columns: Sequence[ColumnView], rows: list[tuple[Any, ...]], width: int) -> Iterator[str]:
    """The rows below their names, as many columns as the terminal has room for."""
    cells = [
        [_cell(column.name), *("" if row[index] is None else _cell(_text(row[index])) for row in rows)]
        for index, column in enumerate(columns[: width // 2 + 1])
    ]
    sizes = [max(map(_width, values)) for values in cells]
    fitting, used = 0, len(_INDENT)
    for size in sizes:
        if fitting and used + size > width:
            break
        fitting, used = fitting + 1, used + size + len(_INDENT)
    for place in range(len(rows) + 1):
        line = _INDENT.join(
            _padded(cells[index][place], sizes[index], right=columns[index].type in _NUMBERS)
            for index in range(fitting)
        )
        yield (_INDENT + line).rstrip()
        if not place:
            yield _INDENT + _INDENT.join("-" * sizes[index] for index in range(fitting))
    if fitting < len(columns):
        hidden = len(columns) - fitting
        yield f"{_INDENT}… and {hidden:,} more column{'s' * (hidden != 1)}"


def _rejects(rejects: Iterable[Rejected], count: int, width: int) -> Iterator[str]:
    for reject in islice(rejects, LISTED_REJECTS):
        yield from _wrapped(f"line {reject.line:,}: {reject.reason}", width)
        yield _INDENT * 2 + _cut(printable(reject.raw[: width * 2]), max(20, width - 4))
    if count > LISTED_REJECTS:
        yield f"{_INDENT}… and {count - LISTED_REJECTS:,} more"


def _wrapped(sentence: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(sentence), max(40, width), initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return _cut(printable(text[: CELL_WIDTH * 2]), CELL_WIDTH)


def printable(text: str) -> str:
    """The text on one line and without signs that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _padded(text: str, width: int, *, right: bool = False) -> str:
    fill = " " * (width - _width(text))
    return fill + text if right else text + fill


def _width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(mark) in "WF" for mark in text)
    return len(text) + wide - sum(unicodedata.combining(mark) > 0 for mark in text)
