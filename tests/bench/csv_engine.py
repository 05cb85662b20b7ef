"""What the CSV benchmarks compare with: the engine alone, in two ways, and the toolkit's own steps beside it."""

# ruff: noqa: S608 - the statements are built of names and paths of this file

from __future__ import annotations

import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from actors.reading import check, detect, profile, read, write
from actors.tables import engine
from tests.bench.csv_tables import KEYS, NAMES, RULES

Run = Callable[[str, str], dict[str, float]]
#: What the columns are, for those who know it beforehand.
_TYPES = {
    "id": "BIGINT",
    "amount": "BIGINT",
    "price": "DECIMAL(18, 2)",
    "day": "DATE",
    "at": "TIMESTAMP",
    "ok": "BOOLEAN",
    "score": "DECIMAL(18, 8)",
}
#: Those of them in which damaged records have something else: read as text, and cast afterwards.
_DAMAGED = ("id", "amount")


def run_right(path: str, folder: str) -> dict[str, float]:
    """Read the file the only way that was found to keep its records, and write typed Parquet.

    Told the dialect and the types, by one thread, short records filled up, and not strict. Values beyond the last
    column are cut off, and what is no number is NULL: neither is told to anybody.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f"'{name}': '{'VARCHAR' if name in _DAMAGED else _type(name)}'" for name in NAMES)
    # Not a bare cast: the engine would do it while it reads, and fail.
    values = ", ".join(
        f"TRY_CAST(nullif({engine.name(name)}, '') AS {_type(name)}) AS {engine.name(name)}"
        if name in _DAMAGED
        else engine.name(name)
        for name in NAMES
    )
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET enable_progress_bar = false")
        rows = con.execute(f"""
            COPY (SELECT {values} FROM read_csv('{path}', columns = {{{columns}}}, auto_detect = false, header = true,
                  delim = ',', quote = '"', escape = '"', null_padding = true, strict_mode = false, parallel = false))
            TO '{folder}/out.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)""").fetchall()[0][0]
    return {"rows": rows}


def _type(name: str) -> str:
    return _TYPES.get(name, "VARCHAR")


def run_steps(path: str, folder: str) -> dict[str, float]:
    """The toolkit's steps, as the pipeline's child processes run them, with rules and a key."""
    clock = _Clock()
    scratch = f"{folder}/scratch"
    detected = detect.detect(_silent, path=path, options={})
    clock.lap("detect")
    loaded = read.read(_silent, path=path, folder=f"{folder}/read", scratch=scratch, detected=detected)
    clock.lap("read")
    plan = check.check(
        _silent,
        folder=f"{folder}/read",
        target=f"{folder}/check",
        scratch=scratch,
        loaded=loaded,
        rules=RULES,
        keys=KEYS,
    )
    clock.lap("check")
    write.write(
        _silent,
        folder=f"{folder}/read",
        checks=f"{folder}/check",
        target=f"{folder}/out",
        scratch=scratch,
        loaded=loaded,
        plan=plan,
        neutralise=False,
    )
    clock.lap("write")
    profile.profile(
        _silent,
        parquet=f"{folder}/out/dataset.parquet",
        scratch=scratch,
        columns=plan.columns,
        rows=plan.rows,
    )
    clock.lap("profile")
    return {**clock.laps, "rows": plan.rows, "rejected": plan.rejected, "duplicates": plan.duplicates}


