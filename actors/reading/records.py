"""Reading one record at a time, tolerantly: what the scan does where its fast reading of a block does not hold.

A quote is special only at the start of a field, after spaces or not. Inside quotes a doubled quote is one quote
(so is a backslashed one, where the file does that), and a quote followed by anything else than a delimiter or a
line end is taken as part of the value, when the record then has the table's width. So is a whole field that only
begins like a quoted one, when the quotes in it come in pairs.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Literal

from .dialect import Dialect
from .shapes import is_typed, shape_of

NEVER_CLOSED = "a quote opened here is never closed"
CLOSED_EARLY = "a quoted value goes on after its closing quote"
#: Lines that a value with damaged quotes may span before its first line is judged alone.
MAX_DAMAGED_LINES = 200
MAX_DAMAGED_BYTES = 1 << 16
#: Columns that a table has, and those of them that hold no words, for a quote too many in a line to be told.
STRAY_WIDTH = 4
STRAY_TYPED = 2

Trouble = Literal["", "never closed", "closed early", "ends wrong"]


@dataclass(slots=True)
class Record:
    """One record: its fields, the offset after its line end, and what was wrong with its quotes."""

    fields: list[bytes]
    end: int
    trouble: Trouble = ""
    #: Offset of the quote that the trouble is with.
    where: int = 0


class NeedsMore(Exception):
    """Raised when the record goes on after the end of the buffer."""


class RecordReader:
    """Reads records of one dialect out of byte buffers."""

    def __init__(
        self, dialect: Dialect, delimiter: bytes, *, max_record: int, damaged_bytes: int = MAX_DAMAGED_BYTES
    ) -> None:
        #: Bytes in which a value with damaged quotes has to end.
        self.damaged_bytes = damaged_bytes
        self.delimiter = delimiter
        self.quote = dialect.quote.encode()
        self.backslash = dialect.escape == "backslash"
        #: Blanks that may stand between a quote and a delimiter.
        self._blanks = b" \t".replace(delimiter, b"")
        #: Whether two quotes before a delimiter are a quote and the end of the value.
        self.doubled_closes = False
        self._variants: dict[tuple[bool, bool], RecordReader] = {}
        self.width = dialect.width
        self.shapes = dialect.shapes
        self.max_record = max_record
        self.returns_end = dialect.line_end != "\n"
        ends = {"\n": b"\n", "\r": b"\r", "any": b"\r\n"}[dialect.line_end]
        self.ends = ends
        self._line = re.compile(b"\r\n|[" + ends + b"]")
        self._stop = re.compile(b"[" + re.escape(delimiter) + ends + b"]")

    def read(self, buf: bytes, pos: int, *, eof: bool) -> Record:
        """The record at `pos`, strictly where that works, else by the reading that gives the table's width.

        A damaged quote costs its own line at most: a line that is a record by itself is never made part of another.
        """
        strict = self.parse(buf, pos, eof=eof, lenient=False)
        if not strict.trouble:
            return strict
        line_end = self.line_end(buf, pos, eof=eof)
        line = buf[pos:line_end]
        if self.quote * 2 + self.delimiter in line or self.strip_end(line).endswith(self.quote * 2):
            # The first of two quotes before a delimiter is the value's own, the second closes it.
            inner = self._variant(doubled_closes=True).parse(line, 0, eof=True, lenient=True)
            if self._fits(inner) and inner.end == len(line):
                return Record(inner.fields, line_end, "closed early", strict.where)
        if b"\\" + self.quote in line and not self.backslash:
            escaped = self._variant(backslash=True).parse(buf, pos, eof=eof, lenient=False)
            if not escaped.trouble and self._fits(escaped) and not self._swallows(buf, line_end, escaped.end):
                return Record(escaped.fields, escaped.end, "closed early", strict.where)
        lenient = self.parse(buf, pos, eof=eof, lenient=True)
        if self._fits(lenient) and lenient.end == line_end:
            return Record(lenient.fields, lenient.end, "closed early", strict.where)
        plain = self._plain(buf, pos, line_end)
        is_literal = len(plain) == self.width and not any(value.count(self.quote) % 2 for value in plain)
        if is_literal:
            return Record(plain, line_end, "closed early", strict.where)
        is_short = lenient.end - pos <= self.damaged_bytes and buf.count(b"\n", pos, lenient.end) <= MAX_DAMAGED_LINES
        is_damaged_alone = len(plain) != self.width and is_short
        if self._fits(lenient) and is_damaged_alone and not self._swallows(buf, line_end, lenient.end):
            return Record(lenient.fields, lenient.end, "closed early", strict.where)
        stray = self._with_stray_quote(line, strict.where - pos)
        if stray is not None:
            return Record(stray, line_end, "closed early", strict.where)
        reopened = buf.find(self.quote, strict.where + 1, line_end) >= 0
        return Record(plain, line_end, "ends wrong" if reopened else "never closed", strict.where)

    def _with_stray_quote(self, line: bytes, at: int) -> list[bytes] | None:
        """The fields of a line whose quote at `at` belongs to its value, where all others then look like their columns.

        Only several columns without words can distinguish one quote too many from a value that was cut.
        """
        typed = [index for index, shape in enumerate(self.shapes) if is_typed(shape)]
        if self.width < STRAY_WIDTH or len(typed) < STRAY_TYPED:
            return None
        record = self.parse(line, 0, eof=True, lenient=True, literal_at=at)
        if record.trouble or len(record.fields) != self.width or record.end != len(line):
            return None
        fields = record.fields
        shapes = [shape_of(fields[index].decode("utf-8", "replace").strip('"')) for index in typed]
        fits = all(shape in ("", self.shapes[index]) for shape, index in zip(shapes, typed, strict=True))
        return fields if fits else None

    def _fits(self, record: Record) -> bool:
        return len(record.fields) == self.width and record.trouble != "never closed"

    def _swallows(self, buf: bytes, pos: int, end: int) -> bool:
        """Whether one of the lines from `pos` to `end` would be a record of the table by itself."""
        while pos < end:
            following = self.line_end(buf, pos, eof=True)
            if following - pos > 1 and self.width > 1:
                alone = self.parse(buf[pos:following], 0, eof=True, lenient=False)
                if not alone.trouble and len(alone.fields) == self.width:
                    return True
            pos = following
        return False

    def _variant(self, *, backslash: bool = False, doubled_closes: bool = False) -> RecordReader:
        """The same reader for records that are written in another way."""
        if (backslash, doubled_closes) not in self._variants:
            other = copy.copy(self)
            other.backslash = backslash or self.backslash
            other.doubled_closes = doubled_closes
            self._variants[backslash, doubled_closes] = other
        return self._variants[backslash, doubled_closes]

    def strip_end(self, raw: bytes) -> bytes:
        if raw.endswith(b"\r\n"):
            return raw[:-2]
        return raw[:-1] if raw[-1:] in (b"\n", b"\r") and raw[-1] in self.ends else raw

    def count_lines(self, raw: bytes) -> int:
        """The physical lines that end in these bytes."""
        feeds = raw.count(b"\n")
        if self.ends == b"\n":
            return feeds
        returns = raw.count(b"\r")
        return returns if self.ends == b"\r" else feeds + returns - raw.count(b"\r\n")

    def line_end(self, buf: bytes, pos: int, *, eof: bool) -> int:
        match = self._line.search(buf, pos)
        if match is None:
            if not eof:
                raise NeedsMore
            return len(buf)
        if match.group() == b"\r" and match.end() == len(buf) and not eof and b"\n" in self.ends:
            raise NeedsMore
        return match.end()

    def _plain(self, buf: bytes, pos: int, end: int) -> list[bytes]:
        return self.strip_end(buf[pos:end]).split(self.delimiter)

    def parse(self, buf: bytes, pos: int, *, eof: bool, lenient: bool, literal_at: int = -1) -> Record:
        fields: list[bytes] = []
        quote, start = self.quote, pos
        trouble: Trouble = ""
        where = 0
        while True:
            begin = pos
            if quote:
                while buf[begin : begin + 1] in self._blanks and begin < len(buf):
                    begin += 1
            if quote and buf[begin : begin + 1] == quote and begin != literal_at:
                value, after, wrong = self._quoted(buf, begin, start, eof=eof, lenient=lenient)
                if wrong == "never closed" or (wrong and not trouble):
                    trouble, where = wrong, begin
                    if not lenient or wrong == "never closed":
                        return Record(fields, len(buf), trouble, where)
                fields.append(value)
            else:
                match = self._stop.search(buf, pos)
                while self.backslash and match and self._is_escaped(buf, pos, match.start()):
                    match = self._stop.search(buf, match.end())
                if match is None and not eof:
                    if len(buf) - start > self.max_record:
                        return Record([*fields, buf[pos:]], len(buf))
                    raise NeedsMore
                after = match.start() if match else len(buf)
                value = buf[pos:after]
                if self.backslash:
                    value = value.replace(b"\\" + self.delimiter, self.delimiter)
                if value.endswith(b"\r") and buf[after : after + 1] == b"\n":
                    value = value[:-1]
                fields.append(value)
            if after >= len(buf):
                return Record(fields, len(buf), "" if not lenient else trouble, where)
            if buf[after : after + 1] == self.delimiter:
                pos = after + 1
                continue
            if buf[after : after + 1] == b"\r":
                if after + 1 == len(buf) and not eof:
                    raise NeedsMore
                if buf[after + 1 : after + 2] == b"\n" and self.ends != b"\r":
                    after += 1
            return Record(fields, after + 1, "", where)

    def _is_escaped(self, buf: bytes, start: int, at: int) -> bool:
        """Whether a backslash before it makes the delimiter at `at` a part of the value."""
        slashes = at
        while slashes > start and buf[slashes - 1] == 0x5C:
            slashes -= 1
        return buf[at : at + 1] == self.delimiter and (at - slashes) % 2 == 1

    def _quoted(self, buf: bytes, begin: int, start: int, *, eof: bool, lenient: bool) -> tuple[bytes, int, Trouble]:
        """The value of the quoted field at `begin`, the offset of what follows it, and what was wrong."""
        quote = self.quote
        parts: list[bytes] = []
        wrong: Trouble = ""
        pos = begin + 1
        while True:
            at = buf.find(quote, pos)
            if self.backslash:
                slash = buf.find(b"\\", pos, at if at >= 0 else len(buf))
                if slash >= 0:
                    if slash + 1 >= len(buf) and not eof:
                        raise NeedsMore
                    escaped = buf[slash + 1 : slash + 2]
                    literal = escaped if escaped in (quote, b"\\") else b"\\" + escaped
                    parts += (buf[pos:slash], literal)
                    pos = slash + 1 + len(escaped)
                    continue
            if at < 0:
                if not eof and len(buf) - start <= self.max_record:
                    raise NeedsMore
                return b"", len(buf), "never closed"
            following = buf[at + 1 : at + 2]
            if not following and not eof:
                raise NeedsMore
            if following == quote and self.doubled_closes:
                stop = buf[at + 2 : at + 3]
                if stop in (b"", self.delimiter) or self._ends_line(buf, at + 2, eof=eof):
                    parts.append(buf[pos : at + 1])
                    return b"".join(parts), at + 2, "closed early"
            if following == quote:
                parts.append(buf[pos : at + 1])
                pos = at + 2
                continue
            after = at + 1
            while buf[after : after + 1] in self._blanks and after < len(buf):
                after += 1
            stop = buf[after : after + 1]
            if not stop and not eof:
                raise NeedsMore
            if stop in (b"", self.delimiter) or self._ends_line(buf, after, eof=eof):
                parts.append(buf[pos:at])
                return b"".join(parts), after, wrong
            if not lenient:
                return b"", at, "closed early"
            if at - begin > self.damaged_bytes:
                return b"", len(buf), "never closed"
            wrong = "closed early"
            parts.append(buf[pos : at + 1])
            pos = at + 1

    def _ends_line(self, buf: bytes, at: int, *, eof: bool) -> bool:
        byte = buf[at : at + 1]
        if byte in (b"\n", b"\r") and byte in self.ends:
            return True
        if byte == b"\r":
            if at + 1 == len(buf) and not eof:
                raise NeedsMore
            return buf[at + 1 : at + 2] in (b"\n", b"") and self.ends != b"\r"
        return False
