"""Imports as jobs on a site of their own, and the toolkit's steps, against the bare engine: ratios in one run.

    python -m tests.bench.csv_bench [--gb 1] [--runs 5] [--folder FOLDER] [PART ...]

Parts: `job` is a large file as a job ÷ the right bare run (`tests.bench.csv_engine.run_right`), in turn; `small` the
time from a submit to its dataset, warm and as the first after a rest; `many` 200 files at once; `wide` a table of
10,000 columns; `steps` the toolkit's steps ÷ the same statements on the bare engine. Beside each stands what else the
machine did meanwhile: ratios of neighbours bear that, seconds do not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from tests.bench import csv_engine, csv_site, csv_tables, machine
from tests.bench.csv_tables import Truth

#: Bytes of a small file, by its name, and the seconds it may take.
SMALL = {"1 KB": (1_000, 0.15), "100 KB": (100_000, 0.2), "10 MB": (10_000_000, 0.6)}
#: Imports of each size on a worker that has worked before.
WARM = 10
#: Seconds between two of them.
PAUSE_SECONDS = 1.0
MANY, MANY_BYTES = 200, 3_000
WIDE_COLUMNS, WIDE_ROWS = 10_000, 2_000


def bench_job(folder: Path, *, gigabytes: float, runs: int) -> None:
    """A large file as a job ÷ the bare engine's run, both exact as far as they go."""
    path = folder / "large.csv"
    truth = csv_tables.generate(path, int(gigabytes * 1e9))
    print(f"{path.stat().st_size / 1e9:.2f} GB, {truth.records:,} records, as a job ÷ the right bare run: {runs} runs")
    ratios: list[float] = []
    jobs: list[csv_site.Imported] = []
    bares: list[dict[str, float]] = []
    said = machine.watch()
    with csv_site.opened(folder) as world:
        for _ in range(runs):
            bares.append(csv_engine.measured(csv_engine.run_right, path, folder / "bare"))
            jobs.append(world.run_large(path))
            world.settle()
            _expect_exact(world.parquet(jobs[-1].job), truth)
            ratios.append(jobs[-1].seconds / bares[-1]["seconds"])
            print(
                f"  job {jobs[-1].seconds:.2f} s, {jobs[-1].peak_mb} MB; bare {bares[-1]['seconds']:.2f} s, "
                f"{bares[-1]['peak_mb']:.0f} MB; {ratios[-1]:.2f}",
                flush=True,
            )
    seconds = statistics.median(job.seconds for job in jobs), statistics.median(bare["seconds"] for bare in bares)
    print(
        f"  job ÷ bare {statistics.median(ratios):.2f} ({seconds[0]:.1f} and {seconds[1]:.1f} s)   (aim: at most 2.2)"
    )
    print(f"  peak {max(job.peak_mb for job in jobs)} MB   (aim: at most 700); {said()}")
    path.unlink()


def bench_small(folder: Path, *, runs: int) -> None:
    """From a submit to the dataset, each file a different one."""
    print(f"From the submit to the dataset: {WARM} imports on a warm worker, {runs} as the first of one that rested")
    said = machine.watch()
    seed = 0
    with csv_site.opened(folder) as world:
        for name, (size, aim) in SMALL.items():
            for condition, count in (("warm", WARM + 1), ("rested", runs)):
                taken: list[csv_site.Imported] = []
                for _ in range(count):
                    path, seed = folder / f"small-{seed}.csv", seed + 1
                    csv_tables.generate(path, size, seed=seed)
                    if condition == "rested":
                        world.restart()
                    else:
                        time.sleep(PAUSE_SECONDS)
                    taken.append(world.run(path))
                    path.unlink()
                    world.settle()
                # The first one of the site is the first of its web server too.
                shown = taken[1:] if condition == "warm" else taken
                seen, own = [item.seen_seconds for item in shown], [item.seconds for item in shown]
                print(f"  {name:>6} {condition:<6} {_spread(seen)}; without the request {_spread(own)}   (aim: {aim})")
    print(f"  {said()}")


def bench_many(folder: Path, *, runs: int) -> None:
    """Many small files at once."""
    print(f"{MANY} files of {MANY_BYTES:,} bytes at once: {runs} runs")
    said = machine.watch()
    rates: list[float] = []
    with csv_site.opened(folder) as world:
        for run in range(runs + 1):
            paths = [folder / f"many-{number}.csv" for number in range(MANY)]
            for number, path in enumerate(paths):
                csv_tables.generate(path, MANY_BYTES, seed=1_000 * (run + 1) + number)
            jobs = [world.submit(path) for path in paths]
            for job in jobs:
                world.wait(job)
            rates.append(MANY / world.seconds(jobs))
            world.settle()
            for path in paths:
                path.unlink()
    # The first run is of a worker whose child processes had done nothing yet.
    print(f"  {statistics.median(rates[1:]):.1f} files a second   (aim: at least 20); {said()}")