def run_statements(path: str, folder: str) -> dict[str, float]:
    """The same statements on the file as it is, with the engine's own reader leaving out what it cannot read."""
    clock = _Clock()
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    columns = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in NAMES) + "}"
    values = {
        name: f"TRY_CAST({engine.name(name)} AS {_TYPES[name]})" if name in _TYPES else engine.name(name)
        for name in NAMES
    }
    typed = ", ".join(f"{value} AS {engine.name(name)}" for name, value in values.items())
    reason = """concat_ws('; ',
        CASE WHEN amount IS NOT NULL AND TRY_CAST(amount AS BIGINT) IS NULL THEN 'amount is not an integer'
             WHEN TRY_CAST(amount AS BIGINT) < 0 THEN 'amount is below 0' END,
        CASE WHEN price IS NOT NULL AND TRY_CAST(price AS DECIMAL(18, 2)) IS NULL THEN 'price is not a decimal'
             WHEN TRY_CAST(price AS DECIMAL(18, 2)) < 0 THEN 'price is below 0' END,
        CASE WHEN day IS NOT NULL AND TRY_CAST(day AS DATE) IS NULL THEN 'day is not a date' END,
        CASE WHEN email IS NULL THEN 'email is required'
             WHEN NOT regexp_full_match(email, '.+@.+') THEN 'email does not match' END,
        CASE WHEN country NOT IN ('FR', 'DE', 'US', 'IT', 'ES') THEN 'country is not allowed' END)"""
    raw, out = f"'{folder}/raw.parquet'", f"'{folder}/out.parquet'"
    numbered = f"SELECT *, file_row_number AS number FROM read_parquet({raw}, file_row_number = true)"
    proofs = ", ".join(
        f"count(*) FILTER (WHERE {engine.name(name)} IS NOT NULL AND {values[name]} IS NULL)" for name in _TYPES
    )
    with engine.connect(target) as con:
        con.execute(f"""
            COPY (SELECT * FROM read_csv('{path}', columns = {columns}, auto_detect = false, header = true, delim = ',',
                  quote = '"', escape = '"', new_line = '\\n', ignore_errors = true, null_padding = false))
            TO {raw} (FORMAT parquet, COMPRESSION lz4_raw)""")
        clock.lap("read")
        con.execute(f"SELECT {proofs} FROM {raw}").fetchall()
        reasons = f"SELECT number, {reason} AS reason FROM ({numbered})"
        con.execute(f"CREATE TABLE rejects AS SELECT * FROM ({reasons}) WHERE reason <> ''")
        con.execute(f"""
            CREATE TABLE repeated AS SELECT hash(id) AS h FROM ({numbered})
            WHERE number NOT IN (SELECT number FROM rejects) GROUP BY h HAVING count(*) > 1""")
        con.execute(f"""
            CREATE TABLE dropped AS SELECT number FROM rejects UNION ALL
            SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY id ORDER BY number) AS place
                FROM ({numbered}) WHERE hash(id) IN (SELECT h FROM repeated)) WHERE place > 1""")
        con.execute(f"COPY (SELECT * FROM rejects ORDER BY number) TO '{folder}/rejects.csv'")
        clock.lap("check")
        con.execute(f"""
            COPY (SELECT {typed} FROM ({numbered}) AS r ANTI JOIN dropped ON dropped.number = r.number)
            TO {out} (FORMAT parquet, COMPRESSION zstd)""")
        clock.lap("write")
        con.execute(f"SUMMARIZE FROM {out}").fetchall()
        listed = ", ".join(f"approx_top_k({engine.name(name)}, 10)" for name in NAMES)
        con.execute(f"SELECT {listed} FROM {out}").fetchall()
        for name in ("id", "amount", "price", "score"):
            bins = f"SELECT floor({name}::DOUBLE / 5000) AS bin, count(*) FROM {out} GROUP BY bin"
            con.execute(bins).fetchall()
        rows = con.execute(f"SELECT count(*) FROM {out}").fetchall()[0][0]
        clock.lap("profile")
    return {**clock.laps, "rows": rows}


def measured(run: Run, path: Path, folder: Path) -> dict[str, float]:
    """One run in a process of its own: what it returns, with "seconds", "cpu" and "peak_mb"."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(theirs, run, str(path), str(folder)))
    process.start()
    theirs.close()
    try:
        result: dict[str, float] = ours.recv()
    finally:
        process.join()
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _measure(answer: Any, run: Run, path: str, folder: str) -> None:
    began = time.perf_counter()
    laps = run(path, folder)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    answer.send({**laps, "seconds": round(seconds, 2), "cpu": round(cpu, 2), "peak_mb": round(peak)})


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._at, 2)
        self._at = now


def _silent(done: int, total: int | None = None, note: str = "") -> None:
    """A report that nobody reads."""
