"""The pass over the bytes before the engine: finds every record, counts it, and hands over only whole ones.

The engine's own reader was seen to lose damaged rows without a word, so it is never shown one. The scan works on
windows of a block: positions of delimiters, quotes and line ends come from numpy; a window in which every quote
opens after a delimiter and closes before one is passed on as it is. Where that does not hold, one record is read
by `RecordReader` and the window begins again after it; windows shrink near damage and grow away from it.

What comes out: chunk files of sound records (UTF-8, line feeds, doubled quotes), the rejected records with their
physical line, and a map from a record's number in the chunks to its line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import sizes
from .account import KEPT_RAW, Account, Tally
from .chunks import CHUNK_BYTES, ChunkWriter, Positions
from .decoding import decode_mixed
from .dialect import NO_DELIMITER, Dialect
from .errors import Unreadable
from .judging import Judge
from .records import CLOSED_EARLY, NEVER_CLOSED, NeedsMore, Record, RecordReader

#: Bytes of a window: what fits the processor's second cache, and the least worth a round of numpy calls.
MAX_WINDOW = 256 * 1024
MIN_WINDOW = 4 * 1024
#: A record longer than this is rejected.
MAX_RECORD = 64 * 1024 * 1024

LINE_FEED, RETURN = 10, 13
_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass
class _Window:
    """A window's sound beginning: where its records end, which of them need a look, and where damage begins."""

    ends: Positions
    odd: npt.NDArray[np.bool_]
    returns: bool
    line_numbers: Positions
    #: Start of a record with damaged quotes, right after the sound ones; -1 when there is none.
    damaged_at: int


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
        self.delimiter = sign if is_single else NO_DELIMITER.encode()
        self.quote = dialect.quote.encode()
        #: A file without quotes may still need them around a repaired value: a byte that text does not have.
        self.engine_quote = self.quote or b"\x1e"
        self.width = dialect.width
        self.reader = RecordReader(dialect, self.delimiter, max_record=max_record)
        self.writer = ChunkWriter(folder / "chunks", on_chunk, chunk_bytes)
        self.max_record = max_record
        self._line = 1
        self._lines_file = (folder / "lines.bin").open("wb")
        self._shift: int | None = None
        self.account = Account(folder)
        self.tally: Tally = self.account.tally
        self.judge = Judge(dialect, self.delimiter, ragged=ragged)
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
            self._lines_file.close()
            self.account.close()
        self.tally.rows = self.writer.rows
        self.tally.lines = self._line - 1
        if self.tally.records != self.tally.rows + self.tally.rejected:
            raise AssertionError(f"the scan lost count: {self.tally}")
        return self.tally

    def _scan(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> None:
        carry, seen, window = b"", 0, MAX_WINDOW
        to_skip = self.dialect.preamble_lines + self.dialect.header_lines
        if self.delimiter == NO_DELIMITER.encode() and self.dialect.delimiter != NO_DELIMITER:
            blocks = self._without_separators(blocks)
        blocks = self._with_short_delimiter(blocks)
        if self.dialect.blanks:
            blocks = self._with_single_blanks(blocks)
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
            seen += len(block or b"")
            report(seen)

    def _skip_line(self, buf: bytes, pos: int, *, eof: bool) -> int:
        try:
            end = self.reader.line_end(buf, pos, eof=eof)
        except NeedsMore:
            return len(buf)
        self._line += self.reader.count_lines(buf[pos:end])
        self._is_skipping = False
        return end

    def _with_short_delimiter(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Blocks in which a delimiter of several bytes is one byte that text does not have."""
        if not self.long_delimiter:
            yield from blocks
            return
        carry = b""
        keep = len(self.long_delimiter) - 1
        for block in blocks:
            text = (carry + block).replace(self.long_delimiter, self.delimiter)
            carry = text[-keep:]
            if self.delimiter in carry:
                carry = carry[carry.rindex(self.delimiter) + 1 :]
            yield text[: len(text) - len(carry)]
        yield carry

    def _without_separators(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Blocks without the byte that will stand for the delimiter; each that is left out is counted."""
        for block in blocks:
            text = block.replace(self.delimiter, b"")
            self.tally.nul_bytes += len(block) - len(text)
            yield text

    def _with_single_blanks(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Blocks of whole lines in which a run of blanks is one byte that text does not have."""
        least = len(self.dialect.delimiter)
        run = re.compile(rb'"[^"\n]*"|[ \t]*(?=[\r\n])|(?<=\n)[ \t]+|\A[ \t]+|[ \t]{%d,}' % least)

        def short(found: re.Match[bytes]) -> bytes:
            text, at = found.group(), found.start()
            if text.startswith(b'"'):
                return text
            is_edge = (
                at == 0 or found.string[at - 1 : at] == b"\n" or found.string[found.end() : found.end() + 1] in b"\r\n"
            )
            return b"" if is_edge else self.delimiter

        carry = b""
        for block in blocks:
            text, _, rest = (carry + block).rpartition(b"\n")
            carry = rest
            if text:
                yield run.sub(short, text + b"\n")
        text = run.sub(short, carry)
        is_blank = carry[-1:] in (b" ", b"\t") and text[-1:] in (b"", b"\n", b"\r")
        # A last line of blanks is a line all the same.
        yield text + self.delimiter if carry and is_blank else text

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
            found = self._analyse(array_, buf, pos, stop, eof=eof and stop == size)
            if len(found.ends):
                pos = self._accept(array_, buf, pos, found)
            if found.damaged_at >= 0:
                window = max(MIN_WINDOW, window // 2)
            elif len(found.ends) or (window < MAX_WINDOW and stop < size):
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

    def _analyse(self, data: npt.NDArray[np.uint8], buf: bytes, start: int, stop: int, *, eof: bool) -> _Window:
        view = data[start:stop]
        delimiter, feed = self.delimiter[0], self._feed
        quote = self.quote[0] if self.quote and buf.find(self.quote, start, stop) >= 0 else None
        other_at = buf.find(bytes([self._other]), start, stop)
        mask = view == delimiter
        mask |= view == feed
        if quote is not None:
            mask |= view == quote
        marks = np.flatnonzero(mask)
        kinds = view[marks]
        damaged = -1
        if quote is None:
            feeds = np.flatnonzero(kinds == feed)
            ends = marks[feeds] + 1
            widths = np.diff(feeds, prepend=-1)
            ranks = np.arange(1, len(feeds) + 1)
            inside = None
        else:
            is_quote = kinds == quote
            inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(np.bool_)
            bad = self._first_bad_quote(view, marks, is_quote, inside, quote)
            plain = ~(inside | is_quote)
            is_feed = kinds == feed
            outside = is_feed & plain
            feeds = np.flatnonzero(outside)
            ends = marks[feeds] + 1
            widths = np.diff(np.flatnonzero(kinds[plain] == feed), prepend=-1)
            ranks = np.cumsum(is_feed)[feeds] if len(feeds) else feeds
            if bad >= 0:
                keep = int(np.searchsorted(ends, bad, side="right"))
                ends, widths, ranks = ends[:keep], widths[:keep], ranks[:keep]
                damaged = int(ends[-1]) if keep else 0
            elif eof and len(inside) and inside[-1]:
                damaged = int(ends[-1]) if len(ends) else 0
        odd = widths != self.width
        returns = other_at >= 0 and self._other == RETURN
        if len(ends):
            odd |= self._needs_a_look(view, ends, widths, returns=returns)
        if returns and self.dialect.line_end == "any" and len(ends):
            found = np.flatnonzero(view == RETURN)
            lone = found[view[np.minimum(found + 1, len(view) - 1)] != LINE_FEED]
            ranks = ranks + np.searchsorted(lone, ends)
        if other_at >= 0 and len(ends):
            odd |= self._has_stray_end(view, ends, marks, inside)
        if self.long_delimiter and inside is not None and len(ends):
            hidden = marks[inside & (kinds == delimiter)]
            odd[np.searchsorted(ends, hidden[hidden < ends[-1]], side="right")] = True
        if self.reader.backslash and len(ends):
            slashes = np.flatnonzero(view[: ends[-1]] == 92)
            if len(slashes):
                # Parity does not hold after a backslashed quote: all from there is read one by one.
                first = int(np.searchsorted(ends, slashes[0], side="right"))
                damaged = int(ends[first - 1]) if first else 0
                ends, odd, ranks = ends[:first], odd[:first], ranks[:first]
        elif self.reader.backslash and damaged < 0 and b"\\" in buf[start:stop]:
            damaged = 0
        return _Window(ends, odd, returns, ranks, damaged)

    def _needs_a_look(
        self, view: npt.NDArray[np.uint8], ends: Positions, widths: Positions, *, returns: bool
    ) -> npt.NDArray[np.bool_]:
        """Which records of a window may be something else than rows, whatever their number of values."""
        starts = np.concatenate(([0], ends[:-1]))
        lengths = ends - starts
        # Nothing, or nothing but delimiters.
        shortest = 1 + (view[ends - 2] == RETURN) if self.width == 1 else self.width + returns
        odd: npt.NDArray[np.bool_] = lengths <= shortest
        if not self.quote:
            # What the engine takes for the quote has to be quoted itself.
            quotes = np.flatnonzero(view[: ends[-1]] == self.engine_quote[0])
            odd[np.searchsorted(ends, quotes, side="right")] = True
        if self.judge.comment:
            odd |= view[starts] == self.judge.comment[0]
        if self.judge.parts:
            blank = (widths == 1) & (lengths <= 1 + returns)
            odd[1:] |= blank[:-1]
            odd[0] |= self.judge.after_blank
        return odd

    def _first_bad_quote(
        self,
        view: npt.NDArray[np.uint8],
        marks: Positions,
        is_quote: npt.NDArray[np.bool_],
        inside: npt.NDArray[np.bool_],
        quote: int,
    ) -> int:
        """Offset of the first quote that neither opens after a delimiter nor closes before one, or -1."""
        at = marks[is_quote]
        opens = inside[is_quote]
        fits = self._fits(quote)
        # What stands beside the window's edge: it begins with a record, and may end inside one.
        before = view[at - 1]
        if at[0] == 0:
            before[0] = self._feed
        last = int(at[-1]) + 1 == len(view)
        after = view[np.minimum(at + 1, len(view) - 1)]
        if last:
            after[-1] = self._feed
        closed = fits[1][after]
        if self._feed == LINE_FEED and self._other == RETURN and not closed.all():
            # A return ends a line here only before a line feed, or at what is still to come.
            ends_line = view[np.minimum(at + 2, len(view) - 1)] == LINE_FEED
            closed |= (after == RETURN) & (ends_line | (at + 2 >= len(view)))
        fine = np.where(opens, fits[0][before], closed)
        if fine.all():
            return -1
        return int(at[int(np.argmin(fine))])

    def _fits(self, quote: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        before = np.zeros(256, dtype=np.bool_)
        before[[self.delimiter[0], self._feed, quote]] = True
        after = before.copy()
        after[RETURN] |= self.dialect.line_end == "any"
        return before, after

    def _has_stray_end(
        self,
        view: npt.NDArray[np.uint8],
        ends: Positions,
        marks: Positions,
        inside: npt.NDArray[np.bool_] | None,
    ) -> npt.NDArray[np.bool_]:
        """Which records hold, outside quotes, the line end that this file does not use."""
        limit = int(ends[-1])
        strays = np.flatnonzero(view[:limit] == self._other)
        if self._other == RETURN:
            strays = strays[view[np.minimum(strays + 1, limit - 1)] != LINE_FEED]
        odd = np.zeros(len(ends), dtype=np.bool_)
        if inside is not None and len(strays):
            at = np.searchsorted(marks, strays) - 1
            strays = strays[(at < 0) | ~inside[at]]
        odd[np.searchsorted(ends, strays, side="right")] = True
        return odd

    def _accept(self, data: npt.NDArray[np.uint8], buf: bytes, start: int, found: _Window) -> int:
        """Write the window's sound records, look at the odd ones, and return the offset after them."""
        ends = found.ends
        stop = start + int(ends[-1])
        lengths = np.diff(ends, prepend=0)
        self.tally.longest = max(self.tally.longest, int(lengths.max()))
        self._check_text(buf, start, found)
        lines = self._line + found.line_numbers
        first = 0
        if self.judge.in_other_table:
            found.odd[:] = True
        for index in [*np.flatnonzero(found.odd).tolist(), len(ends)]:
            if index > first:
                self._pass_on(data, buf, start, found, first, index, lines)
            if index < len(ends):
                self._judge_at(buf, start, ends, index, lines)
            first = index + 1
            if self.judge.in_other_table:
                break
        # In another table no record is passed on unseen.
        for index in range(first, len(ends)):
            self._judge_at(buf, start, ends, index, lines)
        self._line = int(lines[-1])
        return stop

    def _judge_at(self, buf: bytes, start: int, ends: Positions, index: int, lines: Positions) -> None:
        begin = start + (int(ends[index - 1]) if index else 0)
        line = int(lines[index - 1]) if index else self._line
        self._judge_raw(buf, begin, start + int(ends[index]), line)

    def _check_text(self, buf: bytes, start: int, found: _Window) -> None:
        """Mark the records that are not UTF-8 as odd."""
        piece = buf[start : start + int(found.ends[-1])]
        if piece.isascii():
            return
        view, position = memoryview(piece), 0
        while position < len(piece):
            try:
                codecs.utf_8_decode(view[position:], "strict", True)
                return
            except UnicodeDecodeError as error:
                index = int(np.searchsorted(found.ends, position + error.start, side="right"))
                found.odd[index] = True
                position = int(found.ends[index])

    def _pass_on(
        self,
        data: npt.NDArray[np.uint8],
        buf: bytes,
        start: int,
        found: _Window,
        first: int,
        last: int,
        lines: Positions,
    ) -> None:
        ends = found.ends
        begin = start + (int(ends[first - 1]) if first else 0)
        stop = start + int(ends[last - 1])
        piece: bytes | memoryview
        if not found.returns and self._feed == LINE_FEED:
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
        self._map_lines(first, last, lines)
        self.tally.records += last - first
        known = ends[first:last] + (start - begin) if isinstance(piece, memoryview) else None
        self.writer.write(piece, last - first, known)
        self.judge.row_came()
        self.account.row_came()

    def _map_lines(self, first: int, last: int, lines: Positions) -> None:
        """Note where a row's line minus its number changes."""
        starts = np.empty(last - first, dtype=np.int64)
        starts[0] = lines[first - 1] if first else self._line
        starts[1:] = lines[first : last - 1]
        rows = np.arange(self.writer.rows, self.writer.rows + last - first)
        self._note_shifts(rows, starts - rows)

    def _note_shifts(self, rows: Positions, shifts: Positions) -> None:
        changed = np.flatnonzero(np.diff(shifts)) + 1
        if self._shift is None or int(shifts[0]) != self._shift:
            changed = np.concatenate(([0], changed))
        if len(changed):
            pairs = np.empty((len(changed), 2), dtype="<i8")
            pairs[:, 0], pairs[:, 1] = rows[changed], shifts[changed]
            self._lines_file.write(pairs.tobytes())
        self._shift = int(shifts[-1])

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
            self._write_fields(record.fields, line)
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
            self._write_fields(fields, line)
        self._empty.clear()

    def _end_with_empty(self) -> None:
        for line, _ in self._empty:
            self.account.blank(line)
        self._empty.clear()

    def _write_fields(self, fields: list[bytes], line: int) -> None:
        quote = self.engine_quote
        special = (self.delimiter, quote, b"\n", b"\r")
        written = []
        for value in fields:
            text = self._as_utf8(value)
            if self.long_delimiter:
                text = text.replace(self.delimiter, self.long_delimiter)
            if any(mark in text for mark in special):
                text = quote + text.replace(quote, quote * 2) + quote
            written.append(text)
        piece = self.delimiter.join(written) + b"\n"
        if self.width == 1 and piece == b"\n":
            piece = quote * 2 + b"\n"
        self._note_shifts(np.array([self.writer.rows]), np.array([line - self.writer.rows]))
        self.tally.records += 1
        self.writer.write(piece, 1)

    def _as_utf8(self, value: bytes) -> bytes:
        try:
            value.decode("utf-8")
            return value
        except UnicodeDecodeError:
            self.tally.mixed_encoding += 1
            return decode_mixed(value, self.dialect.fallback).encode("utf-8")

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
