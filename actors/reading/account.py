"""The account of a file's lines: each is in exactly one place, counted, and kept to be looked at.

Two files are written beside the records: `scan_rejects.csv` with the records that are no rows, each with its line and
reason, and `aside.csv` with the lines that are no records: before the table, its header, comments, blank lines.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

REJECT_FIELDS = ("line", "column", "value", "reason", "raw")
ASIDE_FIELDS = ("first_line", "last_line", "kind", "text")
#: Rejected records kept with the counts: with line and reason, and with their text.
KEPT_REJECTS = 20
KEPT_TEXTS = 400
#: Lines with a single value that may be notes after the table, and their share of its records.
MOST_NOTES = 20
NOTES_SHARE = 0.34
#: Bytes of a raw line that are kept of a rejected record.
KEPT_RAW = 1024 * 1024


@dataclass(frozen=True)
class FirstReject:
    """One of the first rejected records: its line, and why."""

    line: int
    reason: str


@dataclass
class Tally:
    """What the scan counted. records = rows + rejected, always. The units are records or lines unless named."""

    records: int = 0
    rows: int = 0
    rejected: int = 0
    #: Parts of the rejected: lines of another table, and notes and totals after the last row.
    other_table: int = 0
    after_table: int = 0
    #: Lines that are no records.
    before_table: int = 0
    header_lines: int = 0
    comment_lines: int = 0
    blank_lines: int = 0
    #: Rows that were made to fit.
    padded: int = 0
    trimmed: int = 0
    repaired: int = 0
    mixed_encoding: int = 0
    #: Single characters: control codes read as Windows-1252's signs, bytes the encoding lacks, and what was left out:
    #: zero bytes, and unit separators where they would be taken for delimiters.
    controls: int = 0
    undecodable: int = 0
    nul_bytes: int = 0
    lines: int = 0
    #: Records that begin on the line of another one: a stray return parts them.
    parted: int = 0
    #: Bytes of the longest record.
    longest: int = 0
    first_rejects: list[FirstReject] = field(default_factory=list)


class Account:
    """Counts lines and writes down those that are no rows. Close it at the end."""

    def __init__(self, folder: Path) -> None:
        self.tally = Tally()
        #: Text of the first rejected records: a second detection takes it into its sample.
        self.texts: list[str] = []
        self._rejects = (folder / "scan_rejects.csv").open("w", encoding="utf-8", newline="")
        self._reject_rows = csv.writer(self._rejects)
        self._aside = (folder / "aside.csv").open("w", encoding="utf-8", newline="")
        self._aside_rows = csv.writer(self._aside)
        self._aside_rows.writerow(ASIDE_FIELDS)
        #: Blank lines, one after the other, that are not yet written.
        self._blank: list[int] = []
        self._notes = 0

    def close(self) -> None:
        self._write_blank()
        self._rejects.close()
        self._aside.close()

    def reject(self, line: int, text: str, reason: str, *, kind: str = "") -> None:
        """Note a record that is no row. `kind` is "", "other table" or "note": the latter may stand after the table."""
        tally = self.tally
        tally.records += 1
        tally.rejected += 1
        tally.other_table += kind == "other table"
        self._notes += kind == "note"
        self._reject_rows.writerow((line, "", "", reason, text))
        if len(tally.first_rejects) < KEPT_REJECTS:
            tally.first_rejects.append(FirstReject(line, reason))
        if len(self.texts) < KEPT_TEXTS and kind != "other table":
            self.texts.append(text)

    def set_aside(self, first: int, last: int, kind: str, text: str) -> None:
        """Note lines that are no records: "before the table", "header" or "comment"."""
        self._write_blank()
        self._aside_rows.writerow((first, last, kind, text[:KEPT_RAW]))
        count = last - first + 1
        tally = self.tally
        tally.before_table += count if kind == "before the table" else 0
        tally.header_lines += count if kind == "header" else 0
        tally.comment_lines += count if kind == "comment" else 0

    def blank(self, line: int, lines: int = 1) -> None:
        """Note lines without any value."""
        self.tally.blank_lines += lines
        if self._blank and self._blank[1] == line - 1:
            self._blank[1] = line + lines - 1
            return
        self._write_blank()
        self._blank = [line, line + lines - 1]

    def row_came(self) -> None:
        """Note that a row of the table came: notes before it stand within the table."""
        self._notes = 0

    def ended(self) -> None:
        """Note the end of the file: the notes since the last row stand after the table."""
        is_end = self._notes <= MOST_NOTES and self._notes <= NOTES_SHARE * self.tally.records
        # So many lines are no notes, but records that were not understood.
        self.tally.after_table = self._notes if is_end else 0

    def _write_blank(self) -> None:
        if self._blank:
            self._aside_rows.writerow((*self._blank, "blank", ""))
            self._blank = []
