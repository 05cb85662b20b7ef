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
import csv
import io
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .dialect import NO_DELIMITER, Dialect
from .errors import Unreadable
from .records import CLOSED_EARLY, NEVER_CLOSED, NeedsMore, Record, RecordReader

#: Bytes of a window: what fits the processor's second cache, and the least worth a round of numpy calls.
MAX_WINDOW = 256 * 1024
MIN_WINDOW = 4 * 1024
#: Bytes of a chunk file. One thread of the engine reads one chunk, so it never has to guess a record's start.
CHUNK_BYTES = 8 * 1024 * 1024
#: Bytes between two records whose place in a chunk is remembered.
INDEXED_BYTES = 16 * 1024
#: A record longer than this is rejected.
MAX_RECORD = 64 * 1024 * 1024
#: Bytes of a raw line that are kept of a rejected record.
KEPT_RAW = 1024 * 1024

LINE_FEED, RETURN = 10, 13
Positions = npt.NDArray[np.int64]
REJECT_FIELDS = ("line", "column", "value", "reason", "raw")


@dataclass
class Tally:
    """What the scan counted. records = rows + rejected, always."""

    records: int = 0
    rows: int = 0
    rejected: int = 0
    blank_lines: int = 0
    padded: int = 0
    trimmed: int = 0
    repaired: int = 0
    mixed_encoding: int = 0
    nul_bytes: int = 0
    lines: int = 0
    longest: int = 0
    first_rejects: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Window:
    """A window's sound beginning: where its records end, which of them need a look, and where damage begins."""

    ends: Positions
    odd: npt.NDArray[np.bool_]
    returns: bool
    line_numbers: Positions
    #: Start of a record with damaged quotes, right after the sound ones; -1 when there is none.
    damaged_at: int


