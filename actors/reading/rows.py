"""Where sound records go: into chunk files for the engine, with the physical line of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .account import Tally
from .chunks import ChunkWriter, Positions
from .decoding import decode_mixed
from .dialect import Dialect


class Rows:
    """Writes rows as the engine reads them, and `lines.bin`, which maps a row's number to its line."""

    def __init__(
        self,
        dialect: Dialect,
        folder: Path,
        writer: ChunkWriter,
        tally: Tally,
        *,
        delimiter: bytes,
        long_delimiter: bytes,
        engine_quote: bytes,
    ) -> None:
        self.dialect = dialect
        self.writer = writer
        self.tally = tally
        self.delimiter = delimiter
        self.long_delimiter = long_delimiter
        self.engine_quote = engine_quote
        self.width = dialect.width
        self._lines_file = (folder / "lines.bin").open("wb")
        self._shift: int | None = None

    def write_piece(self, piece: bytes | memoryview, starts: Positions, ends: Positions | None) -> None:
        """Write whole records that are sound as they are; `starts` are their lines, `ends` their ends if known."""
        self._map_lines(starts)
        self.tally.records += len(starts)
        self.writer.write(piece, len(starts), ends)

    def _map_lines(self, starts: Positions) -> None:
        """Note where a row's line minus its number changes."""
        rows = np.arange(self.writer.rows, self.writer.rows + len(starts))
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

    def write_fields(self, fields: list[bytes], line: int) -> None:
        """Write one record that was read by itself."""
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

    def close(self) -> None:
        self._lines_file.close()
