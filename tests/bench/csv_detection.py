"""How many files of the generated corpus each reader reads right: Headway, and others in the same run.

    python -m tests.bench.csv_detection [--cases 2000] [--seed 1] [--readers headway,duckdb,clevercsv,sniffer]

A case counts three times: its dialect is right (the delimiter, and the quote where there are any), its table is right
(names and all rows, as text), and nothing is lost (each record is in a row or among what the reader says it left out).
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.reading import detect, read
from actors.reading.errors import Unreadable
from tests.bench import csv_peers
from tests.bench.corpus.cases import case as make_case
from tests.bench.corpus.draft import Case
from tests.bench.corpus.score import Reading, Verdict, judge

PROCESSES = 2
#: Cases that a process takes at once.
SLICE = 20


def headway_reading(case: Case, folder: Path) -> Reading:
    """What Headway makes of the file, nothing set: the one place that knows how it is called."""
    path = folder / "table.csv"
    path.write_bytes(case.data)
    target = folder / "read"
    shutil.rmtree(target, ignore_errors=True)
    try:
        detected = detect.detect(_silent, path=str(path), options={})
        loaded = read.read(
            _silent, path=str(path), folder=str(target), scratch=str(folder / "scratch"), detected=detected
        )
    except Unreadable as error:
        return Reading(error=str(error))
    # The reading may have found that another dialect loses less.
    dialect = loaded.dialect
    return Reading(
        names=list(dialect.source_names) if dialect.header_lines else None,
        rows=_raw_rows(target, len(loaded.batches)),
        reported=_reported(target),
        delimiter="" if dialect.width == 1 else dialect.delimiter,
        quote=dialect.quote,
    )


def _silent(done: int, total: int | None = None, note: str = "") -> None:
    """A report that nobody reads."""


def _raw_rows(folder: Path, batches: int) -> list[list[str]]:
    if not batches:
        return []
    rows = csv_peers.engine().execute("SELECT * FROM read_parquet(?)", [str(folder / "raw" / "*.parquet")]).fetchall()
    return [["" if cell is None else cell for cell in row] for row in rows]


def _reported(folder: Path) -> list[str]:
    csv.field_size_limit(1 << 30)
    with (folder / "scan_rejects.csv").open(encoding="utf-8", newline="") as file:
        return [row[4] for row in csv.reader(file)]


READERS: dict[str, Callable[[Case, Path], Reading]] = {
    "headway": headway_reading,
    "duckdb": csv_peers.duckdb_reading,
    "clevercsv": csv_peers.clevercsv_reading,
    "sniffer": csv_peers.sniffer_reading,
}


@dataclass(frozen=True)
class Score:
    """One case and how each reader read it."""

    number: int
    name: str
    kinds: dict[str, tuple[str, ...]]
    verdicts: dict[str, Verdict]
    seconds: dict[str, float]
    errors: dict[str, str]


def score_slice(seed: int, numbers: list[int], readers: list[str]) -> list[Score]:
    with tempfile.TemporaryDirectory() as folder:
        return [score(make_case(number, seed), number, readers, Path(folder)) for number in numbers]


def score(case: Case, number: int, readers: list[str], folder: Path) -> Score:
    verdicts, seconds, errors = {}, {}, {}
    for name in readers:
        began = time.perf_counter()
        try:
            reading = READERS[name](case, folder)
        except Exception as error:  # noqa: BLE001 - a reader that falls over is what is counted here
            reading = Reading(error=f"{type(error).__name__}: {error}")
        seconds[name] = time.perf_counter() - began
        verdicts[name] = judge(case, reading)
        errors[name] = reading.error
    kinds = {
        "table": (case.table,),
        "writing": (case.writing,),
        "damage": case.damage,
        "encoding": (case.encoding,),
        "language": (case.language,),
    }
    return Score(number, case.name, kinds, verdicts, seconds, errors)


def run(*, cases: int, seed: int, readers: list[str], processes: int = PROCESSES) -> list[Score]:
    slices = [list(range(first, min(first + SLICE, cases))) for first in range(0, cases, SLICE)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = [pool.submit(score_slice, seed, numbers, readers) for numbers in slices]
        return [item for future in waiting for item in future.result()]


def report(
    *,
    cases: int,
    seed: int,
    readers: list[str],
    kinds: tuple[str, ...] = ("damage", "writing", "table", "encoding", "language"),
    failures: bool = False,
) -> None:
    """Run the readers over the corpus and print how often each was right, by kinds of files."""
    scores = run(cases=cases, seed=seed, readers=readers)
    print(f"{cases:,} generated files of seed {seed}; % with the dialect, the table right, with nothing lost")
    _print_table("all", {"all": scores}, readers)
    for kind in kinds:
        groups: dict[str, list[Score]] = defaultdict(list)
        for item in scores:
            for value in item.kinds[kind]:
                groups[value].append(item)
        print()
        _print_table(kind, groups, readers)
    print()
    for name in readers:
        times = sorted(item.seconds[name] for item in scores)
        refused = sum(item.verdicts[name].refused for item in scores)
        lost = sum(item.verdicts[name].lost for item in scores)
        print(
            f"{name:<10} {1000 * sum(times) / len(times):8.1f} ms a file, median {1000 * times[len(times) // 2]:.1f}; "
            f"{refused} files refused, {lost:,} records lost"
        )
    if failures:
        _print_failures(scores, readers[0])


def report_briefly(*, cases: int = 600, seed: int = 1) -> None:
    """The figures of all readers that are installed, without the kinds."""
    readers = [name for name in READERS if name != "clevercsv" or csv_peers.has_clevercsv()]
    if len(readers) < len(READERS):
        print(csv_peers.NO_CLEVERCSV)
    report(cases=cases, seed=seed, readers=readers, kinds=("damage",))


def _print_table(kind: str, groups: dict[str, list[Score]], readers: list[str]) -> None:
    print(f"{kind:<22} {'files':>6}" + "".join(f"   {name:^20}" for name in readers))
    if kind == "all":
        print(" " * 29 + "".join(f"   {'dialect  table   kept':>20}" for _ in readers))
    for value, items in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        line = f"{value:<22} {len(items):>6}"
        for name in readers:
            verdicts = [item.verdicts[name] for item in items]
            parts = (_share(getattr(item, part) for item in verdicts) for part in ("dialect", "table", "kept"))
            line += "   " + " ".join(f"{part:>6}" for part in parts)
        print(line)


def _share(facts: Iterable[Any]) -> str:
    values = [bool(fact) for fact in facts]
    return f"{100 * sum(values) / len(values):.1f}"


def _print_failures(scores: list[Score], reader: str) -> None:
    print(f"\nWhat {reader} reads wrong")
    for item in scores:
        verdict = item.verdicts[reader]
        if verdict.dialect and verdict.table and verdict.kept:
            continue
        wrong = [part for part in ("dialect", "names", "table", "kept") if not getattr(verdict, part)]
        kinds = " | ".join("+".join(values) for values in item.kinds.values())
        print(f"  {item.name}  {','.join(wrong):<28} {kinds}  {item.errors[reader][:90]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.csv_detection", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--readers", default=",".join(READERS), help=f"of {', '.join(READERS)}, with commas")
    parser.add_argument("--failures", action="store_true", help="name the files that the first reader reads wrong")
    options = parser.parse_args()
    readers = options.readers.split(",")
    if unknown := [name for name in readers if name not in READERS]:
        parser.error(f"unknown readers {', '.join(unknown)}: choose of {', '.join(READERS)}")
    if "clevercsv" in readers and not csv_peers.has_clevercsv():
        parser.error(csv_peers.NO_CLEVERCSV)
    report(cases=options.cases, seed=options.seed, readers=readers, failures=options.failures)


if __name__ == "__main__":
    main()
