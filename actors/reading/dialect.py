"""How a file is written, as a value: what detection returns, and what scanning and checking go by."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

#: Stands for "no delimiter" while bytes are scanned: text does not have it.
NO_DELIMITER = "\x1f"

Certainty = Literal["certain", "likely", "guess", "set"]


@dataclass(frozen=True)
class Decision:
    """One thing that was found out about a file, and how sure that is; `reason` is a phrase for a person."""

    name: str
    value: str
    certainty: Certainty
    reason: str = ""

    def __str__(self) -> str:
        degree = {"certain": "certain", "likely": "likely", "guess": "a guess", "set": "set by you"}[self.certainty]
        return f"{self.value}: {degree}" + (f", {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Above:
    """Lines before the table, one after the other and of one kind: "title", "blank", "comment" or "table"."""

    first: int
    last: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one file is written."""

    encoding: str = "utf-8"
    #: The encoding of the lines that are not UTF-8 in a file that is.
    fallback: str = "cp1252"
    #: One to four characters; empty for a table of one column.
    delimiter: str = ","
    #: Whether runs of blanks count as one delimiter.
    blanks: bool = False
    #: Whether a blank after each delimiter is part of the writing, not of the values.
    spaced: bool = False
    quote: str = '"'
    #: "double", or "backslash", which also takes a delimiter in an unquoted value for text.
    escape: str = "double"
    #: "\\n" (which includes "\\r\\n"), "\\r" or "any".
    line_end: str = "\n"
    #: What lines that are comments begin with, or nothing.
    comment: str = ""
    header_lines: int = 1
    preamble_lines: int = 0
    #: What the lines before the header are; the first line of the file is 1.
    above: tuple[Above, ...] = ()
    #: Names of the columns, unique without regard to case, and as they stand in the header.
    names: tuple[str, ...] = ()
    source_names: tuple[str, ...] = ()
    #: What most values of each column look like: see `shapes.shape_of`.
    shapes: tuple[str, ...] = ()
    #: Values that a short row has at least to be filled up; 0 for half of the columns.
    least: int = 0
    #: Whether the header is one for sure: only then can a line say it again.
    has_certain_header: bool = False
    #: Whether blank lines part tables: not where they come all the time.
    blank_lines_part: bool = True
    preamble: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)


def with_names(dialect: Dialect, names: list[str]) -> Dialect:
    return replace(dialect, names=tuple(names))


def unique_names(source: list[str]) -> tuple[list[str], int]:
    """Names that differ from one another without regard to case and blanks, and how many had to be changed.

    They stay as the header writes them, but for line ends and tabs, which become a blank.
    """
    taken: set[str] = set()
    names: list[str] = []
    changed = 0
    wanted = Counter(name.strip().lower() for name in source)
    for position, name in enumerate(source, 1):
        written = re.sub(r"\s*[\r\n\t\x00]+\s*", " ", name)[:200]
        base = written if written.strip() else f"column_{position}"
        candidate, number = base, 1
        while candidate.strip().lower() in taken or (number > 1 and wanted[candidate.strip().lower()]):
            number += 1
            candidate = f"{base}_{number}"
        changed += candidate != written
        taken.add(candidate.strip().lower())
        names.append(candidate)
    return names, changed
