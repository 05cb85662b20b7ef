"""The beginning of a file, and how it reads with one delimiter, quote and escape."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .dialect import NO_DELIMITER

#: Rows that are parsed for each candidate.
SAMPLE_ROWS = 400
#: Characters that are parsed for each candidate.
HEAD_CHARACTERS = 200_000
#: Stands for a delimiter that a backslash makes text.
_ESCAPED_DELIMITER = "\x1d"
_COMMENT = re.compile(r"^[ \t]*#", re.MULTILINE)


@dataclass(frozen=True)
class Writing:
    """One way in which values may be written: a candidate. `delimiter` is empty for one column."""

    delimiter: str
    quote: str = '"'
    escape: str = "double"
    #: Whether runs of blanks are one delimiter.
    blanks: bool = False


@dataclass(frozen=True)
class Row:
    """A record of the sample: its values, the physical line it begins on (from 0), and what it is."""

    cells: list[str]
    line: int
    #: "", "comment" for a line that begins with `#`, or "lost" for a record that would be rejected for its quotes.
    kind: str = ""

    @cached_property
    def filled(self) -> int:
        """How many values are not empty."""
        return len(list(filter(None, map(str.strip, self.cells))))

    @cached_property
    def reach(self) -> int:
        """The place of the last value that is not empty, from 1."""
        return next((place for place in range(len(self.cells), 0, -1) if self.cells[place - 1].strip()), 0)


@dataclass
class Parsed:
    """A sample read one way. A blank line is a row without cells."""

    rows: list[Row] = field(default_factory=list)
    #: Physical lines that were read.
    lines: int = 0

    @property
    def content(self) -> list[Row]:
        """The rows that are neither blank nor comments, nor lost."""
        return [row for row in self.rows if row.cells and not row.kind]


def is_comment(line: str, delimiter: str) -> bool:
    """Whether a line begins as comments do: with `#`, and not as the only character of a first value."""
    text = line.lstrip(" \t")
    values = ('"',) if delimiter in (" ", NO_DELIMITER) else ('"', delimiter)
    return text.startswith("#") and text[1:2] not in values


class _Lines:
    """Hands lines to the csv module, and knows which of them begin a record."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self.at = 0
        self.begins = True
        self.passed: list[int] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self.at < len(self._lines):
            line = self._lines[self.at]
            self.at += 1
            if self.begins and is_comment(line, self._delimiter):
                self.passed.append(self.at - 1)
                continue
            self.begins = False
            return line + "\n"
        raise StopIteration


def parse(text: str, writing: Writing, *, comments: bool = True, most_rows: int = SAMPLE_ROWS) -> Parsed:
    """Read up to `most_rows` records of a text whose line ends are line feeds.

    With `comments`, lines that begin with `#` where a record would begin are rows of that kind.
    """
    text, delimiter = _with_short_delimiter(text, writing)
    if not comments or writing.delimiter.startswith("#") or not _COMMENT.search(text):
        return _parse_plainly(text, writing, delimiter, most_rows)
    lines = text.removesuffix("\n").split("\n")
    source = _Lines(lines, delimiter)
    reader = _reader(source, text, writing, delimiter)
    parsed = Parsed()
    while len(parsed.rows) < most_rows:
        start, source.begins = source.at, True
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            cells = None
        except csv.Error:
            continue
        for line in source.passed:
            parsed.rows.append(Row(_plain_cells(lines[line], delimiter), line, "comment"))
            start = line + 1
        source.passed.clear()
        if cells is None:
            break
        parsed.rows.append(Row(_restore_cells(cells, writing, delimiter), start))
    parsed.lines = source.at
    return parsed


def _parse_plainly(text: str, writing: Writing, delimiter: str, most_rows: int) -> Parsed:
    """The same for a text without comments: quicker."""
    reader = _reader(io.StringIO(text, newline="\n"), text, writing, delimiter)
    parsed = Parsed()
    while len(parsed.rows) < most_rows:
        start = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        parsed.rows.append(Row(_restore_cells(cells, writing, delimiter), start))
    parsed.lines = reader.line_num
    return parsed


def _restore_cells(cells: list[str], writing: Writing, delimiter: str) -> list[str]:
    """The cells of a record, none for a blank line, with what a backslash made text of."""
    if not cells or (len(cells) == 1 and not cells[0].strip(" \t\r")):
        # A quoted line feed is a value.
        return []
    if writing.escape == "backslash":
        return [cell.replace(_ESCAPED_DELIMITER, delimiter) for cell in cells]
    return cells


def is_damaged(text: str, writing: Writing, parsed: Parsed) -> bool:
    """Whether quotes in the sample are misplaced, so that only a tolerant reading can judge it."""
    if not writing.quote or not any(writing.quote in cell or "\n" in cell for row in parsed.rows for cell in row.cells):
        return False
    text, delimiter = _with_short_delimiter(text, writing)
    comments = {row.line for row in parsed.rows if row.kind}
    lines = [line for number, line in enumerate(text.split("\n")[: parsed.lines]) if number not in comments]
    try:
        for _ in _reader((line + "\n" for line in lines), text, writing, delimiter, strict=True):
            pass
    except csv.Error:
        return True
    return False


def _reader(lines: Iterator[str], text: str, writing: Writing, delimiter: str, *, strict: bool = False) -> Any:
    csv.field_size_limit(1 << 30)
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=writing.quote or None,
        quoting=csv.QUOTE_MINIMAL if writing.quote else csv.QUOTE_NONE,
        doublequote=True,
        escapechar="\\" if writing.escape == "backslash" and writing.quote else None,
        skipinitialspace=bool(writing.quote) and delimiter not in " \t" and f"{delimiter} {writing.quote}" in text,
        strict=strict,
    )


def _with_short_delimiter(text: str, writing: Writing) -> tuple[str, str]:
    """The text with a delimiter of one character, and that character."""
    delimiter = writing.delimiter
    if writing.blanks:
        return collapse_blanks(text, least=len(delimiter)), NO_DELIMITER
    if not delimiter:
        return text, NO_DELIMITER
    if len(delimiter) > 1:
        text, delimiter = text.replace(delimiter, NO_DELIMITER), NO_DELIMITER
    if writing.escape == "backslash":
        text = text.replace("\\" + delimiter, _ESCAPED_DELIMITER)
    return text, delimiter


def collapse_blanks(text: str, *, least: int) -> str:
    """The text with each run of blanks as the one-column sign; at a line's ends they are nothing."""
    run = re.compile(rf'"[^"\n]*"|^[ \t]+|[ \t]+$|[ \t]{{{least},}}', re.MULTILINE)
    return run.sub(_collapsed, text)


def _collapsed(match: re.Match[str]) -> str:
    if match.group().startswith('"'):
        return match.group()
    whole = match.string
    at_start = match.start() == 0 or whole[match.start() - 1] == "\n"
    at_end = match.end() == len(whole) or whole[match.end()] == "\n"
    return "" if at_start or at_end else NO_DELIMITER


def _plain_cells(line: str, delimiter: str) -> list[str]:
    return line.rstrip().split(delimiter)
