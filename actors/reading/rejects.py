"""The rejected records as they stood in the file: physical line, raw text, and why."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from actors.tables import engine
from actors.tables.formulas import neutral

from .account import KEPT_RAW, REJECT_FIELDS
from .dialect import Dialect
from .windows import LINE_FEED

Entry = tuple[int, str, str, str, str]


class LineMap:
    """Physical lines by the number of a raw row."""

    def __init__(self, folder: Path) -> None:
        path = folder / "lines.bin"
        shifts = np.memmap(path, dtype="<i8", mode="r").reshape(-1, 2) if path.stat().st_size else None
        self._starts = np.zeros(1, dtype=np.int64) if shifts is None else shifts[:, 0]
        self._shifts = np.zeros(1, dtype=np.int64) if shifts is None else shifts[:, 1]

    def lines_of(self, numbers: list[int]) -> list[int]:
        wanted = np.array(numbers, dtype=np.int64)
        at = np.searchsorted(self._starts, wanted, side="right") - 1
        lines: list[int] = (wanted + self._shifts[at]).tolist()
        return lines


def line_of(folder: Path, number: int) -> int:
    return LineMap(folder).lines_of([number])[0]


class RawRows:
    """The raw text of rows by number, read from the chunk files; read in ascending order."""

    def __init__(self, folder: Path, dialect: Dialect) -> None:
        self._folder = folder / "chunks"
        pieces = np.fromfile(folder / "pieces.bin", dtype="<i8").reshape(-1, 3).tolist()
        self._pieces: list[list[int]] = pieces
        self._quote = (dialect.quote or "\x1e").encode()[0]
        self._long_delimiter = dialect.delimiter if len(dialect.delimiter.encode()) > 1 else ""
        self._at = -1
        self._first = self._end = 0
        self._text = b""
        self._ends = np.zeros(0, dtype=np.int64)

    def raw(self, number: int) -> str:
        if not self._first <= number < self._end:
            self._load(number)
        index = number - self._first
        begin = int(self._ends[index - 1]) if index else 0
        text = self._text[begin : min(int(self._ends[index]) - 1, begin + KEPT_RAW)].decode("utf-8", "replace")
        return text.replace("\x1f", self._long_delimiter) if self._long_delimiter else text

    def _load(self, number: int) -> None:
        while self._at + 1 < len(self._pieces) and self._pieces[self._at + 1][0] <= number:
            self._at += 1
        first, chunk, offset = self._pieces[self._at]
        size = -1
        if self._at + 1 < len(self._pieces) and self._pieces[self._at + 1][1] == chunk:
            size = self._pieces[self._at + 1][2] - offset
        with (self._folder / f"{chunk:06}.csv").open("rb") as file:
            file.seek(offset)
            self._text = file.read(size)
        view = np.frombuffer(self._text, dtype=np.uint8)
        marks = np.flatnonzero((view == LINE_FEED) | (view == self._quote))
        is_quote = view[marks] == self._quote
        inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(np.bool_) if len(marks) else is_quote
        self._ends = marks[~(inside | is_quote)] + 1
        self._first, self._end = first, first + len(self._ends)


def write_rejects(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    made: Path,
    target: Path,
    *,
    names: list[str],
    dialect: Dialect,
    neutralise: bool = True,
) -> int:
    """Write rejected.csv in the order of the lines; returns its rows."""
    entries = heapq.merge(_from_scan(folder), _from_check(con, folder, made, names, dialect), key=_line)
    return _write(target, entries, neutralise=neutralise)


def write_duplicates(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    made: Path,
    target: Path,
    *,
    dialect: Dialect,
    neutralise: bool = True,
) -> int:
    """Write duplicates.csv: the rows left out because an earlier one has their key."""
    lines, raws = LineMap(folder), RawRows(folder, dialect)
    source = engine.literal(str(made / "duplicates.parquet"))
    query = con.execute(f"SELECT number, first FROM read_parquet({source}) ORDER BY number")

    def entries() -> Iterator[Entry]:
        for batch in _batches(query):
            own = lines.lines_of([number for number, _ in batch])
            firsts = lines.lines_of([first for _, first in batch])
            for (number, _), line, first in zip(batch, own, firsts, strict=True):
                yield line, "", "", f"The same key as line {first}.", raws.raw(number)

    return _write(target, entries(), neutralise=neutralise)


def _line(entry: Entry) -> int:
    return entry[0]


def _from_scan(folder: Path) -> Iterator[Entry]:
    csv.field_size_limit(1 << 30)
    with (folder / "scan_rejects.csv").open(encoding="utf-8", newline="") as file:
        for line, column, value, reason, raw in csv.reader(file):
            yield int(line), column, value, reason, raw


def _from_check(
    con: duckdb.DuckDBPyConnection, folder: Path, made: Path, names: list[str], dialect: Dialect
) -> Iterator[Entry]:
    lines, raws = LineMap(folder), RawRows(folder, dialect)
    source = engine.literal(str(made / "rejects.parquet"))
    query = con.execute(f"SELECT number, position, value, reason, first FROM read_parquet({source}) ORDER BY number")
    for batch in _batches(query):
        own = lines.lines_of([entry[0] for entry in batch])
        firsts = lines.lines_of([entry[4] or 0 for entry in batch])
        for (number, position, value, reason, first), line, first_line in zip(batch, own, firsts, strict=True):
            sentence = f"{reason} Line {first_line} has it." if first is not None else reason
            column = "" if position is None else names[position]
            yield line, column, value or "", sentence, raws.raw(number)


def _batches(query: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    while batch := query.fetchmany(5_000):
        yield batch


def _write(target: Path, entries: Iterator[Entry], *, neutralise: bool) -> int:
    safe = neutral if neutralise else str
    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REJECT_FIELDS)
        for line, column, value, reason, raw in entries:
            writer.writerow((line, safe(column), safe(value), reason, safe(raw)))
            count += 1
    return count
