"""The step that reads every record: the scan and the engine's loading of its chunks, side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from actors.tables import engine

from .account import Tally
from .chunks import CHUNK_BYTES
from .decoding import Damage, utf8_blocks
from .detect import detect_in
from .dialect import Dialect
from .errors import Unreadable
from .load import Loader
from .made import Detected, Loaded
from .scan import MAX_RECORD, Scanner

#: Rejected records, and their share of all, above which the dialect is detected again.
REDETECT_RECORDS = 20
REDETECT_SHARE = 0.01
#: Lines that may be titles and notes before a table.
FEW_LINES = 20
#: The share of rejected records from which the next best readings are tried as well.
OTHER_READINGS_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How a file is read, whatever its dialect."""

    scratch: Path
    ragged: str
    quotes: str
    memory_mb: int
    chunk_bytes: int
    max_record: int


@dataclass(frozen=True)
class Read:
    """A reading of the whole file: how, what was counted, and where each batch's rows begin."""

    dialect: Dialect
    tally: Tally
    starts: list[int]
    texts: list[str]

    @property
    def lost(self) -> int:
        """Records of the table that became no rows; so many lines before it may be records as well."""
        tally = self.tally
        return tally.rejected - tally.other_table - tally.after_table + max(0, tally.before_table - FEW_LINES)


def read(
    report: Callable[..., None],
    *,
    path: str,
    folder: str,
    scratch: str,
    detected: Detected,
    settings: dict[str, Any] | None = None,
    ragged: str = "pad",
    quotes: str = "repair",
    memory_mb: int = engine.MEMORY_MB,
    chunk_bytes: int = CHUNK_BYTES,
    max_record: int = MAX_RECORD,
) -> Loaded:
    """Read the file into `folder`: raw/*.parquet (text columns c0, c1, …), chunks/, lines.bin, scan_rejects.csv.

    `settings` is what the person set of the dialect. When much of the file is rejected, the rest of the dialect is
    detected anew with the rejected records, and the next best readings are tried: the one that loses least stays.
    """
    source, target = Path(path), Path(folder)
    limits = Limits(
        scratch=Path(scratch),
        ragged=ragged,
        quotes=quotes,
        memory_mb=memory_mb,
        chunk_bytes=chunk_bytes,
        max_record=max_record,
    )
    best = _read_once(report, source, target, detected.dialect, limits)
    for other in _other_dialects(source, best, detected, settings or {}):
        again = target.with_name(f"{target.name}-again")
        shutil.rmtree(again, ignore_errors=True)
        try:
            tried = _read_once(report, source, again, other, limits)
        except Unreadable:
            continue
        if tried.lost < best.lost and tried.tally.rows > 0:
            shutil.rmtree(target)
            again.rename(target)
            best = tried
        else:
            shutil.rmtree(again, ignore_errors=True)
    return Loaded(dialect=best.dialect, tally=best.tally, batches=tuple(best.starts))


def _other_dialects(path: Path, first: Read, detected: Detected, settings: dict[str, Any]) -> Iterator[Dialect]:
    """Other ways to read a file of which much was rejected, the likeliest first."""
    lost, records = first.lost, first.tally.records
    if lost <= max(REDETECT_RECORDS, REDETECT_SHARE * records) and lost <= OTHER_READINGS_SHARE * records:
        return
    tried = {_key(first.dialect)}
    for changed in (None, *detected.alternatives):
        if changed and lost <= OTHER_READINGS_SHARE * records:
            return
        try:
            if changed:
                options = {**asdict(changed), **settings}
                other = detect_in(path, encoding=first.dialect.encoding, options=options)
            else:
                other = _redetect(path, first, settings)
        except Unreadable:
            continue
        if first.dialect.width > 1 and other.width == 1:
            # One column never loses a record, and says nothing of any.
            continue
        if _key(other) not in tried:
            tried.add(_key(other))
            encoding = tuple(item for item in first.dialect.decisions if item.name == "encoding")
            yield replace(
                other,
                fallback=first.dialect.fallback,
                decisions=(*encoding, *other.decisions),
                notes=(*other.notes, "The file was read a second time: the first reading lost many of its records."),
            )


def _redetect(path: Path, first: Read, settings: dict[str, Any]) -> Dialect:
    """The dialect by the beginning of the file together with the first records that it would reject."""
    return detect_in(path, encoding=first.dialect.encoding, options=settings, further=first.texts)


def _key(dialect: Dialect) -> tuple[Any, ...]:
    return (dialect.delimiter, dialect.blanks, dialect.quote, dialect.escape, dialect.width, dialect.preamble_lines)


def _read_once(report: Callable[..., None], path: Path, target: Path, dialect: Dialect, limits: Limits) -> Read:
    target.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size
    loader = Loader(target, limits.scratch, dialect, memory_mb=limits.memory_mb)
    scanner = Scanner(
        dialect,
        target,
        on_chunk=loader.add,
        ragged=limits.ragged,
        quotes=limits.quotes,
        chunk_bytes=limits.chunk_bytes,
        max_record=limits.max_record,
    )
    loader.delimiter = scanner.delimiter.decode()
    loader.quote = scanner.engine_quote.decode()
    loader.longest = lambda: scanner.tally.longest
    loader.start()
    damage = Damage()
    try:
        done = 0

        def blocks() -> Iterator[bytes]:
            nonlocal done
            for block, read_bytes in utf8_blocks(path, dialect.encoding, damage=damage):
                done = read_bytes
                yield block

        # The engine works behind the scan: the last twentieth is what it still has to load then.
        tally = scanner.scan(blocks(), lambda _: report(done * 95 // 100, size))
        loader.finish(lambda part: report(int(size * (0.95 + 0.05 * part)), size))
    except BaseException:
        loader.abandon()
        raise
    tally.controls, tally.undecodable = damage.controls, damage.undecodable
    if loader.rows != tally.rows:
        raise AssertionError(f"the engine holds {loader.rows} rows of {tally.rows}")
    with (target / "pieces.bin").open("wb") as file:
        scanner.writer.pieces.tofile(file)
    report(size, size)
    return Read(dialect, tally, loader.starts, scanner.account.texts)


def raw_rows(folder: Path) -> str:
    """The table expression of all raw rows, with file_index and file_row_number."""
    return f"read_parquet({engine.literal(str(folder / 'raw' / '*.parquet'))}, file_row_number = true)"


def row_number(starts: Sequence[int]) -> str:
    """The expression of a raw row's number, 0 for the first."""
    if len(starts) <= 1:
        return "file_row_number"
    offsets = "[" + ", ".join(map(str, starts)) + "]"
    return f"(file_row_number + {offsets}[(file_index + 1)::BIGINT])"
