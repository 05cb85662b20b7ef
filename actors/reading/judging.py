"""What becomes of a record that does not fit at first sight: a row made to fit, a reject, a blank line, a comment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .dialect import Dialect
from .records import CLOSED_EARLY, NEVER_CLOSED, Record
from .shapes import MISSING, is_typed, shape_of

Kind = Literal["row", "empty", "blank", "comment", "note", "other table", "rejected"]
#: Words from which a single value beside a table reads as a sentence.
NOTE_WORDS = 4
_NOTE = re.compile(
    r"(?i)^(?:source|note|notes|total|sum|quelle|summe|gesamt|hinweis|fuente|nota|nb)\b|: |[.:]$|^[*†‡(©]"
)


@dataclass(slots=True)
class Verdict:
    """What a record is; `reason` is a sentence where it is rejected."""

    kind: Kind
    reason: str = ""
    #: "padded" or "trimmed" when values were added or empty ones cut.
    change: str = ""


class Judge:
    """Judges the records of one file in their order; it remembers where it is in the table."""

    def __init__(self, dialect: Dialect, delimiter: bytes, *, ragged: str) -> None:
        self.width = dialect.width
        self.delimiter = delimiter
        self.ragged = ragged
        #: Values from which a short record is filled up: half, or fewer where many records have no more.
        self.least = dialect.least or (dialect.width + 1) // 2
        self.comment = dialect.comment.encode()
        self.shapes = dialect.shapes
        self._header = [name.strip().lower().encode() for name in dialect.source_names] if dialect.header_lines else []
        names = {name for name in self._header if name}
        self._names = names if len(names) > 1 else set()
        #: Whether a header after a blank line can be told from a row: by columns that hold no words.
        self.parts = dialect.blank_lines_part and dialect.has_certain_header and any(map(is_typed, dialect.shapes))
        self.after_blank = False
        #: Whether the records are of another table as wide as this one, until its header comes again.
        self.in_other_table = False
        self._stands_apart = False
        #: Values of the lines of another table, from where its header was seen.
        self._other_width = 0

    def is_comment(self, raw: bytes) -> bool:
        """Whether a record that begins so is a comment."""
        text = raw[:64].lstrip(b" \t")
        values = (b'"',) if self.delimiter in (b" ", b"\x1f") else (b'"', self.delimiter)
        return bool(self.comment) and text.startswith(self.comment) and text[1:2] not in values

    def row_came(self) -> None:
        """Note that a row of the table came without being judged."""
        self.after_blank = self._stands_apart = False

    def judge(self, record: Record, raw: bytes) -> Verdict:
        """The verdict on a record; `record.fields` are made as many as the columns where it is a row."""
        fields = record.fields
        if self.is_comment(raw):
            return Verdict("comment")
        if len(fields) == 1 and not (raw.strip() if self.width > 1 else raw):
            self.after_blank = True
            return Verdict("blank")
        if record.trouble in ("never closed", "ends wrong"):
            reason = NEVER_CLOSED if record.trouble == "never closed" else CLOSED_EARLY
            return Verdict("rejected", reason)
        if len(fields) > 1 and not raw.strip(self.delimiter):
            return Verdict("empty")
        if self.in_other_table:
            return self._in_other_table(fields)
        if self.parts and self.after_blank and self._is_other_header(fields):
            self.in_other_table = True
            return Verdict("other table", "The line after a blank one reads as a header: another table begins.")
        return self._fit(fields)

    def _in_other_table(self, fields: list[bytes]) -> Verdict:
        if [value.strip().lower() for value in fields] == self._header:
            self.in_other_table = self.after_blank = False
            return Verdict("rejected", "The line says the header again.")
        self.after_blank = False
        return Verdict("other table", "The line is of the other table above.")

    def _is_other_header(self, fields: list[bytes]) -> bool:
        """Whether the record has words, and no value, for each column that holds numbers, dates and the like."""
        if len(fields) != self.width or [value.strip().lower() for value in fields] == self._header:
            return False
        for value, shape in zip(fields, self.shapes, strict=False):
            text = value.decode("utf-8", "replace").strip()
            if not text or MISSING.fullmatch(text):
                return False
            if is_typed(shape) and shape_of(text) != "text":
                return False
        return True

    def _fit(self, fields: list[bytes]) -> Verdict:
        count = len(fields)
        if count == self.width:
            self.row_came()
            return Verdict("row")
        comparison = f"{count} field{'s' if count != 1 else ''}, the table has {self.width} column"
        comparison += "s" if self.width != 1 else ""
        if self._says_names(fields):
            self._other_width = count
            return Verdict(
                "other table", f"The line has {comparison} and says names of the header again: another table begins."
            )
        if count == self._other_width:
            return Verdict("other table", f"The line has {comparison}, as the other table above has.")
        if count > self.width:
            if any(extra.strip(b" \t") for extra in fields[self.width :]):
                return Verdict("rejected", f"The line has {comparison}.")
            del fields[self.width :]
            self.row_came()
            return Verdict("row", change="trimmed")
        return self._short(fields, comparison)

    def _short(self, fields: list[bytes], comparison: str) -> Verdict:
        """The verdict on a record with too few values."""
        count = len(fields)
        if self._stands_apart or (self.after_blank and count > 1):
            self._stands_apart = True
            return Verdict(
                "other table",
                f"The line stands apart after a blank line and has {comparison}: it is not of this table.",
            )
        if count == 1 and (self.width > 2 or self._reads_as_note(fields[0])):
            return Verdict("note", f"The line has only {comparison}: a title, a note, a total or a cut line.")
        if self.ragged == "reject":
            return Verdict("rejected", f"The line has only {comparison}.")
        if count < self.least:
            return Verdict("rejected", f"The line has only {comparison}, less than half.")
        fields += [b""] * (self.width - count)
        self.row_came()
        return Verdict("row", change="padded")

    def _reads_as_note(self, value: bytes) -> bool:
        """Whether the only value of a line in a table of two columns is a sentence rather than a record cut short."""
        text = value.decode("utf-8", "replace").strip()
        if self.after_blank or len(text.split()) >= NOTE_WORDS or _NOTE.search(text):
            return True
        shape = self.shapes[0] if self.shapes else "text"
        return is_typed(shape) and shape_of(text) == "text"

    def _says_names(self, fields: list[bytes]) -> bool:
        """Whether at least half of the values are names of the header: two or more."""
        filled = {value.strip().lower() for value in fields} - {b""}
        repeated = len(filled & self._names)
        return repeated > 1 and repeated * 2 >= len(filled)
