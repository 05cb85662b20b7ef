"""Loads chunk files of sound records into Parquet of text columns, with the engine, while the scan goes on."""

from __future__ import annotations

import itertools
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

#: Chunks of one batch at most: each batch becomes one Parquet file of text columns. The first batches have one.
BATCH_CHUNKS = 8
SINGLE_BATCHES = 4
#: Chunks of a batch of a wide table, which costs seconds before its first row.
WIDE_BATCH_CHUNKS = 20
#: Batches that may wait for the engine before the scan does.
WAITING_BATCHES = 2
#: Batches that are loaded at once, by one thread each: of one statement, threads would wait for the slowest.
LOADERS = engine.THREADS
TOO_LARGE = "The table is too large for the memory that a job may use; split the file and try again."


@dataclass(frozen=True)
class Chunk:
    """A file of whole records."""

    number: int
    path: Path
    rows: int
    bytes: int


class Loader:
    """Loads chunk files into Parquet batches in threads of its own, while the scan goes on."""

    def __init__(self, folder: Path, scratch: Path, dialect: Dialect, *, memory_mb: int) -> None:
        self.folder = folder
        self.scratch = scratch
        self.width = dialect.width
        self.spaced = dialect.spaced
        self.memory_mb = memory_mb
        self.delimiter = ","
        self.quote = '"'
        self.longest: Callable[[], int] = lambda: 0
        self._batch: list[Chunk] = []
        self._batches = 0
        #: Rows of each batch that is loaded, by its number.
        self._loaded: dict[int, int] = {}
        self._queue: queue.Queue[tuple[int, list[Chunk]] | None] = queue.Queue(WAITING_BATCHES)
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        #: Wide tables take all the memory there is for one batch.
        self._most_threads = 1 if self.width > engine.WIDE else LOADERS
        self._connecting = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        (folder / "raw").mkdir(exist_ok=True)

    @property
    def rows(self) -> int:
        """Rows that are loaded."""
        return sum(self._loaded.values())

    @property
    def starts(self) -> list[int]:
        """The number of the first row of each batch's file, in order."""
        counts = [self._loaded[number] for number in range(len(self._loaded))]
        return [0, *itertools.accumulate(counts)][: len(counts)]

    def start(self) -> None:
        """Begin to load, or have one thread more do so."""
        thread = threading.Thread(target=self._work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def add(self, number: int, path: Path, rows: int, size: int) -> None:
        """Take a chunk; wait where those before it are not yet loaded."""
        self._batch.append(Chunk(number, path, rows, size))
        early = 2 ** max(0, self._batches + 1 - SINGLE_BATCHES)
        if len(self._batch) >= (WIDE_BATCH_CHUNKS if self.width > engine.WIDE else min(BATCH_CHUNKS, early)):
            self._put_batch()

    def finish(self, on_progress: Callable[[float], None]) -> None:
        """Load what is left and wait until all is loaded."""
        if self._batch:
            self._put_batch()
        for _ in self._threads:
            self._put(None)
        waited = 0
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.2)
                waited += 1
                on_progress(1 - 1 / (1 + waited / 20))
        self._raise()
        if self._con is not None:
            self._con.close()

    def abandon(self) -> None:
        """Stop loading: the scan has failed."""
        self._error = self._error or RuntimeError("the scan stopped")
        for cursor in list(self._cursors):
            cursor.interrupt()

    def _put_batch(self) -> None:
        if self._batches and len(self._threads) < self._most_threads:
            self.start()
        self._put((self._batches, self._batch))
        self._batches += 1
        self._batch = []

    def _put(self, batch: tuple[int, list[Chunk]] | None) -> None:
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
            with self._cursor() as con:
                while self._error is None and (batch := self._queue.get()) is not None:
                    self._load(con, *batch)
        except BaseException as error:  # raised again in the scan's thread
            self._error = self._error or error

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._connecting:
            if self._con is None:
                self._con = engine.connect(self.scratch, width=self.width, memory_mb=self.memory_mb, threads=1)
            cursor = self._con.cursor()
            self._cursors.append(cursor)
        return cursor

    def _load(self, con: duckdb.DuckDBPyConnection, number: int, batch: list[Chunk]) -> None:
        expected = sum(chunk.rows for chunk in batch)
        target = self.folder / "raw" / f"{number:06}.parquet"
        try:
            loaded = self._copy(con, batch, target)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            loaded = -1
        if loaded != expected:
            raise AssertionError(f"the engine read {loaded} rows of {expected} in chunks from {batch[0].number}")
        self._loaded[number] = loaded

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