class ChunkWriter:
    """Writes sound records to numbered chunk files, and remembers where windows of them begin."""

    def __init__(self, folder: Path, on_chunk: Callable[[int, Path, int, int], None], chunk_bytes: int) -> None:
        self.folder = folder
        self.on_chunk = on_chunk
        self.chunk_bytes = chunk_bytes
        self.number = 0
        self.rows = 0
        self._file: io.BufferedWriter | None = None
        self._bytes = 0
        self._chunk_rows = 0
        #: Triples of the number of a piece's first row, its chunk, and its offset there.
        self.pieces = array("q")
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, piece: bytes | memoryview, rows: int, ends: Positions | None = None) -> None:
        """Write a piece of whole records; `ends`, where they are known, are the offsets after each."""
        if self._file is None:
            self._file = (self.folder / f"{self.number:06}.csv").open("wb")
            if bytes(piece[:3]) == b"\xef\xbb\xbf":
                # The engine drops a mark at the start of a file, and here it belongs to a value.
                self._file.write(b"\xef\xbb\xbf")
                self._bytes = 3
        if not self.pieces or self.pieces[-2] != self.number or self._bytes - self.pieces[-1] >= INDEXED_BYTES:
            self.pieces.extend((self.rows, self.number, self._bytes))
        if ends is not None and len(piece) > 2 * INDEXED_BYTES:
            # Finer, so that one row's raw text is found again without reading the whole piece.
            for target in range(INDEXED_BYTES, len(piece) - INDEXED_BYTES, INDEXED_BYTES):
                row = int(np.searchsorted(ends, target))
                offset = self._bytes + int(ends[row])
                if offset > self.pieces[-1] and row + 1 < rows:
                    self.pieces.extend((self.rows + row + 1, self.number, offset))
        self._file.write(piece)
        self._bytes += len(piece)
        self._chunk_rows += rows
        self.rows += rows
        if self._bytes >= self.chunk_bytes:
            self.close()

    def close(self) -> None:
        if self._file is None:
            return
        self._file.close()
        self.on_chunk(self.number, Path(self._file.name), self._chunk_rows, self._bytes)
        self.number += 1
        self._file, self._bytes, self._chunk_rows = None, 0, 0

    def abandon(self) -> None:
        """Close a chunk that is not whole without handing it over."""
        if self._file is not None:
            self._file.close()


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
        self.tally = Tally()
        self.long_delimiter = dialect.delimiter.encode() if len(dialect.delimiter.encode()) > 1 else b""
        self.delimiter = b"\x1f" if self.long_delimiter else dialect.delimiter.encode()
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
        self._rejects = (folder / "scan_rejects.csv").open("w", encoding="utf-8", newline="")
        self._reject_rows = csv.writer(self._rejects)
        self._feed = RETURN if dialect.line_end == "\r" else LINE_FEED
        self._other = LINE_FEED if dialect.line_end == "\r" else RETURN
        self._after_blank = False
        self._other_table = False
        #: Fields of the lines of another table, from where its header was seen.
        self._other_width = 0
        names = {name.strip().lower().encode() for name in dialect.source_names if name.strip()}
        self._header = names if dialect.header_lines and len(names) > 1 else set()
        self._is_skipping = False

    def scan(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> Tally:
        """Read all blocks; `report` is told the UTF-8 bytes that are done."""
        try:
            self._scan(blocks, report)
            self.writer.close()
        finally:
            self.writer.abandon()
            self._lines_file.close()
            self._rejects.close()
        self.tally.rows = self.writer.rows
        self.tally.lines = self._line - 1
        if self.tally.records != self.tally.rows + self.tally.rejected:
            raise AssertionError(f"the scan lost count: {self.tally}")
        return self.tally

    def _scan(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> None:
        carry, seen, window = b"", 0, MAX_WINDOW
        to_skip = self.dialect.preamble_lines + self.dialect.header_lines
        blocks = self._with_short_delimiter(blocks)
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
                    pos = self.reader.line_end(buf, pos, eof=eof)
                except NeedsMore:
                    break
                to_skip -= 1
                self._line += 1
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

    def _scan_buffer(self, buf: bytes, pos: int, window: int, *, eof: bool) -> tuple[int, int]:
        if eof and buf[pos:] and buf[-1:] not in (bytes([self._feed]), b"\n"):
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
        if self.width == 1 and len(ends):
            starts = np.concatenate(([0], ends[:-1]))
            odd |= ends - starts <= 1 + (view[ends - 2] == RETURN)
        returns = other_at >= 0 and self._other == RETURN
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
        for index in [*np.flatnonzero(found.odd).tolist(), len(ends)]:
            if index > first:
                self._pass_on(data, buf, start, found, first, index, lines)
            if index < len(ends):
                begin = start + (int(ends[index - 1]) if index else 0)
                line = int(lines[index - 1]) if index else self._line
                self._judge_raw(buf, begin, start + int(ends[index]), line)
            first = index + 1
        self._line = int(lines[-1])
        return stop

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
        self._map_lines(first, last, lines)
        self.tally.records += last - first
        known = ends[first:last] + (start - begin) if isinstance(piece, memoryview) else None
        self.writer.write(piece, last - first, known)
        self._after_blank = self._other_table = False

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
        """Pass a single record on, made to fit, or reject it with its reason."""
        fields = record.fields
        raw = self.reader.strip_end(raw)
        if len(fields) == 1 and not (raw.strip() if self.width > 1 else raw):
            self.tally.blank_lines += 1
            self._after_blank = True
            return
        if record.trouble == "never closed" or (record.trouble and self.quotes == "strict"):
            reason = NEVER_CLOSED if record.trouble == "never closed" else CLOSED_EARLY
            if self.quotes == "strict":
                raise Unreadable(f"line {line}: {reason}")
            self._reject(line, raw, reason)
            return
        if len(fields) != self.width and b"\r" in raw and self._other == RETURN:
            pieces = raw.split(b"\r")
            split = [self.reader.parse(piece, 0, eof=True, lenient=False) for piece in pieces]
            if all(len(item.fields) == self.width and not item.trouble for item in split if item.fields != [b""]):
                for item, piece in zip(split, pieces, strict=True):
                    self._judge(item, piece, line)
                return
        reason = self._fit(fields)
        if reason:
            self._reject(line, raw, reason)
            return
        if record.trouble:
            self.tally.repaired += 1
        self._write_fields(fields, line)

    def _fit(self, fields: list[bytes]) -> str:
        """Make the fields as many as the columns; return why they cannot be, or nothing."""
        count = len(fields)
        if count == self.width:
            self._after_blank = self._other_table = False
            return ""
        said = f"{count} field{'s' if count != 1 else ''}, the table has {self.width} column"
        said += "s" if self.width != 1 else ""
        if self._says_header(fields):
            self._other_width = count
            return f"The line has {said} and says names of the header again: another table begins."
        if count == self._other_width:
            return f"The line has {said}, as the other table above has."
        if count > self.width:
            if any(extra.strip() for extra in fields[self.width :]):
                return f"The line has {said}."
            del fields[self.width :]
            self.tally.trimmed += 1
            return ""
        if self.ragged == "reject":
            return f"The line has only {said}."
        if self._other_table or (self._after_blank and count > 1):
            self._other_table = True
            return f"The line stands apart after a blank line and has {said}: it is not of this table."
        if count * 2 < self.width:
            return f"The line has only {said}, less than half: a title, a note, a total or a cut line."
        fields += [b""] * (self.width - count)
        self.tally.padded += 1
        return ""

    def _says_header(self, fields: list[bytes]) -> bool:
        """Whether at least half of the values are names of the header: two or more."""
        filled = {value.strip().lower() for value in fields} - {b""}
        found = len(filled & self._header)
        return found > 1 and found * 2 >= len(filled)

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
            return decode_western(value).encode("utf-8")

    def _reject_long(self, raw: bytes) -> None:
        """Reject a record too long to hold; what follows of its line is passed over as the blocks come."""
        reason = f"The record is longer than {self.max_record // (1 << 20)} MiB."
        if self.quotes == "strict":
            raise Unreadable(f"line {self._line}: {reason}")
        self._reject(self._line, raw[:KEPT_RAW], reason)
        self._line += self.reader.count_lines(raw)
        self._is_skipping = True

    def _reject(self, line: int, raw: bytes, reason: str) -> None:
        if self.long_delimiter:
            raw = raw.replace(self.delimiter, self.long_delimiter)
        elif self.dialect.delimiter == NO_DELIMITER:
            raw = raw.replace(b"\x1f", b"")
        try:
            text = raw[:KEPT_RAW].decode("utf-8", "strict" if len(raw) <= KEPT_RAW else "ignore")
        except UnicodeDecodeError:
            text = decode_western(raw[:KEPT_RAW])
        self.tally.records += 1
        self.tally.rejected += 1
        self._reject_rows.writerow((line, "", "", reason, text))
        if len(self.tally.first_rejects) < 20:
            self.tally.first_rejects.append({"line": line, "reason": reason})


def decode_western(value: bytes) -> str:
    """Text of bytes that are not UTF-8: Windows-1252, and Latin-1 for the five bytes that it lacks."""
    try:
        return value.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in value)
