"""The first step: which rows become documents, what each of them holds, and which cannot. Runs in a child process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine, selection
from actors.typesetting import fonts
from actors.typesetting.coverage import codepoints, coverage
from core.conf import conf
from core.errors import PermanentError

from .fields import TemplateField, UnreadableValue
from .naming import Names

Report = Callable[..., None]

#: Rows of a batch, which one child job sets in about half a second.
BATCH_ROWS = 250
#: Documents of one job.
MOST_DOCUMENTS = 100_000
#: Characters without a glyph that are named.
NAMED = 10
#: Beside the batches, the rows that make no document.
FAILURES = "failures.json"
_FETCHED_ROWS = 2_000


@dataclass(frozen=True, kw_only=True)
class BatchFile:
    """The name of a batch's file, and its rows."""

    file: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Rows that are read: the batches of documents to be set, and what they need."""

    batches: tuple[BatchFile, ...]
    #: The most frequent of the characters that no font has, and the number of all of them.
    missing: tuple[str, ...]
    missing_characters: int
    fonts: list[str]


@dataclass
class Tally:
    """What the plan counts while it reads."""

    rows: int = 0
    batches: list[BatchFile] = field(default_factory=list)
    #: [row number, name, reason] of each row that cannot become a document.
    failures: list[list[Any]] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    families: set[str] = field(default_factory=set)


def plan(
    report: Report,
    *,
    parquet: str,
    folder: str,
    scratch: str,
    columns: list[tuple[str, str]],
    fields: list[TemplateField],
    mapping: dict[str, dict[str, str]],
    filters: list[dict[str, Any]],
    sort: list[dict[str, Any]],
    row_limit: int | None,
    name_column: str,
) -> Planned:
    """Write the batches and `failures.json` into `folder`.

    A batch is a JSON file {"documents", "rows", "names", "files"}: four lists, of which the first holds what the
    template gets. `rows` are numbers of rows in the dataset, from 1. Failures are [row, name, reason] of the rows that
    make no document.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    pairs = [(name, kind) for name, kind in columns]
    tally, names = Tally(), Names()
    with engine.connect(Path(scratch), width=len(pairs)) as con:
        where = selection.where_sql(filters, pairs)
        number, source = _numbered(con, parquet, [name for name, _ in pairs])
        total = _count(con, source, where, row_limit)
        if not total:
            raise PermanentError("No row fits the filter, so there is nothing to make. Change the filter.")
        if total > MOST_DOCUMENTS:
            raise PermanentError(
                f"{total:,} rows would become documents; a job makes {MOST_DOCUMENTS:,} at most. "
                "Filter the rows, or give a number of rows."
            )
        size = max(BATCH_ROWS, -(-total // conf.FAN_OUT_WIDTH))
        order = selection.order_sql(sort, pairs, ties=number)
        listed = ", ".join([f"{number} + 1", *_expressions(fields, mapping, name_column)])
        rows = _rows(con, f"SELECT {listed} FROM {source} WHERE {where} ORDER BY {order} LIMIT {total}")
        for batch in _batches(rows, fields, mapping, names, tally, size):
            _write(target / f"batch-{len(tally.batches):05}.json", batch, tally)
            report(tally.rows, total)
    (target / FAILURES).write_text(json.dumps(tally.failures), encoding="utf-8")
    missing = sorted(tally.missing.items(), key=lambda each: (-each[1], each[0]))
    return Planned(
        batches=tuple(tally.batches),
        missing=tuple(mark for mark, _ in missing[:NAMED]),
        missing_characters=len(missing),
        fonts=fonts.families(only=tally.families),
    )


def _numbered(con: duckdb.DuckDBPyConnection, parquet: str, names: list[str]) -> tuple[str, str]:
    """Return the column that holds the rows' numbers, from 0, and the table of the file that has it."""
    taken = {name.casefold() for name in names}
    number = "headway_row"
    while number in taken:
        number += "_"
    read = engine.literal(parquet)
    if "file_row_number" in taken:
        # The engine's own number has the name of a column here. One thread reads the rows in their order.
        con.execute("SET threads = 1")
        return number, f"(SELECT *, row_number() OVER () - 1 AS {number} FROM read_parquet({read}))"
    return number, f"(SELECT *, file_row_number AS {number} FROM read_parquet({read}, file_row_number = true))"


def _count(con: duckdb.DuckDBPyConnection, source: str, where: str, row_limit: int | None) -> int:
    count = int(con.execute(f"SELECT count(*) FROM {source} WHERE {where}").fetchall()[0][0])
    return min(count, row_limit) if row_limit else count


def _expressions(fields: list[TemplateField], mapping: dict[str, dict[str, str]], name_column: str) -> Iterator[str]:
    yield f"CAST({engine.name(name_column)} AS VARCHAR)" if name_column else "NULL"
    for each in fields:
        column = (mapping.get(each.name) or {}).get("column")
        # A text that is the same for all is no work for the engine.
        yield f"CAST({engine.name(column)} AS VARCHAR)" if column else "NULL"


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    query = con.execute(sql)
    while fetched := query.fetchmany(_FETCHED_ROWS):
        yield from fetched


def _batches(
    rows: Iterator[tuple[Any, ...]],
    fields: list[TemplateField],
    mapping: dict[str, dict[str, str]],
    names: Names,
    tally: Tally,
    size: int,
) -> Iterator[dict[str, list[Any]]]:
    # Of fields that have a text for all, the text; of the others None, and whether a default stands in.
    sources = [mapping.get(each.name) for each in fields]
    texts = [None if source is None or source.get("column") else source.get("text") or "" for source in sources]
    batch = _empty()
    for number, named, *values in rows:
        tally.rows += 1
        try:
            document = {
                each.name: each.read(value) if text is None else each.read(text, or_default=False)
                for each, text, value in zip(fields, texts, values, strict=True)
            }
        except UnreadableValue as error:
            tally.failures.append([number, (named or values[0] or "").strip() or f"Row {number}", str(error)])
            continue
        # Without a column of names a document is called by its first field.
        name = (named or "").strip() or document[fields[0].name] or f"Row {number}"
        batch["documents"].append(document)
        batch["rows"].append(number)
        batch["names"].append(name)
        batch["files"].append(names.take(name, otherwise=f"Row {number}"))
        if len(batch["rows"]) == size:
            yield batch
            batch = _empty()
    if batch["rows"]:
        yield batch


def _empty() -> dict[str, list[Any]]:
    return {"documents": [], "rows": [], "names": [], "files": []}


def _write(path: Path, batch: dict[str, list[Any]], tally: Tally) -> None:
    text = json.dumps(batch, ensure_ascii=False)
    path.write_text(text, encoding="utf-8", errors="replace")
    tally.batches.append(BatchFile(file=path.name, rows=len(batch["rows"])))
    # All the values at once: the quotes and brackets between them are in every font.
    points = codepoints("".join(value or "" for document in batch["documents"] for value in document.values()))
    glyphs = coverage()
    tally.families |= glyphs.families_of(points)
    tally.missing.update(chr(point) for point in points[glyphs.missing_mask(points)].tolist())
