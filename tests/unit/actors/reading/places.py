"""Where each physical line of a file is, found without the scan's own counting: for tests that no line is lost."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.reading import detect, read
from actors.reading.account import Tally
from actors.reading.decoding import utf8_blocks
from actors.reading.dialect import Dialect
from actors.reading.made import Detected
from actors.reading.rejects import LineMap
from actors.reading.scan import Scanner

from .importing import silent

_ENDS = {"\n": b"\r?\n", "\r": b"\r\n|\r", "any": b"\r\n|\r|\n"}


@dataclass
class Places:
    """What a reading made of a file: its lines, and the places that each of them has."""

    dialect: Dialect
    tally: Tally
    lines: list[bytes]
    #: Names of places by the number of a line, 1 for the first: right are exactly one for each line.
    places: dict[int, list[str]]
    #: (line, text) of every rejected record and every line set aside, as they are kept.
    kept: list[tuple[int, str]]

    def faults(self) -> list[str]:
        """What is wrong with the account; nothing where it is right."""
        wrong = [
            f"line {line} has the places {self.places.get(line, [])}"
            for line in sorted({*range(1, len(self.lines) + 1), *self.places})
            if not self._is_accounted(line)
        ]
        tally = self.tally
        if tally.lines != len(self.lines):
            wrong.append(f"{tally.lines} lines counted, there are {len(self.lines)}")
        if tally.records != tally.rows + tally.rejected:
            wrong.append(f"{tally.records} records, {tally.rows} rows and {tally.rejected} rejected")
        counted = {
            "header": tally.header_lines,
            "before the table": tally.before_table,
            "comment": tally.comment_lines,
            "blank": tally.blank_lines,
        }
        found = [place for places in self.places.values() for place in places]
        wrong += [
            f"{count} lines are counted as {kind}, {found.count(kind)} are kept as such"
            for kind, count in counted.items()
            if found.count(kind) != count
        ]
        wrong += [f"line {line} is kept as {text!r}" for line, text in self.kept if not self._stands_at(line, text)]
        blank = [line for line in range(1, len(self.lines) + 1) if self.places.get(line) == ["blank"]]
        wrong += [f"line {line} is called blank" for line in blank if re.search(rb"[^\W_]", self.lines[line - 1])]
        return wrong

    def _is_accounted(self, line: int) -> bool:
        if line > len(self.lines):
            return False
        places = self.places.get(line, [])
        if len(places) > 1 and self._is_parted(line):
            return all(place == "row" or place.startswith("rejected") for place in places)
        return len(places) == 1

    def _is_parted(self, line: int) -> bool:
        """Whether a bare return may have parted the line in several records: the file's lines end otherwise."""
        return self.dialect.line_end == "\n" and b"\r" in self.lines[line - 1]

    def _stands_at(self, line: int, text: str) -> bool:
        ends = _ENDS[self.dialect.line_end]
        raw = text.encode("utf-8", "surrogatepass")
        standing = b"\n".join(self.lines[line - 1 :][: 1 + len(re.findall(ends, raw))])
        raw = re.sub(ends, b"\n", raw)
        if not _is_utf8(standing):
            # A record is decoded as a whole, and what is decoded here are lines.
            raw, standing = _ascii(raw), _ascii(standing)
        if self.dialect.blanks:
            # Runs of blanks are kept as one.
            raw, standing = re.sub(rb"[ \t]+", b"", raw), re.sub(rb"[ \t]+", b"", standing)
        return raw in standing if self._is_parted(line) else standing == raw


def places_of(
    data: bytes, folder: Path, *, settings: dict[str, Any] | None = None, told: Detected | None = None
) -> Places:
    """Read the bytes with nothing but detection and the scan. Raises Unreadable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "table.csv"
    path.write_bytes(data)
    found = told or detect.detect(silent, path=str(path), options=settings or {})
    scratch, target = str(folder / "scratch"), folder / "read"
    loaded = read.read(silent, path=str(path), folder=str(target), scratch=scratch, detected=found, settings=settings)
    return places_in(path, target, loaded.dialect, loaded.tally)


def scanned_places_of(data: bytes, folder: Path, *, settings: dict[str, Any] | None = None) -> Places:
    """The same without the engine, and without a second look: ten times as fast."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "table.csv"
    path.write_bytes(data)
    dialect = detect.detect(silent, path=str(path), options=settings or {}).dialect
    scanner = Scanner(dialect, folder, on_chunk=lambda *_: None)
    tally = scanner.scan((block for block, _ in utf8_blocks(path, dialect.encoding)), silent)
    return places_in(path, folder, dialect, tally)


def places_in(path: Path, folder: Path, dialect: Dialect, tally: Tally) -> Places:
    """The places of a file that has been read into `folder`."""
    ends = _ENDS[dialect.line_end]
    places: dict[int, list[str]] = defaultdict(list)
    kept: list[tuple[int, str]] = []

    def put(first: int, count: int, place: str) -> None:
        for line in range(first, first + count):
            places[line].append(place)

    rows = _raw_rows(folder, dialect)
    if len(rows) != tally.rows:
        raise AssertionError(f"the chunks hold {len(rows)} rows of {tally.rows}")
    starts = LineMap(folder).lines_of(list(range(len(rows))))
    for line, row in zip(starts, rows, strict=True):
        put(line, 1 + len(re.findall(ends, row)), "row")
    csv.field_size_limit(1 << 30)
    with (folder / "scan_rejects.csv").open(encoding="utf-8", newline="") as file:
        for begins, _, _, reason, raw in csv.reader(file):
            put(int(begins), 1 + len(re.findall(ends, raw.encode("utf-8", "surrogatepass"))), f"rejected: {reason}")
            kept.append((int(begins), raw))
    with (folder / "aside.csv").open(encoding="utf-8", newline="") as file:
        for entry in csv.DictReader(file):
            first, last = int(entry["first_line"]), int(entry["last_line"])
            put(first, last - first + 1, entry["kind"])
            if entry["kind"] != "blank":
                kept.append((first, entry["text"]))
    return Places(dialect, tally, _lines(path, dialect, ends), places, kept)


def _lines(path: Path, dialect: Dialect, ends: bytes) -> list[bytes]:
    """The file's physical lines, in UTF-8 where they can be."""
    text = b"".join(block for block, _ in utf8_blocks(path, dialect.encoding)).replace(b"\0", b"")
    if dialect.blanks or len(dialect.delimiter.encode()) != 1:
        # Left out as zero bytes are, where it would be taken for the delimiter.
        text = text.replace(b"\x1f", b"")
    lines = re.split(ends, text)
    # A return at the very end is one half of a line end.
    return [*lines[:-1], lines[-1].removesuffix(b"\r")] if lines[-1] else lines[:-1]


def _is_utf8(text: bytes) -> bool:
    return "\ufffd" not in text.decode("utf-8", "replace")


def _ascii(text: bytes) -> bytes:
    return bytes(byte for byte in text if byte < 0x80)


def _raw_rows(folder: Path, dialect: Dialect) -> list[bytes]:
    """The rows as they stand in the chunk files, without their ends."""
    quote = (dialect.quote or "\x1e").encode()
    rows: list[bytes] = []
    for path in sorted((folder / "chunks").glob("*.csv")):
        row, inside = b"", False
        for line in re.findall(rb"[^\n]*\n", path.read_bytes()):
            row += line
            inside ^= line.count(quote) % 2 == 1
            if not inside:
                rows.append(row.removesuffix(b"\n"))
                row = b""
        if row:
            raise AssertionError(f"{path.name} ends inside a row")
    return rows
