"""The CSV pipeline's functions against the bare engine doing the same statements, as ratios in one run.

    python -m tests.bench.csv_bench [--gb 1] [--runs 5] [--folder FOLDER]

A file of 12 mixed columns with quotes, line feeds in values and damaged rows is generated, the same each time. Both
sides read all columns as text, find the breaches of the same rules with their reasons, look for duplicates by key,
write typed Parquet and the cleaned CSV, and profile the columns. The bare side does no more: no line numbers, no
account of what its reader left out. Every run of a side has a process of its own, for its time and peak memory.
"""

# ruff: noqa: S608 - the statements are built of names and paths of this file

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actors.reading import check, detect, profile, read, write
from actors.tables import engine

NAMES = ("id", "name", "amount", "price", "day", "at", "ok", "country", "email", "note", "score", "comment")
RULES: list[dict[str, Any]] = [
    {"column": "amount", "type": "integer", "min": 0},
    {"column": "price", "type": "decimal", "min": 0},
    {"column": "day", "type": "date"},
    {"column": "email", "required": True, "pattern": ".+@.+"},
    {"column": "country", "allowed": ["FR", "DE", "US", "IT", "ES"]},
]
KEYS = ["id"]
WORDS = ("alpha", "beta", "gamma", "delta", "omega", "zeta", "kappa", "lambda", "sigma", "rho", "tau", "phi")


def generate(path: Path, size: int) -> int:
    """Write about `size` bytes; returns the records."""
    source = random.Random(2)
    written = number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(NAMES) + "\n")
        while written < size:
            text = "".join(_row(number + index, source) for index in range(10_000))
            number += 10_000
            written += file.write(text)
    return number


def _row(number: int, source: random.Random) -> str:
    first, second = int(source.random() * 1e9), int(source.random() * 1e9)
    name = f"{WORDS[first % 12]} {WORDS[second % 12]}"
    kind, damage = number % 50, number % 1000
    if kind == 1:
        name = f'"{name}, ""{WORDS[(first + second) % 12]}"""'
    elif kind == 2:
        name = f'"{name}\nline"'
    elif kind == 3:
        name = f"Zoë {name}"
    if damage == 600:
        return "short,row\n"
    amount = f"x{first}" if damage == 7 else str(first % 100_000)
    key = number - 5 if damage == 900 else number
    row = (
        f"{key},{name},{amount},{second % 1000}.{first % 100:02},20{first % 24:02}-{first % 12 + 1:02}-"
        f"{second % 28 + 1:02},2024-{second % 12 + 1:02}-{first % 28 + 1:02} {second % 24:02}:{first % 60:02}:"
        f"{second % 60:02},{'true' if first & 1 else 'false'},{('FR', 'DE', 'US', 'IT', 'ES')[second % 5]},"
        f'user{first}@example.com,"text {WORDS[second % 7]} {second}",{first / 1e9:.8f},'
        f"{' '.join(WORDS[(first >> shift) % 12] for shift in range(second % 6))}"
    )
    return row + (",extra\n" if damage == 500 else "\n")


def run_pipeline(path: str, folder: str) -> dict[str, float]:
    """The steps' functions, as the pipeline's child processes run them."""
    clock = _Clock()
    scratch = f"{folder}/scratch"
    dialect = json.loads(json.dumps(detect.detect(_silent, path=path, options={})))
    clock.lap("detect")
    tally = read.read(_silent, path=path, folder=f"{folder}/read", scratch=scratch, dialect=dialect)
    clock.lap("read")
    plan = check.check(
        _silent,
        folder=f"{folder}/read",
        target=f"{folder}/check",
        scratch=scratch,
        dialect=dialect,
        tally=tally,
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
        dialect=dialect,
        checked=plan,
        tally=tally,
        neutralise=False,
    )
    clock.lap("write")
    profile.profile(
        _silent,
        parquet=f"{folder}/out/dataset.parquet",
        scratch=scratch,
        columns=plan["columns"],
        rows=plan["rows"],
    )
    clock.lap("profile")
    return {**clock.laps, "rows": plan["rows"], "rejected": plan["rejected"], "duplicates": plan["duplicates"]}


