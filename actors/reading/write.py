"""The step that writes the dataset's files: typed Parquet, rejected rows, duplicates, lines aside, preview."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine
from actors.tables.formulas import neutral

from .account import Tally
from .columns import Column
from .made import Loaded, Plan
from .read import raw_rows, row_number
from .rejects import write_duplicates, write_rejects

PREVIEW_ROWS = 50
PREVIEW_COLUMNS = 200
#: Characters of a value in the preview.
PREVIEW_TEXT = 500
#: Rows of a Parquet row group at least.
LEAST_GROUP_ROWS = 20_480
#: Rows whose being dropped or not is told by one constant of bits, and how many such constants at most.
BITS = 1 << 18
MAX_BIT_SETS = 24
#: Different values that Parquet keeps apart of each column of a wide table.
WIDE_DICTIONARY = 64

FILES = {
    "parquet": "dataset.parquet",
    "rejected": "rejected.csv",
    "duplicates": "duplicates.csv",
    "aside": "aside.csv",
    "preview": "preview.json",
}


def write(
    report: Callable[..., None],
    *,
    folder: str,
    checks: str,
    target: str,
    scratch: str,
    loaded: Loaded,
    plan: Plan,
    neutralise: bool = True,
    memory_mb: int = engine.MEMORY_MB,
) -> dict[str, str]:
    """Write the files to `target` from what `read` left in `folder` and `check` in `checks`.

    Returns their names by kind: a file without any line is left out. Raises when their rows are not those counted.
    """
    work, made, out = Path(folder), Path(checks), Path(target)
    out.mkdir(parents=True, exist_ok=True)
    columns = plan.columns
    total = max(1, plan.rows)
    paths = {kind: out / name for kind, name in FILES.items()}

    def telling(start: float, share: float, note: str) -> Callable[[float], None]:
        return lambda part: report(int(total * (start + share * part)), total, note)

    report(0, total)
    with engine.connect(Path(scratch), width=len(columns), memory_mb=memory_mb) as con:
        statement = _parquet_sql(con, work, made, plan, loaded, paths["parquet"])
        written = engine.copy_in_order(con, statement, telling(0, 0.95, "writing Parquet"))
        _agree("Parquet", written, plan.rows)
        rejected = write_rejects(
            con,
            work,
            made,
            paths["rejected"],
            names=[column.name for column in columns],
            dialect=loaded.dialect,
            neutralise=neutralise,
        )
        _agree("the rejected rows", rejected, plan.rejected)
        repeated = write_duplicates(con, work, made, paths["duplicates"], dialect=loaded.dialect, neutralise=neutralise)
        _agree("the duplicates", repeated, plan.duplicates)
        copy_aside(work / "aside.csv", paths["aside"], neutralise=neutralise)
        preview = preview_of(con, paths["parquet"], columns)
        preview["rejected"] = first_rejected(paths["rejected"])
    if plan.records != plan.rows + plan.rejected + plan.duplicates:
        raise AssertionError(f"the records do not add up: {plan}")
    paths["preview"].write_text(json.dumps(preview, ensure_ascii=False))
    report(total, total)
    counts = {"rejected": plan.rejected, "duplicates": plan.duplicates, "aside": _lines_aside(loaded.tally)}
    for kind, count in counts.items():
        if not count:
            paths.pop(kind).unlink()
    return {kind: path.name for kind, path in paths.items()}


def _lines_aside(tally: Tally) -> int:
    """Lines that are no records, but for a header: a file with nothing else has nothing to look at."""
    return tally.before_table + tally.comment_lines + tally.blank_lines


def _parquet_sql(
    con: duckdb.DuckDBPyConnection,
    work: Path,
    made: Path,
    plan: Plan,
    loaded: Loaded,
    target: Path,
) -> str:
    columns, tally = plan.columns, loaded.tally
    values = ", ".join(f"{column.checked_value} AS {engine.name(column.name)}" for column in columns)
    if not tally.rows:
        empty = ", ".join(f"NULL::{column.reading.sql_type} AS {engine.name(column.name)}" for column in columns)
        source = f"SELECT {empty} LIMIT 0"
    elif plan.rows < tally.rows:
        number = row_number(loaded.batches)
        source = f"SELECT {values} FROM {raw_rows(work)} WHERE {_kept_condition(con, made, number, tally.rows)}"
    else:
        source = f"SELECT {values} FROM {raw_rows(work)}"
    # Of a short table two row groups: each thread of the engine compresses one.
    rows = min(engine.row_group_rows(len(columns)), max(LEAST_GROUP_ROWS, -(-plan.rows // 2)))
    settings = f"ROW_GROUP_SIZE {rows}"
    if len(columns) > engine.WIDE:
        # Of so many columns the dictionaries would take more memory than the values.
        settings += f", DICTIONARY_SIZE_LIMIT {WIDE_DICTIONARY}"
    return f"""
        COPY ({source}) TO {engine.literal(str(target))}
        (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, {settings})"""


def _kept_condition(con: duckdb.DuckDBPyConnection, made: Path, number: str, rows: int) -> str:
    """The condition that a raw row is neither rejected nor a duplicate.

    A join would say it too, but joins do not keep the rows in their order. So the dropped numbers become
    bits, in several constants because the engine copies a constant for every 2,048 rows it works on.
    """
    files = engine.file_list([made / "rejects.parquet", made / "duplicates.parquet"])
    read = f"SELECT number FROM read_parquet({files}, union_by_name = true)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE dropped AS {read}")
    size = max(BITS, -(-rows // MAX_BIT_SETS))
    branches = []
    for index, start in enumerate(range(0, rows, size)):
        within = f"FROM dropped WHERE number >= {start} AND number < {start + size}"
        if con.execute(f"SELECT count(*) {within}").fetchall()[0][0]:
            bits = f"SELECT bitstring_agg(number - {start}, 0, {size - 1}) {within}"
            con.execute(f"SET VARIABLE dropped_{index} = ({bits})")
            bit = f"get_bit(getvariable('dropped_{index}'), ({number} - {start})::INTEGER) = 0"
        else:
            bit = "true"
        branches.append(f"WHEN {number} < {start + size} THEN {bit}")
    return f"CASE {' '.join(branches)} END"


def copy_aside(source: Path, target: Path, *, neutralise: bool) -> None:
    """Copy the lines that are no records, safe for a spreadsheet."""
    csv.field_size_limit(1 << 30)
    with source.open(encoding="utf-8", newline="") as lines, target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for first, last, kind, text in csv.reader(lines):
            writer.writerow((first, last, kind, neutral(text) if neutralise else text))


def preview_of(con: Any, parquet: Path, columns: Sequence[Column]) -> dict[str, Any]:
    """The first rows as the dataset's page shows them, all as text."""
    visible = columns[:PREVIEW_COLUMNS]
    listed = ", ".join(f"left(({engine.name(column.name)})::VARCHAR, {PREVIEW_TEXT})" for column in visible)
    query = f"SELECT {listed} FROM read_parquet({engine.literal(str(parquet))}) LIMIT {PREVIEW_ROWS}"
    return {
        "columns": [column.name for column in visible],
        "rows": [list(row) for row in con.execute(query).fetchall()],
        "hidden_columns": len(columns) - len(visible),
    }


def first_rejected(path: Path) -> list[list[str]]:
    """The first rejected rows, for the dataset's page."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [[cell[:PREVIEW_TEXT] for cell in row] for row in itertools.islice(rows, PREVIEW_ROWS)]


def _agree(what: str, written: int, expected: int) -> None:
    if written != expected:
        raise AssertionError(f"{what}: {written} rows written, {expected} expected")
