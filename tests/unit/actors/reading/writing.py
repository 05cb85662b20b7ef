"""Writes tables in every way that can be read: for tests that a reading gives back what was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from actors.reading.dialect import Dialect
from actors.reading.made import Detected

#: Letters outside ASCII that an encoding has.
LETTERS = {
    "utf-8": "éß€日本語Жя🙂",
    "utf-8-sig": "éß€日本語Жя🙂",
    "utf-16": "éß€日本語Жя🙂",
    "utf-16-le": "éß€日本語Жя🙂",
    "utf-16-be": "éß€日本語Жя🙂",
    "utf-32": "éß€日本語Жя🙂",
    "cp1252": "éß€–’",
    "latin-1": "éßñ",
    "cp1251": "ЖяЁ№",
    "iso8859-2": "łőž",
    "shift_jis": "日本語ソ表ｶ",
    "gb18030": "姓名北京éЖ",
}
_NAMES = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to write a table; `blanks` columns are parted by runs of them, of `delimiter`'s length at least."""

    delimiter: str = ","
    blanks: bool = False
    spaced: bool = False
    quote: str = '"'
    escape: str = "double"
    line_end: str = "\n"
    encoding: str = "utf-8"
    has_header: bool = True
    comment: str = ""
    quotes_all: bool = False
    #: Whether the last line has an end.
    is_ended: bool = True

    def dialect(self, names: list[str]) -> Detected:
        """What a reader is told."""
        listed = tuple(names) if self.has_header else tuple(f"column_{place + 1}" for place in range(len(names)))
        dialect = Dialect(
            encoding=_NAMES.get(self.encoding, self.encoding),
            delimiter=self.delimiter,
            blanks=self.blanks,
            spaced=self.spaced,
            quote=self.quote,
            escape=self.escape,
            line_end="\r" if self.line_end == "\r" else "\n",
            comment=self.comment,
            header_lines=int(self.has_header),
            names=listed,
            source_names=listed,
        )
        return Detected(dialect=dialect)

    def can_write(self, cell: str) -> bool:
        """Whether the value can be written so that it is the same value again."""
        if self.spaced and cell.startswith(" "):
            return False
        if not self.quote:
            is_plain = not self._parts(cell) and not re.search(r"[\r\n]", cell)
            return is_plain and not (self.comment and cell.lstrip(" \t").startswith(self.comment))
        return not (self.blanks and re.search(r"[\r\n]", cell))

    def _parts(self, cell: str) -> bool:
        """Whether the value has something that would be taken for a delimiter, together with one beside it or not."""
        if self.blanks:
            return not cell or bool(re.search(r"[ \t]", cell))
        return any(mark in cell for mark in self.delimiter)

    def _cell(self, cell: str) -> str:
        if self.quote and (self.quotes_all or self._needs_quotes(cell)):
            if self.escape == "backslash":
                inner = cell.replace("\\", "\\\\").replace(self.quote, f"\\{self.quote}")
            else:
                inner = cell.replace(self.quote, self.quote * 2)
            return self.quote + inner + self.quote
        return cell

    def _needs_quotes(self, cell: str) -> bool:
        return (
            self._parts(cell)
            or bool(re.search(r"[\r\n]", cell))
            or (self.quote in cell)
            or (self.escape == "backslash" and "\\" in cell)
            or (bool(self.comment) and cell.lstrip(" \t").startswith(self.comment))
        )

    def line(self, cells: list[str]) -> str:
        written = [self._cell(cell) for cell in cells]
        if len(cells) == 1 and not written[0]:
            # A line of nothing would be a blank one.
            return self.quote * 2
        if self.blanks:
            return "".join(cell.ljust(10) + self.delimiter for cell in written[:-1]) + written[-1]
        return (self.delimiter + " " * self.spaced).join(written)

    def write(self, names: list[str], rows: list[list[str]], *, comments: dict[int, str] | None = None) -> bytes:
        """The file; `comments` stand before the row of that number."""
        lines = [self.line(names)] if self.has_header else []
        for number, row in enumerate(rows):
            if comments and number in comments:
                lines.append(comments[number])
            lines.append(self.line(row))
        text = self.line_end.join(lines) + (self.line_end if self.is_ended or not lines else "")
        return text.encode(self.encoding)


def told_apart(way: Way, rows: list[list[str]]) -> list[list[str]]:
    """The rows without those that say nothing: lines of delimiters only are blank lines, and so is an empty one."""
    return [row for row in rows if any(cell.strip(" \t") for cell in row) or (len(row) == 1 and way.quote)]


def plain(way: Way) -> Way:
    """The same way without what cannot go together."""
    if way.blanks:
        way = replace(way, delimiter=" ", spaced=False, quote='"', escape="double")
        way = replace(way, line_end="\n" if way.line_end == "\r" else way.line_end)
    if way.delimiter in (" ", "\t", "") or len(way.delimiter) > 1:
        way = replace(way, spaced=False)
    if not way.quote:
        way = replace(way, quotes_all=False, escape="double")
    if "¤" in way.delimiter or "§" in way.delimiter:
        way = replace(way, encoding="utf-8" if way.encoding not in ("utf-8-sig", "utf-16", "utf-32") else way.encoding)
    return replace(way, comment="" if way.delimiter == way.comment else way.comment)
