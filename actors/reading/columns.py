"""The columns of a table on their way from text to types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import types
from .types import Reading

#: Columns that one statement reads: of a long table, and at most of one with few rows. Opening a file of many
#: columns costs more than reading a few rows of it.
GROUP = 100
MOST_GROUP = 1_000
#: Values up to which a group may be larger than GROUP.
GROUP_VALUES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Nearly:
    """The type that nearly all values of a column of text have."""

    type: str
    format: str
    #: Values that have it, of all that are not empty.
    count: int
    of: int
    #: The most frequent of the others, each with its count.
    others: tuple[tuple[str, int], ...]


@dataclass(kw_only=True)
class Column:
    """One column: its names, how its text is read, and whether the person asked for that type."""

    position: int
    name: str
    source_name: str
    reading: Reading = types.TEXT
    #: Whether a misfit rejects the row; else the type is proved on every value.
    is_declared: bool = False
    trims: bool = False
    words: tuple[str, ...] = ()
    note: str = ""
    #: Text that no value's type is judged by: the header's own word, where lines say the header again.
    ignored: tuple[str, ...] = ()
    #: Words that are no value in a column whose type an earlier file gave.
    absent: tuple[str, ...] = ()
    #: Of a column that stays text although most of its values have a type.
    nearly: Nearly | None = None

    @property
    def raw(self) -> str:
        return f"c{self.position}"

    @property
    def text(self) -> str:
        """The raw text, without the words for "no value"."""
        return types.without_words(self.raw, self.words)

    @property
    def has_value(self) -> str:
        """The condition that there is a value at all: more than blanks, and no word for "no value"."""
        return value_condition(self.raw, (*self.words, *self.absent))

    @property
    def value(self) -> str:
        """The expression of any row's value: NULL where there is none or the text does not fit."""
        return self._value(guarded=self.is_declared)

    @property
    def checked_value(self) -> str:
        """The same for rows that have passed the check: their text fits."""
        return self._value(guarded=False)

    def _value(self, *, guarded: bool) -> str:
        return self.reading.expression(self.raw, declared=guarded, trims=self.trims, words=self.words)


def value_condition(column: str, words: tuple[str, ...]) -> str:
    """The condition that a raw text is a value: more than blanks, and none of the words for "no value"."""
    text = types.trimmed(column)
    return f"{text} <> ''" + (f" AND {types.without_words(text, words)} IS NOT NULL" if words else "")


def groups_of(columns: Sequence[Column], rows: int) -> list[list[Column]]:
    """The columns in groups that one statement can read at a time."""
    size = max(GROUP, min(MOST_GROUP, GROUP_VALUES // max(1, rows)))
    return [list(columns[start : start + size]) for start in range(0, len(columns), size)]


#: What values of a type are called, where it is not the type's name with an s.
_KINDS = {"integer": "whole numbers", "decimal": "decimal numbers", "float": "numbers", "boolean": "true or false"}
#: What people write for the parts of a moment.
_PARTS = {
    "%d": "dd",
    "%m": "mm",
    "%b": "mmm",
    "%B": "mmmm",
    "%Y": "yyyy",
    "%y": "yy",
    "%H": "hh",
    "%I": "hh",
    "%M": "mm",
    "%S": "ss",
    "%f": "fff",
    "%p": "am/pm",
}


def _plain_form(name: str) -> str:
    """The name of a way of writing values in plain words: dd.mm.yyyy for %d.%m.%Y."""
    for part, plain in _PARTS.items():
        name = name.replace(part, plain)
    return name


def nearly_sentence(nearly: Nearly) -> str:
    """The sentence about a column nearly all of whose values have a type."""
    kind = _KINDS.get(nearly.type, f"{nearly.type}s")
    form = f" ({_plain_form(nearly.format)})" if nearly.format else ""
    listed = [f"“{value}” ({count:,})" for value, count in nearly.others]
    rest = nearly.of - nearly.count - sum(count for _, count in nearly.others)
    if rest:
        listed.append(f"{rest:,} more")
    return f"{nearly.count:,} of {nearly.of:,} values are {kind}{form}; the others: {', '.join(listed)}"
