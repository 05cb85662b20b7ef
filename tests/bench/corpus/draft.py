"""A file in the making: its lines with what each of them is, and the truth that follows from them."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from .tables import Table
from .writing import Writing

Cells = tuple[str, ...]
Role = Literal["before", "header", "record", "blank", "comment", "after", "other"]
MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@dataclass(frozen=True)
class Record:
    """A record of the truth: the readings of it that are right, and whether a reader may reject it and say so."""

    readings: tuple[Cells, ...]
    may_be_rejected: bool = False
    #: What stands in the file, for finding it among what was rejected.
    raw: str = ""
    #: Whether it is a record that must be accounted for (a total below the table may be left out).
    is_counted: bool = True


@dataclass(frozen=True)
class Truth:
    """One right reading. `begins` are the least and the most lines that stand before the first record."""

    names: Cells | None
    records: tuple[Record, ...]
    begins: tuple[int, int]


@dataclass(frozen=True)
class Case:
    """A file with its right readings: the first one, and others that are as good."""

    name: str
    table: str
    language: str
    writing: str
    damage: tuple[str, ...]
    data: bytes
    encoding: str
    #: "" for one column, " +" for columns set in line with blanks.
    delimiter: str
    #: None where the quote does not matter to the reading.
    quote: str | None
    escape: str
    line_end: str
    #: Whether a blank follows each delimiter; the least blanks between columns that are set in line.
    is_spaced: bool
    gap: int
    truths: tuple[Truth, ...]
    lines_before: int
    comments: int
    #: Lines of other tables: no rows of this one, yet none may be lost.
    others: tuple[str, ...]

    @property
    def text(self) -> str:
        """The file's text, for readers that do not find the encoding."""
        try:
            text = self.data.decode(self.encoding)
        except UnicodeDecodeError:
            text = "".join(map(_decoded, self.data.splitlines(keepends=True)))
        return text.removeprefix("\ufeff")


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


@dataclass
class Line:
    """One line, or one record of several lines; `cells` are what is written where the table has fewer columns."""

    role: Role
    text: str
    record: Record | None = None
    encoding: str = ""
    cells: Cells = ()


@dataclass
class Draft:
    """What damages work on. `cells` of the lines that are records can be looked up by `record.readings[0]`."""

    table: Table
    writing: Writing
    names: Cells | None
    lines: list[Line] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    #: Makes the other truths of the first one.
    also: list[Callable[[Truth], Truth]] = field(default_factory=list)
    quote: str | None = ""
    #: Bytes that the file lacks at its end.
    cut: int = 0

    @classmethod
    def of(cls, table: Table, writing: Writing) -> Draft:
        draft = cls(table, writing, _names(table) if writing.has_header else None)
        if writing.says_delimiter:
            draft.lines.append(Line("before", f"sep={writing.delimiter}"))
        if writing.has_header:
            header = [table.above, table.names, table.below]
            draft.lines += [Line("header", writing.line(cells, is_header=True)) for cells in header if cells]
        draft.lines += [draft.record(row) for row in table.rows]
        body = [line.text for line in draft.lines]
        is_quoted = bool(writing.quote) and any(writing.quote in text for text in body)
        draft.quote = writing.quote if is_quoted else None
        return draft

    def record(self, cells: list[str], *, may_be_rejected: bool = False, is_counted: bool = True) -> Line:
        text = self.writing.line(cells)
        return Line("record", text, Record((tuple(cells),), may_be_rejected, text, is_counted))

    def set_cells(self, line: Line, cells: list[str]) -> None:
        line.text = self.writing.line(cells)
        line.record = Record((tuple(cells),), raw=line.text)

    def places(self, role: Role) -> list[int]:
        return [index for index, line in enumerate(self.lines) if line.role == role]

    def records(self) -> list[Line]:
        return [line for line in self.lines if line.role == "record"]

    def finish(self, name: str) -> Case:
        """The file's bytes and its truths."""
        truth = self._truth()
        truths = [truth, *(other(truth) for other in self.also)]
        writing = self.writing
        return Case(
            name=name,
            table=self.table.kind,
            language=self.table.language.code,
            writing=_writing_kind(writing),
            damage=tuple(self.damage) or ("none",),
            data=self._bytes(),
            encoding=writing.encoding,
            delimiter=writing.delimiter,
            quote=self.quote,
            escape=writing.escape,
            line_end=writing.line_end,
            is_spaced=writing.is_spaced,
            gap=writing.gap,
            truths=tuple(truths),
            lines_before=sum(self._height(line) for line in self.lines if line.role == "before"),
            comments=len(self.places("comment")),
            others=tuple(line.text for line in self.lines if line.role == "other"),
        )

    def _truth(self) -> Truth:
        height = least = most = 0
        for line in self.lines:
            if line.role == "record":
                break
            height += self._height(line)
            if line.role in ("before", "header", "other"):
                least = height
            most = height
        return Truth(self.names, tuple(line.record for line in self.lines if line.record), (least, most))

    def _height(self, line: Line) -> int:
        return 1 + line.text.count("\n")

    def _bytes(self) -> bytes:
        writing = self.writing
        data = MARKS[writing.encoding] if writing.has_mark else b""
        for index, line in enumerate(self.lines):
            is_ended = writing.ends_with_line or index + 1 < len(self.lines)
            text = line.text.replace("\n", writing.line_end) + writing.line_end * is_ended
            data += text.encode(line.encoding or writing.encoding)
        return data[: len(data) - self.cut]


def _names(table: Table) -> Cells:
    """The names that a header of one or more lines gives."""
    above, below = list(table.above), table.below
    for index in range(1, len(above)):
        above[index] = above[index] or above[index - 1]
    parts = [part for part in (above, table.names, below) if part]
    return tuple(" ".join(filter(None, column)) for column in zip(*parts, strict=True))


def with_first_row_as_names(truth: Truth) -> Truth:
    """The reading that takes the first record for a header: as good where all is text and nothing names it."""
    low, high = truth.begins
    first = truth.records[0]
    height = 1 + first.raw.count("\n")
    return replace(truth, names=first.readings[0], records=truth.records[1:], begins=(low + height, high + height))


def _writing_kind(writing: Writing) -> str:
    names = {"\t": "tab", " ": "space", " +": "blanks in line", "": "one column", "\x01": "\\x01", "\x1f": "\\x1f"}
    return names.get(writing.delimiter, writing.delimiter)
