"""Columns of text of which nearly all values have a type: what fits, what does not, and the way to declare it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.models import DatasetColumn

#: By type: the words for its values, and for one of them.
_TYPES = {
    "integer": ("whole numbers", "a whole number"),
    "decimal": ("decimal numbers", "a decimal number"),
    "float": ("numbers", "a number"),
    "boolean": ("true or false", "true or false"),
    "date": ("dates", "a date"),
    "time": ("times", "a time"),
    "timestamp": ("timestamps", "a timestamp"),
}
#: The most columns that are declared at once: the room in an address is limited.
MOST_TOGETHER = 50
#: The most values that are named of those that do not fit, and the characters shown of each.
_NAMED_VALUES, _VALUE_LENGTH = 5, 40


@dataclass(frozen=True)
class Nearly:
    """A column of text of which nearly all values are of one type."""

    column: str
    type: str
    count: int
    of: int
    #: The most frequent of the other values, with their counts.
    others: tuple[tuple[str, int], ...]

    @property
    def sentence(self) -> str:
        """How many fit, and what the others are: `743 of 745 are dates; the others: n/a (2)`."""
        are = f"{self.count:,} of {self.of:,} are {_TYPES[self.type][0]}"
        named = [f"{value} ({count:,})" for value, count in self.others]
        left = self.misfits - sum(count for _, count in self.others)
        if left > 0 and named:
            named.append(f"{left:,} more")
        return f"{are}; the others: {', '.join(named)}" if named else are

    @property
    def offer(self) -> str:
        rows = "row" if self.misfits == 1 else "rows"
        kind = _TYPES[self.type][1]
        return f"Import again with “{_shortly(self.column)}” as {kind}; {self.misfits:,} {rows} would be rejected"

    @property
    def misfits(self) -> int:
        return max(0, self.of - self.count)

    @property
    def declaration(self) -> str:
        """The parameter in a form's address that declares the column's type."""
        return f"{self.column}:{self.type}"


@dataclass(frozen=True)
class NearlyTogether:
    """The columns of a dataset that nearly have a type: two or more, to be declared in one import."""

    columns: tuple[Nearly, ...]
    rows: int

    @property
    def sentence(self) -> str:
        return f"{len(self.columns):,} columns are text, though nearly all of their values have a type"

    @property
    def offer(self) -> str:
        return f"Import again with all of them declared; up to {self.misfits:,} rows would be rejected"

    @property
    def misfits(self) -> int:
        """The most rows that may have a value that does not fit: one row may have several."""
        return min(self.rows, sum(column.misfits for column in self.columns))


def together(columns: Iterable[DatasetColumn], *, rows: int) -> NearlyTogether | None:
    """Return the columns that nearly have a type, as many as one form takes; None below two."""
    nearly = tuple(each for column in columns if (each := nearly_of(column)))[:MOST_TOGETHER]
    return NearlyTogether(nearly, rows) if len(nearly) > 1 else None


def nearly_of(column: DatasetColumn) -> Nearly | None:
    """Return what was counted of a column of text whose values are nearly all of one type; None for others."""
    nearly = (column.stats or {}).get("nearly")
    if not isinstance(nearly, dict) or nearly.get("type") not in _TYPES:
        return None
    others = [(_shortly(value), int(count)) for value, count in (nearly.get("others") or [])[:_NAMED_VALUES]]
    return Nearly(column.name, nearly["type"], int(nearly["count"]), int(nearly["of"]), tuple(others))


def _shortly(value: Any) -> str:
    text = " ".join(str(value).split()) or "blank"
    return text if len(text) <= _VALUE_LENGTH else f"{text[: _VALUE_LENGTH - 1]}…"
