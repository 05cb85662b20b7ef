"""A file read by the toolkit, for use from Python: `look` reads it and keeps the result until it is closed."""

from __future__ import annotations

import csv
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from actors.tables import engine

from . import check, detect, read, unpack, write
from .account import ASIDE_FIELDS, REJECT_FIELDS
from .columns import Nearly
from .dialect import Dialect
from .errors import Unreadable
from .lines import Lines, lines_of
from .made import Plan
from .remarks import notes_of, warnings_of
from .settings import Settings, as_options

#: Bytes of a file up to which the engine's kept database is used: it does not spill.
SMALL_BYTES = 16 * 1024**2
#: Rows that are fetched at once.
BATCH_ROWS = 2_000


@dataclass(frozen=True)
class ColumnView:
    """A column: its name, as it stands in the header too, and the type that all of its values have."""

    name: str
    source_name: str
    #: text, integer, decimal, float, boolean, date, time or timestamp.
    type: str
    #: How dates and numbers are written, such as "%d.%m.%Y", where it is not the usual way.
    format: str
    note: str
    #: Of a column of text of which nearly all values have a type.
    nearly: Nearly | None


@dataclass(frozen=True)
class Rejected:
    """A record that is no row: its first line, the first value that is wrong and its column, why, and its text."""

    line: int
    column: str
    value: str
    reason: str
    raw: str


@dataclass(frozen=True)
class Aside:
    """Lines that are no records: "before the table", "header", "comment" or "blank" (without text)."""

    first_line: int
    last_line: int
    kind: str
    text: str


def look(path: str | Path, **settings: Unpack[Settings]) -> Table:
    """Read a file, packed or not, and return its table; what is not set is detected.

    Raises Unreadable for what is no table and for a setting that cannot be, and OSError.
    """
    options, source = as_options(settings), Path(path)
    if not source.is_file():
        # The system has the error for a missing file.
        source.stat()
        raise Unreadable(f"{source.name} is a folder, a pipe or a device, and no file.")
    folder = Path(tempfile.mkdtemp(prefix="reading-"))
    try:
        return _read(source, folder, options)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _read(path: Path, folder: Path, options: dict[str, Any]) -> Table:
    scratch, work = str(folder / "scratch"), folder / "read"
    received = unpack.unpack(_silent, path=str(path), name=path.name, folder=str(folder))
    content = folder / received.name if received.name else path
    with engine.sharing() if received.bytes <= SMALL_BYTES else nullcontext():
        detected = detect.detect(_silent, path=str(content), options=options)
        loaded = read.read(
            _silent, path=str(content), folder=str(work), scratch=scratch, detected=detected, settings=options
        )
        plan = check.check(
            _silent,
            folder=str(work),
            target=str(folder / "check"),
            scratch=scratch,
            loaded=loaded,
        )
        write.write(
            _silent,
            folder=str(work),
            checks=str(folder / "check"),
            target=str(folder / "dataset"),
            scratch=scratch,
            loaded=loaded,
            plan=plan,
            neutralise=False,
        )
    lines = lines_of(content, work, loaded=loaded, plan=plan)
    for name in ("read", "check", "scratch"):
        shutil.rmtree(folder / name, ignore_errors=True)
    if content != path:
        content.unlink()
    notes, warnings = notes_of(loaded.dialect, plan), warnings_of(plan, loaded.tally)
    return Table(folder, loaded.dialect, plan, lines, notes=notes, warnings=warnings)


def _silent(done: int, total: int | None = None, note: str = "") -> None:
    """A report that nobody reads."""


class Table:
    """What was made of a file. Close it, or use it in `with`: its rows are kept in a temporary folder until then."""

    def __init__(
        self,
        folder: Path,
        dialect: Dialect,
        plan: Plan,
        lines: Lines,
        *,
        notes: list[str],
        warnings: list[str],
    ) -> None:
        self._folder = folder
        self._end = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.dialect = dialect
        self.lines = lines
        self.columns = [
            ColumnView(
                name=column.name,
                source_name=column.source_name,
                type=column.reading.type,
                format=column.reading.format,
                note=column.note,
                nearly=column.nearly,
            )
            for column in plan.columns
        ]
        #: records = row_count + rejected_count, always.
        self.records = plan.records
        self.row_count = plan.rows
        self.rejected_count = plan.rejected
        #: Why an import would fail although the file could be read: most of it was rejected. Empty when it would not.
        self.refused = plan.refused
        self.notes = notes
        self.warnings = warnings

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows in their order, typed; None where there is no value. Moments are cut to microseconds."""
        with engine.sharing():
            con = engine.connect(self._folder)
        with con:
            parquet = engine.literal(str(self._folder / "dataset" / write.FILES["parquet"]))
            query = con.execute(f"SELECT * FROM read_parquet({parquet})")
            while batch := query.fetchmany(BATCH_ROWS):
                yield from batch

    def rejected(self) -> Iterator[Rejected]:
        """The records that are no rows, in the order of their lines."""
        for line, column, value, reason, raw in self._listed("rejected"):
            yield Rejected(int(line), column, value, reason, raw)

    def aside(self) -> Iterator[Aside]:
        """The lines that are no records, in their order."""
        for first, last, kind, text in self._listed("aside"):
            yield Aside(int(first), int(last), kind, text)

    def save(self, kind: str, target: Path) -> None:
        """Write the list of "rejected" records or of the lines "aside" as CSV, with a header."""
        source = self._folder / "dataset" / write.FILES[kind]
        if source.is_file():
            shutil.copyfile(source, target)
        else:
            heads = {"rejected": REJECT_FIELDS, "aside": ASIDE_FIELDS}
            target.write_text(",".join(heads[kind]) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Delete what was kept of the rows."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listed(self, kind: str) -> Iterator[list[str]]:
        path = self._folder / "dataset" / write.FILES[kind]
        if not path.is_file():
            return
        csv.field_size_limit(1 << 30)
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            yield from rows
