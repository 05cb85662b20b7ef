"""How many lines a file has, and what each of them is: two counts that have to be the same."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from .account import KEPT_RAW
from .decoding import utf8_blocks
from .dialect import Dialect
from .made import Loaded, Plan


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The account of a file's lines: each is in exactly one place."""

    #: Counted from the file's bytes, and not by what was read.
    total: int
    #: Lines that a row begins on.
    rows: int
    #: Further lines of rows and rejected records: some values have line breaks.
    within_records: int
    #: Rejected records of the table; those of other tables, and notes and totals after the last row.
    rejected: int
    other_table: int
    after_table: int
    header: int
    before_table: int
    comments: int
    blank: int
    #: Records that begin on the line of another one: a stray return parts them.
    on_shared_lines: int = 0

    @property
    def in_places(self) -> int:
        """The sum of all places."""
        records = self.rows + self.within_records + self.rejected + self.other_table + self.after_table
        return records - self.on_shared_lines + self.header + self.before_table + self.comments + self.blank

    @property
    def add_up(self) -> bool:
        return self.in_places == self.total


def lines_of(path: Path, folder: Path, *, loaded: Loaded, plan: Plan) -> Lines:
    """The account of a file that `read` has read into `folder`, with the results of `check`."""
    dialect, tally = loaded.dialect, loaded.tally
    other, after = tally.other_table, tally.after_table
    within, is_cut = _within_rejected(folder, dialect)
    lines = Lines(
        total=_physical_lines(path, dialect),
        rows=plan.rows,
        within_records=_within_rows(folder, dialect, tally.rows) + within,
        rejected=plan.rejected - other - after + plan.duplicates,
        other_table=other,
        after_table=after,
        header=tally.header_lines,
        before_table=tally.before_table,
        comments=tally.comment_lines,
        blank=tally.blank_lines,
        on_shared_lines=tally.parted,
    )
    if is_cut and tally.lines == lines.total:
        # Of a record that is too long to keep, the scan alone knows the lines.
        lines = replace(lines, within_records=lines.within_records + lines.total - lines.in_places)
    return lines


def _physical_lines(path: Path, dialect: Dialect) -> int:
    """The lines of a file; the last one may be without an end."""
    # What the scan leaves out is no text.
    left_out = b"\0\x1f" if dialect.blanks or len(dialect.delimiter.encode()) != 1 else b"\0"
    ends = b"\n" if dialect.line_end == "\n" else b"\r" if dialect.line_end == "\r" else b"\r\n"
    count, last = 0, b""
    for block, _ in utf8_blocks(path, dialect.encoding):
        block = block.translate(None, left_out)
        if not block:
            continue
        count += _count(block, dialect)
        if dialect.line_end == "any" and last == b"\r" and block[:1] == b"\n":
            count -= 1
        last = block[-1:]
    return count + (last != b"" and last not in ends)


def _count(text: bytes, dialect: Dialect) -> int:
    """The line ends in a text."""
    if dialect.line_end == "any":
        return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
    return text.count(dialect.line_end.encode())


def _within_rows(folder: Path, dialect: Dialect, rows: int) -> int:
    """The line breaks inside the values of all rows: those of the chunk files that end no row."""
    count = 0
    for chunk in (folder / "chunks").iterdir():
        count += _count(chunk.read_bytes(), dialect)
    return count if dialect.line_end == "\r" else count - rows


def _within_rejected(folder: Path, dialect: Dialect) -> tuple[int, bool]:
    """The line breaks inside the texts of rejected records, and whether one of the texts was cut."""
    count, is_cut = 0, False
    csv.field_size_limit(1 << 30)
    with (folder / "scan_rejects.csv").open(encoding="utf-8", newline="") as file:
        for *_, text in csv.reader(file):
            raw = text.encode("utf-8", "surrogatepass")
            count += _count(raw, dialect)
            is_cut |= len(raw) > KEPT_RAW - 4
    return count, is_cut
