"""The pass over the bytes before the engine: finds every record, counts it, and passes on only whole ones.

The engine's own reader silently loses damaged rows, so it never gets one. The scan works on
windows of a block: what is sound in one (`windows`) is passed on as it is. Where that ends, one record is read by
`RecordReader` and the window begins again after it; windows shrink near damage and grow away from it.

What comes out: chunk files of sound records (UTF-8, line feeds, doubled quotes), the rejected records with their
physical line, and a map from a record's number in the chunks to its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import sizes
from .account import KEPT_RAW, Account, Tally
from .chunks import CHUNK_BYTES, ChunkWriter, Positions
from .decoding import decode_mixed
from .dialect import Dialect
from .errors import Unreadable
from .judging import Judge
from .one_sign import SIGN, with_one_sign
from .records import CLOSED_EARLY, NEVER_CLOSED, NeedsMore, Record, RecordReader
from .rows import Rows
from .windows import LINE_FEED, RETURN, Window, WindowReader

#: Bytes of a window: what fits the processor's second cache, and the least worth a round of numpy calls.
MAX_WINDOW = 256 * 1024
MIN_WINDOW = 4 * 1024
#: A record longer than this is rejected.
MAX_RECORD = 64 * 1024 * 1024


class Scanner:
    """Scans one stream of UTF-8 blocks. See the module."""

    def __init__(
        self,
        dialect: Dialect,
        folder: Path,
        *,
        on_chunk: Callable[[int, Path, int, int], None],
        ragged: str = "pad",
        quotes: str = "repair",
        chunk_bytes: int = CHUNK_BYTES,
        max_record: int = MAX_RECORD,
    ) -> None:
        self.dialect = dialect
        self.ragged = ragged
        self.quotes = quotes
        sign = dialect.delimiter.encode()
        #: A delimiter of several bytes, or runs of blanks: in the blocks they are one byte that text does not have.
        self.long_delimiter = sign if len(sign) > 1 and not dialect.blanks else b""
        is_single = len(sign) == 1 and not dialect.blanks
        self.delimiter = sign if is_single else SIGN
        self.quote = dialect.quote.encode()
        #: A file without quotes may still need them around a repaired value: a byte that text does not have.
        self.engine_quote = self.quote or b"\x1e"
        self.width = dialect.width
        self.reader = RecordReader(dialect, self.delimiter, max_record=max_record)
        self.writer = ChunkWriter(folder / "chunks", on_chunk, chunk_bytes)
        self.max_record = max_record
        self._line = 1
        self.account = Account(folder)
        self.tally: Tally = self.account.tally
        self.judge = Judge(dialect, self.delimiter, ragged=ragged)
        signs = {"delimiter": self.delimiter, "engine_quote": self.engine_quote}
        self.windows = WindowReader(dialect, self.judge, **signs)
        self.rows = Rows(dialect, folder, self.writer, self.tally, long_delimiter=self.long_delimiter, **signs)
        #: Lines of records that have only empty values: rows when another row follows, blank lines at the end.
        self._empty: list[tuple[int, list[bytes]]] = []
        self._feed = RETURN if dialect.line_end == "\r" else LINE_FEED
        self._other = LINE_FEED if dialect.line_end == "\r" else RETURN
        self._is_skipping = False

    def scan(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> Tally:
        """Read all blocks; `report` is told the UTF-8 bytes that are done."""
        try:
            self._scan(blocks, report)
            self._end_with_empty()
            self.account.ended()
            self.writer.close()
        finally:
            self.writer.abandon()
            self.rows.close()
            self.account.close()
        self.tally.rows = self.writer.rows
        self.tally.lines = self._line - 1
        if self.tally.records != self.tally.rows + self.tally.rejected:
            raise AssertionError(f"the scan lost count: {self.tally}")
        return self.tally

    def _scan(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> None:
        carry, done, window = b"", 0, MAX_WINDOW
        to_skip = self.dialect.preamble_lines + self.dialect.header_lines
        blocks = with_one_sign(blocks, self.dialect, self.tally)
        eof = False
        while not eof:
            block = next(blocks, None)
            eof = block is None
            buf = carry + (block or b"")
            if b"\0" in (block or b""):
                before = len(buf)
                buf = buf.replace(b"\0", b"")
                self.tally.nul_bytes += before - len(buf)
            pos = 0
            while to_skip and pos < len(buf):
                try:
                    end = self.reader.line_end(buf, pos, eof=eof)
                except NeedsMore:
                    break
                self._set_aside(buf[pos:end])
                pos = end
                to_skip -= 1
            if self._is_skipping:
                pos = self._skip_line(buf, pos, eof=eof)
            if not to_skip and not self._is_skipping:
                pos, window = self._scan_buffer(buf, pos, window, eof=eof)
            carry = buf[pos:]
            done += len(block or b"")
            report(done)

    def _skip_line(self, buf: bytes, pos: int, *, eof: bool) -> int:
        try:
            end = self.reader.line_end(buf, pos, eof=eof)
        except NeedsMore:
            return len(buf)
        self._line += self.reader.count_lines(buf[pos:end])
        self._is_skipping = False
        return end

    def _set_aside(self, raw: bytes) -> None:
        """Account for a line above the first record."""
        line, text = self._line, self._text_of(self.reader.strip_end(raw))
        self._line += 1
        if line > self.dialect.preamble_lines:
            self.account.set_aside(line, line, "header", text)
            return
        kind = next((item.kind for item in self.dialect.above if item.first <= line <= item.last), "title")
        if kind == "table" and text.strip():
            self.account.reject(line, text, "The line is of another table, above this one.", kind="other table")
        elif not text.strip():
            self.account.blank(line)
        else:
            self.account.set_aside(line, line, "comment" if kind == "comment" else "before the table", text)

    def _scan_buffer(self, buf: bytes, pos: int, window: int, *, eof: bool) -> tuple[int, int]:
        if eof and buf[pos:] and buf[-1:] != bytes([self._feed]):
            buf += bytes([self._feed])
        array_ = np.frombuffer(buf, dtype=np.uint8)
        size = len(buf)
        while pos < size:
            stop = min(size, pos + window)
            sound = self.windows.find(array_, buf, pos, stop, eof=eof and stop == size)
            if len(sound.ends):
                pos = self._accept(array_, buf, pos, sound)
            if sound.damaged_at >= 0:
                window = max(MIN_WINDOW, window // 2)
            elif len(sound.ends) or (window < MAX_WINDOW and stop < size):
                window = min(MAX_WINDOW, window * 2)
                continue
            try:
                pos = self._take_one(buf, pos, eof=eof)
            except NeedsMore:
                if size - pos <= self.max_record:
                    return pos, window
                self._reject_long(buf[pos:])
                return size, window
        return pos, window

    def _accept(self, data: npt.NDArray[np.uint8], buf: bytes, start: int, sound: Window) -> int:
        """Write the window's sound records, look at the odd ones, and return the offset after them."""
        ends = sound.ends
        stop = start + int(ends[-1])
        lengths = np.diff(ends, prepend=0)
        self.tally.longest = max(self.tally.longest, int(lengths.max()))
        self.windows.mark_other_text(buf, start, sound)
        lines = self._line + sound.line_numbers
        first = 0
        if self.judge.in_other_table:
            sound.odd[:] = True
        for index in [*np.flatnonzero(sound.odd).tolist(), len(ends)]:
            if index > first:
                self._pass_on(data, buf, start, sound, first, index, lines)
            if index < len(ends):
                self._judge_at(buf, start, ends, index, lines)
            first = index + 1
            if self.judge.in_other_table:
                break
        # In another table every record is judged by itself.
        for index in range(first, len(ends)):
            self._judge_at(buf, start, ends, index, lines)
        self._line = int(lines[-1])
        return stop

    def _judge_at(self, buf: bytes, start: int, ends: Positions, index: int, lines: Positions) -> None:
        begin = start + (int(ends[index - 1]) if index else 0)
        line = int(lines[index - 1]) if index else self._line
        self._judge_raw(buf, begin, start + int(ends[index]), line)

    def _pass_on(
        self,
        data: npt.NDArray[np.uint8],
        buf: bytes,
        start: int,
        sound: Window,
        first: int,
        last: int,
        lines: Positions,
    ) -> None:
        ends = sound.ends
        begin = start + (int(ends[first - 1]) if first else 0)
        stop = start + int(ends[last - 1])
        piece: bytes | memoryview
        if not sound.returns and self._feed == LINE_FEED:
            piece = memoryview(buf)[begin:stop]
        else:
            view = data[begin:stop]
            own_ends = ends[first:last] + (start - begin)
            if self._feed == RETURN:
                changed = view.copy()
                changed[own_ends - 1] = LINE_FEED
                piece = changed.tobytes()
            else:
                before = np.maximum(own_ends - 2, 0)
                before = before[view[before] == RETURN]
                keep = np.ones(len(view), dtype=np.bool_)
                keep[before] = False
                piece = view[keep].tobytes()
        self._write_empty()
        starts = np.empty(last - first, dtype=np.int64)
        starts[0] = lines[first - 1] if first else self._line
        starts[1:] = lines[first : last - 1]
        piece_ends = ends[first:last] + (start - begin) if isinstance(piece, memoryview) else None
        self.rows.write_piece(piece, starts, piece_ends)
        self.judge.row_came()
        self.account.row_came()

    def _take_one(self, buf: bytes, pos: int, *, eof: bool) -> int:
        """Read the record at `pos` by itself."""
        if self.judge.comment and self.judge.is_comment(buf[pos : pos + 64]):
            end = self.reader.line_end(buf, pos, eof=eof)
            record = Record([buf[pos:end]], end)
        else:
            record = self.reader.read(buf, pos, eof=eof)
        raw = buf[pos : record.end]
        if len(raw) > self.max_record:
            self._reject_long(raw)
            self._is_skipping = record.end == len(buf) and not eof
            return record.end
        self.tally.longest = max(self.tally.longest, len(raw))
        line = self._line
        self._line += self.reader.count_lines(raw)
        self._judge(record, raw, line)
        return record.end

    def _judge_raw(self, buf: bytes, begin: int, end: int, line: int) -> None:
        raw = buf[begin:end]
        record = self.reader.parse(raw, 0, eof=True, lenient=False)
        if record.end < len(raw):
            # A stray line end was read as one; the rest of the raw bytes are records of their own.
            self._judge(record, raw[: record.end], line)
            self._judge_raw(raw, record.end, len(raw), line + self.reader.count_lines(raw[: record.end]))
            return
        self._judge(record, raw, line)

    def _judge(self, record: Record, raw: bytes, line: int) -> None:
        """Pass a single record on, made to fit, or account for it in another way."""
        lines = max(1, self.reader.count_lines(raw))
        raw = self.reader.strip_end(raw)
        if record.trouble and self.quotes == "strict" and not self.judge.is_comment(raw):
            reason = NEVER_CLOSED if record.trouble == "never closed" else CLOSED_EARLY
            raise Unreadable(f"line {line}: {reason}")
        if len(record.fields) != self.width and b"\r" in raw and self._other == RETURN and self._split(raw, line):
            return
        verdict = self.judge.judge(record, raw)
        if verdict.kind == "blank":
            self.account.blank(line)
        elif verdict.kind == "comment":
            self.account.set_aside(line, line + lines - 1, "comment", self._text_of(raw))
        elif verdict.kind == "empty" and self.width > 2:
            # A record of three values and more that are all empty says nothing, wherever it stands.
            self.account.blank(line)
        elif verdict.kind == "empty":
            self._empty.append((line, [*record.fields, *[b""] * self.width][: self.width]))
        elif verdict.kind == "row":
            self.tally.padded += verdict.change == "padded"
            self.tally.trimmed += verdict.change == "trimmed"
            self.tally.repaired += bool(record.trouble)
            self._write_empty()
            self.rows.write_fields(record.fields, line)
            self.account.row_came()
        else:
            self.account.reject(line, self._text_of(raw), verdict.reason, kind=verdict.kind)

    def _split(self, raw: bytes, line: int) -> bool:
        """Judge the records that a bare return parts, where each of them then fits; return whether that is so."""
        if self.quote and self.quote in raw:
            return False
        pieces = [piece for piece in raw.split(b"\r") if piece]
        split = [self.reader.parse(piece, 0, eof=True, lenient=False) for piece in pieces]
        if len(pieces) < 2 or not all(len(item.fields) == self.width and not item.trouble for item in split):
            return False
        self.tally.parted += len(pieces) - 1
        for item, piece in zip(split, pieces, strict=True):
            self._judge(item, piece, line)
        return True

    def _write_empty(self) -> None:
        """Write the records of empty values that another row follows: they stand within the table."""
        for line, fields in self._empty:
            self.rows.write_fields(fields, line)
        self._empty.clear()

    def _end_with_empty(self) -> None:
        for line, _ in self._empty:
            self.account.blank(line)
        self._empty.clear()

    def _reject_long(self, raw: bytes) -> None:
        """Reject a record too long to hold; what follows of its line is passed over as the blocks come."""
        reason = f"The record is longer than {sizes.size(self.max_record)}."
        if self.quotes == "strict":
            raise Unreadable(f"line {self._line}: {reason}")
        self.account.reject(self._line, self._text_of(raw), reason)
        self._line += self.reader.count_lines(raw)
        self._is_skipping = True

    def _text_of(self, raw: bytes) -> str:
        """The text of a record as it stands in the file, cut where it is very long."""
        if self.long_delimiter:
            raw = raw.replace(self.delimiter, self.long_delimiter)
        elif self.dialect.blanks:
            raw = raw.replace(self.delimiter, b" ")
        try:
            return raw[:KEPT_RAW].decode("utf-8", "strict" if len(raw) <= KEPT_RAW else "ignore")
        except UnicodeDecodeError:
            return decode_mixed(raw[:KEPT_RAW], self.dialect.fallback)