def run_bare(path: str, folder: str) -> dict[str, float]:
    """The same statements on the file as it is, with the engine's own reader leaving out what it cannot read."""
    clock = _Clock()
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    columns = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in NAMES) + "}"
    values = {
        **{name: name for name in NAMES},
        "id": "TRY_CAST(id AS BIGINT)",
        "amount": "TRY_CAST(amount AS BIGINT)",
        "price": "TRY_CAST(price AS DECIMAL(18, 2))",
        "day": "TRY_CAST(day AS DATE)",
        "at": 'TRY_CAST("at" AS TIMESTAMP)',
        "ok": "TRY_CAST(ok AS BOOLEAN)",
        "score": "TRY_CAST(score AS DECIMAL(18, 8))",
    }
    typed = ", ".join(f'{value if value != name else engine.name(name)} AS "{name}"' for name, value in values.items())
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
        f'count(*) FILTER (WHERE "{name}" IS NOT NULL AND {value} IS NULL)'
        for name, value in values.items()
        if value != name
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
        con.execute(f"COPY (SELECT * FROM {out}) TO '{folder}/clean.csv' (HEADER)")
        clock.lap("write")
        con.execute(f"SUMMARIZE FROM {out}").fetchall()
        listed = ", ".join(f'approx_top_k("{name}", 10)' for name in NAMES)
        con.execute(f"SELECT {listed} FROM {out}").fetchall()
        for name in ("id", "amount", "price", "score"):
            bins = f"SELECT floor({name}::DOUBLE / 5000) AS bin, count(*) FROM {out} GROUP BY bin"
            con.execute(bins).fetchall()
        rows = con.execute(f"SELECT count(*) FROM {out}").fetchall()[0][0]
        clock.lap("profile")
    return {**clock.laps, "rows": rows}


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


def measured(run: Callable[[str, str], dict[str, float]], path: Path, folder: Path) -> dict[str, float]:
    """One run in a process of its own: its laps, "seconds" and "peak_mb"."""
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


def _measure(answer: Any, run: Callable[[str, str], dict[str, float]], path: str, folder: str) -> None:
    began = time.perf_counter()
    laps = run(path, folder)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    answer.send({**laps, "seconds": round(seconds, 2), "cpu": round(cpu, 2), "peak_mb": round(peak)})


def report(*, gigabytes: float, runs: int, folder: str | None = None) -> None:
    """Generate the file, run both sides in turn, and print what they took."""
    with tempfile.TemporaryDirectory(prefix="headway-csv-bench-", dir=folder) as base:
        path = Path(base) / "table.csv"
        records = generate(path, int(gigabytes * 1e9))
        print(f"{path.stat().st_size / 1e9:.2f} GB, {records:,} records, {runs} runs each")
        sides = {"pipeline": run_pipeline, "bare engine": run_bare}
        results: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for _ in range(runs):
            for name, run in sides.items():
                found = measured(run, path, Path(base) / "work")
                results[name].append(found)
                print(f"  {name}: {found}", flush=True)
    print("\n".join(_summary(results)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", help="where the file and the results are put for the time of the run")
    arguments = parser.parse_args()
    report(gigabytes=arguments.gb, runs=arguments.runs, folder=arguments.folder)


def _summary(results: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    for name, runs in results.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        yield f"{name:<12} median {seconds:7.2f} s, peak {max(run['peak_mb'] for run in runs):5.0f} MB"
    pairs = zip(results["pipeline"], results["bare engine"], strict=True)
    ratios = [ours["seconds"] / bare["seconds"] for ours, bare in pairs]
    yield f"pipeline ÷ bare engine: {statistics.median(ratios):.2f} (median of {len(ratios)})"
    cpus = [statistics.median(run["cpu"] for run in runs) for runs in results.values()]
    yield f"processor time, which other work on the machine disturbs less: {cpus[0] / cpus[1]:.2f}"


if __name__ == "__main__":
    main()
