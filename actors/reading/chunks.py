"""Writes sound records to numbered chunk files, and remembers where windows of them begin."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Bytes of a chunk file. One thread of the engine reads one chunk, so it never has to guess a record's start.
CHUNK_BYTES = 8 * 1024 * 1024
#: Bytes of the first one, so that the engine begins soon after the scan; each next one is twice as long.
FIRST_CHUNK_BYTES = 1024 * 1024
#: Bytes between two records whose place in a chunk is remembered.
INDEXED_BYTES = 16 * 1024

Positions = npt.NDArray[np.int64]


class ChunkWriter:
    """Writes sound records to numbered chunk files, and remembers where windows of them begin."""

    def __init__(self, folder: Path, on_chunk: Callable[[int, Path, int, int], None], chunk_bytes: int) -> None:
        self.folder = folder
        self.on_chunk = on_chunk
        self.chunk_bytes = min(FIRST_CHUNK_BYTES, chunk_bytes)
        self._longest = chunk_bytes
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
        self.chunk_bytes = min(2 * self.chunk_bytes, self._longest)

    def abandon(self) -> None:
        """Close a chunk that is not whole without handing it over."""
        if self._file is not None:
            self._file.close()
