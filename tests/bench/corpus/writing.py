"""The second choice of a case: a way of writing the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random

from .tables import Table

#: Delimiters, each with how often it comes. " +" are columns set in line with runs of blanks, "" is one column.
DELIMITERS = {
    ",": 34.0, ";": 18.0, "\t": 15.0, "|": 7.0, ":": 1.5, "^": 1.5, "~": 1.5, "#": 1.5, " ": 3.0, " +": 4.0,
    "\x01": 1.0, "¤": 0.7, "||": 1.5, "::": 1.0, "\x1f": 0.4, "§": 0.5, "!": 0.6, "*": 0.6, "¦": 0.4, "$": 0.4,
}  # fmt: skip
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Writing:
    """How a table is written. `quoting` is minimal, all, texts or none; `escape` double, backslash or bare.

    Bare is a backslash before a delimiter, in a file without quotes.
    """

    delimiter: str
    quote: str = '"'
    quoting: str = "minimal"
    escape: str = "double"
    line_end: str = "\n"
    ends_with_line: bool = True
    has_mark: bool = False
    encoding: str = "utf-8"
    is_spaced: bool = False
    has_header: bool = True
    says_delimiter: bool = False
    #: "", "all" or "data": lines that end with one delimiter too many.
    trailing: str = ""
    #: Widths of columns that are set in line; the gap between them is at least this number of blanks.
    gap: int = 1
    widths: tuple[int, ...] = ()
    rights: tuple[bool, ...] = ()

    def line(self, cells: list[str], *, is_header: bool = False) -> str:
        """The cells as one record, without its line end."""
        if self.delimiter == " +":
            return self._in_line(cells)
        parts = [self.cell(cell) for cell in cells]
        if len(parts) == 1 and not parts[0] and self.quote:
            parts = [self.quote * 2]
        text = (self.delimiter + " " * self.is_spaced).join(parts)
        return text + self.delimiter * (self.trailing == "all" or (self.trailing == "data" and not is_header))

    def cell(self, cell: str) -> str:
        if self.quoting == "none":
            if self.escape == "bare":
                cell = cell.replace("\\", "\\\\").replace(self.delimiter, "\\" + self.delimiter)
            return cell
        is_quoted = self.quoting == "all" or self.needs_quotes(cell)
        if self.quoting == "texts":
            is_quoted = is_quoted or (cell != "" and not _NUMBER.fullmatch(cell))
        return self.quoted(cell) if is_quoted else cell

    def quoted(self, cell: str) -> str:
        if self.escape == "backslash":
            inner = cell.replace("\\", "\\\\").replace(self.quote, "\\" + self.quote)
        else:
            inner = cell.replace(self.quote, self.quote * 2)
        return f"{self.quote}{inner}{self.quote}"

    def needs_quotes(self, cell: str) -> bool:
        marks = (self.delimiter or ",", self.quote, "\n", "\r")
        if self.escape == "backslash" and "\\" in cell:
            return True
        return any(mark in cell for mark in marks) or cell != cell.strip() or (cell.startswith("#"))

    def _in_line(self, cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, self.widths, self.rights, strict=True)
        ]
        return (" " * self.gap).join(padded).rstrip()


def choose_writing(rng: Random, table: Table) -> Writing:
    """A way in which this table may be written; the table's cells are changed where they cannot be."""
    writing = _alone(rng, table) if table.width == 1 else _separated(rng, table)
    encoding, has_mark = _encoding(rng, table, writing.delimiter)
    writing = replace(
        writing,
        line_end=rng.choices(("\n", "\r\n", "\r"), (60, 36, 4))[0],
        ends_with_line=rng.random() < 0.85,
        encoding=encoding,
        has_mark=has_mark,
    )
    _fit_cells(table, writing)
    if writing.delimiter == " +":
        writing = _with_widths(rng, table, writing)
    return writing


def _alone(rng: Random, table: Table) -> Writing:
    quoting = rng.choices(("none", "minimal", "all"), (6, 2, 2))[0]
    has_header = rng.random() < 0.7 or not table.plain_without_header
    return Writing("", quoting=quoting, has_header=has_header)