def bench_wide(folder: Path, *, runs: int) -> None:
    """A table of very many columns."""
    path = folder / "wide.csv"
    csv_tables.write_wide(path, columns=WIDE_COLUMNS, rows=WIDE_ROWS)
    print(f"{WIDE_COLUMNS:,} columns × {WIDE_ROWS:,} rows, {path.stat().st_size / 1e6:.0f} MB, as a job: {runs} runs")
    said = machine.watch()
    jobs: list[csv_site.Imported] = []
    with csv_site.opened(folder) as world:
        for _ in range(runs):
            jobs.append(world.run_large(path))
            world.settle()
    seconds, peak = statistics.median(job.seconds for job in jobs), max(job.peak_mb for job in jobs)
    print(f"  {seconds:.1f} s, {peak} MB   (aim: at most 30 s and 1,000 MB); {said()}")
    path.unlink()


def bench_steps(folder: Path, *, gigabytes: float, runs: int) -> None:
    """The toolkit's steps with rules and a key ÷ the same statements on what the engine's reader leaves."""
    path = folder / "large.csv"
    truth = csv_tables.generate(path, int(gigabytes * 1e9))
    print(
        f"{path.stat().st_size / 1e9:.2f} GB, {truth.records:,} records, the steps ÷ the same statements: {runs} runs"
    )
    said = machine.watch()
    steps: list[dict[str, float]] = []
    bares: list[dict[str, float]] = []
    for _ in range(runs):
        steps.append(csv_engine.measured(csv_engine.run_steps, path, folder / "work"))
        bares.append(csv_engine.measured(csv_engine.run_statements, path, folder / "work"))
        print(f"  steps: {steps[-1]}\n  bare:  {bares[-1]}", flush=True)
    for what in ("seconds", "cpu"):
        ratios = [ours[what] / bare[what] for ours, bare in zip(steps, bares, strict=True)]
        print(f"  {what}: {statistics.median(ratios):.2f}")
    print(f"  peak {max(run['peak_mb'] for run in steps):.0f} MB; {said()}")
    path.unlink()


def _spread(seconds: list[float]) -> str:
    return f"p50 {statistics.median(seconds):.3f} s, max {max(seconds):.3f} s"


def _expect_exact(parquet: Path, truth: Truth) -> None:
    """Raise unless the dataset has exactly the rows that were written."""
    sums = "SELECT count(*), sum(id)::BIGINT, sum(price * 100)::BIGINT, sum(length(name))::BIGINT FROM read_parquet(?)"
    with duckdb.connect() as con:
        found = con.execute(sums, [str(parquet)]).fetchall()[0]
    wanted = (truth.rows, truth.ids, truth.cents, truth.characters)
    if found != wanted:
        raise AssertionError(f"the dataset has {found}, the file {wanted}")


PARTS: dict[str, Callable[[Path, float, int], None]] = {
    "job": lambda folder, gigabytes, runs: bench_job(folder, gigabytes=gigabytes, runs=runs),
    "small": lambda folder, _, runs: bench_small(folder, runs=runs),
    "many": lambda folder, _, runs: bench_many(folder, runs=runs),
    "wide": lambda folder, _, runs: bench_wide(folder, runs=runs),
    "steps": lambda folder, gigabytes, runs: bench_steps(folder, gigabytes=gigabytes, runs=runs),
}


def report(*, gigabytes: float, runs: int, folder: str | None = None, parts: Sequence[str] = ()) -> None:
    """Measure these parts, or all, and print what was seen beside what is aimed at."""
    with tempfile.TemporaryDirectory(prefix="headway-csv-bench-", dir=folder) as base:
        for part in parts or PARTS:
            PARTS[part](Path(base), gigabytes, runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless named")
    parser.add_argument("--gb", type=float, default=1.0, help="size of the large file")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is taken")
    parser.add_argument("--folder", help="where the files and the site are put for the time of the run")
    arguments = parser.parse_args()
    report(gigabytes=arguments.gb, runs=arguments.runs, folder=arguments.folder, parts=arguments.parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
