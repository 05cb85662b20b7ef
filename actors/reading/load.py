"""Loads chunk files of sound records into Parquet of text columns, with the engine, while the scan goes on."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from actors.tables import engine

from .dialect import Dialect
from .errors import Unreadable

#: Chunks of one batch: each batch becomes one Parquet file of text columns.
BATCH_CHUNKS = 8
#: Batches that may wait for the engine before the scan does.
WAITING_BATCHES = 2
TOO_LARGE = "The table is too large for the memory that a job may use; split the file and try again."


@dataclass(frozen=True)
class Chunk:
    """A file of whole records."""

    number: int
    path: Path
    rows: int
    bytes: int


class Loader:
    """Loads chunk files into Parquet batches in a thread of its own, while the scan goes on."""

    def __init__(self, folder: Path, scratch: Path, dialect: Dialect, *, memory_mb: int) -> None:
        self.folder = folder
        self.scratch = scratch
        self.width = dialect.width
        self.spaced = dialect.spaced
        self.memory_mb = memory_mb
        self.delimiter = ","
        self.quote = '"'
        self.longest: Callable[[], int] = lambda: 0
        self.rows = 0
        self.starts: list[int] = []
        self._batch: list[Chunk] = []
        self._queue: queue.Queue[list[Chunk] | None] = queue.Queue(WAITING_BATCHES)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._con: duckdb.DuckDBPyConnection | None = None
        (folder / "raw").mkdir(exist_ok=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, number: int, path: Path, rows: int, size: int) -> None:
        self._batch.append(Chunk(number, path, rows, size))
        if len(self._batch) >= BATCH_CHUNKS:
            self._put(self._batch)
            self._batch = []

    def finish(self, on_progress: Callable[[float], None]) -> None:
        if self._batch:
            self._put(self._batch)
        self._put(None)
        waited = 0
        while self._thread.is_alive():
            self._thread.join(0.2)
            waited += 1
            on_progress(1 - 1 / (1 + waited / 20))
        self._raise()

    def abandon(self) -> None:
        self._error = self._error or RuntimeError("the scan stopped")
        if self._con is not None:
            self._con.interrupt()

    def _put(self, batch: list[Chunk] | None) -> None:
        while True:
            self._raise()
            try:
                self._queue.put(batch, timeout=0.2)
                return
            except queue.Full:
                continue

    def _raise(self) -> None:
        if self._error is not None:
            if isinstance(self._error, duckdb.OutOfMemoryException):
                raise Unreadable(TOO_LARGE) from self._error
            raise self._error

    def _work(self) -> None:
        try:
            with engine.connect(self.scratch, width=self.width, memory_mb=self.memory_mb) as con:
                self._con = con
                while self._error is None and (batch := self._queue.get()) is not None:
                    self._load(con, batch)
        except BaseException as error:  # raised again in the scan's thread
            self._error = error

    def _load(self, con: duckdb.DuckDBPyConnection, batch: list[Chunk]) -> None:
        expected = sum(chunk.rows for chunk in batch)
        target = self.folder / "raw" / f"{len(self.starts):06}.parquet"
        try:
            loaded = self._copy(con, batch, target)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            loaded = -1
        if loaded != expected:
            raise AssertionError(f"the engine read {loaded} rows of {expected} in chunks from {batch[0].number}")
        self.starts.append(self.rows)
        self.rows += loaded

    def _copy(self, con: duckdb.DuckDBPyConnection, batch: list[Chunk], target: Path) -> int:
        columns = "{" + ", ".join(f"'c{index}': 'VARCHAR'" for index in range(self.width)) + "}"
        line = max(2_000_000, self.longest() + 1024)
        paths, largest = [chunk.path for chunk in batch], max(chunk.bytes for chunk in batch)
        if self.width > engine.WIDE and len(batch) > 1:
            # The engine looks at all columns for each file again: of a wide table that takes longer than reading it.
            paths, largest = [self._joined(batch)], sum(chunk.bytes for chunk in batch)
        buffer = max(line * 2, largest + 1024)
        files = engine.file_list(paths)
        sql = f"""
            COPY (
                SELECT {self._values()} FROM read_csv({files}, columns = {columns},
                    auto_detect = false, header = false, strict_mode = true, parallel = false, new_line = '\\n',
                    delim = {engine.literal(self.delimiter)}, quote = {engine.literal(self.quote)},
                    escape = {engine.literal(self.quote)}, max_line_size = {line}, buffer_size = {buffer})
            ) TO {engine.literal(str(target))}
            (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {engine.row_group_rows(self.width)})"""
        loaded = int(engine.run(con, sql)[0][0])
        if len(paths) < len(batch):
            paths[0].unlink()
        return loaded

    def _joined(self, batch: list[Chunk]) -> Path:
        """One file of all the batch's records, each of which ends with a line feed."""
        target = self.folder / "joined.csv"
        with target.open("wb") as file:
            for chunk in batch:
                with chunk.path.open("rb") as records:
                    shutil.copyfileobj(records, file, 1 << 20)
        return target

    def _values(self) -> str:
        """What is kept of the columns: where a blank after each delimiter belongs to the writing, it is left out."""
        if not self.spaced:
            return "*"
        return ", ".join(
            f"c{index}" if not index else f"ltrim(c{index}, ' ') AS c{index}" for index in range(self.width)
        )