def _separated(rng: Random, table: Table) -> Writing:
    signs = dict(DELIMITERS)
    if table.language.decimal == ",":
        signs[";"] *= 2.5
    if table.above or table.below or table.width > 20 or table.kind == "long texts":
        del signs[" +"], signs[" "]
    delimiter = rng.choices(list(signs), list(signs.values()))[0]
    has_header = table.kind in ("years", "days", "groups", "units") or rng.random() < 0.8
    if delimiter == " +":
        return Writing(delimiter, quote="", quoting="none", gap=rng.choice((1, 2, 2)), has_header=has_header)
    quoting = rng.choices(("minimal", "all", "texts", "none"), (55, 16, 11, 18))[0]
    quote, escape = '"', "double"
    if quoting == "none":
        quote = ""
        escape = "bare" if len(delimiter) == 1 and delimiter not in " \\" and rng.random() < 0.15 else "double"
    else:
        quote = "'" if rng.random() < 0.06 else '"'
        escape = "backslash" if rng.random() < 0.12 else "double"
    usual = delimiter in ",;|\t"
    return Writing(
        delimiter,
        quote=quote,
        quoting=quoting,
        escape=escape,
        is_spaced=delimiter in ",;|" and escape != "bare" and rng.random() < 0.06,
        has_header=has_header,
        says_delimiter=usual and escape != "bare" and rng.random() < 0.025,
        trailing=rng.choice(("all", "data"))
        if usual and not (table.above or table.below) and rng.random() < 0.05
        else "",
    )


def _encoding(rng: Random, table: Table, delimiter: str) -> tuple[str, bool]:
    if rng.random() < 0.04:
        return rng.choice(("utf-16-le", "utf-16-be")), True
    if table.language.code != "en" and rng.random() < 0.5:
        encoding = rng.choice(table.language.legacy)
        if _fits(table, encoding, delimiter):
            return encoding, False
    return "utf-8", rng.random() < 0.1


def _fits(table: Table, encoding: str, delimiter: str) -> bool:
    """Whether the encoding has all characters, and the table enough of them outside ASCII to be known by."""
    text = delimiter + "\n".join(" ".join(row) for row in [table.names, *table.rows])
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    least = 12 if encoding in ("cp1252", "shift_jis") else 60
    return sum(not char.isascii() for char in text) >= least


def _fit_cells(table: Table, writing: Writing) -> None:
    """Change the cells that this way of writing has no means for."""
    changes: dict[str, str] = {}
    if writing.line_end == "\r" or writing.quoting == "none":
        changes["\n"] = " "
    if writing.quoting == "none" and writing.escape != "bare":
        stand_in = "_" if writing.delimiter in (" ", " +") else " "
        if writing.delimiter and not (writing.delimiter == " +" and writing.gap == 2):
            changes[writing.delimiter[0]] = stand_in
    if not _shows_escape(table, writing):
        # Where no quote or delimiter is escaped, nobody can tell that two backslashes are one.
        changes["\\"] = "/"
    if writing.delimiter and len(writing.delimiter) == 2 and writing.delimiter != " +":
        # A sign of the pair at the edge of a cell could belong to either.
        changes[writing.delimiter[0]] = "/"

    def fit(cell: str) -> str:
        for mark, stand_in in changes.items():
            cell = cell.replace(mark, stand_in)
        if writing.delimiter == " +":
            cell = re.sub(" {2,}", " ", cell)
        if writing.delimiter == " +" or writing.is_spaced or writing.quoting == "none":
            cell = cell.strip()
        if writing.quoting == "none":
            cell = cell.lstrip("\"'")
        if cell.startswith("#") and writing.quoting == "none":
            cell = cell.lstrip("#") or "no"
        return cell or ("-" if writing.delimiter in (" +", " ", "") and cell == "" else "")

    for row in table.rows:
        row[:] = [fit(cell) for cell in row]
    for names in (table.names, table.above, table.below):
        names[:] = [fit(name) for name in names]


def _shows_escape(table: Table, writing: Writing) -> bool:
    if writing.escape == "double":
        return True
    mark = writing.quote if writing.escape == "backslash" else writing.delimiter
    return any(mark in cell for row in table.rows for cell in row)


def _with_widths(rng: Random, table: Table, writing: Writing) -> Writing:
    lines = [*table.rows, *([table.names] if writing.has_header else []), *([table.below] if table.below else [])]
    widths = tuple(max(len(line[index]) for line in lines) for index in range(table.width))
    is_number = rng.random() < 0.6
    rights = tuple(typed and is_number and index > 0 for index, typed in enumerate(table.typed))
    return replace(writing, widths=widths, rights=rights)
