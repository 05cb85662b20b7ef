"""Fits the weights of the detection on generated files: searches for those by which most of them are read right.

    python -m tests.bench.csv_fit [--cases 1200] [--seed 100] [--rounds 2] [--fields cells,columns]

A file counts when its dialect, its names and the lines before its first record are right. Every candidate of every file
is read once; then one weight after the other is moved by some ratios, and the best value stays, the margin of the right
reading over the best wrong one deciding between equals. Last the files are detected anew with both sets of weights:
those of the fit, and as many of a seed that the fit never saw. Nothing is written: what is worth it goes into
`actors/reading/weights.py` by hand, with its reason.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any
from unittest import mock

from actors.reading import detect, layout, weigh
from actors.reading.errors import Unreadable
from actors.reading.sample import HEAD_CHARACTERS
from actors.reading.weights import WEIGHTS, Weights
from tests.bench.corpus.cases import case as make_case
from tests.bench.corpus.draft import Case
from tests.bench.corpus.score import same_dialect, same_layout

PROCESSES = 2
RATIOS = (0.5, 0.7, 0.85, 0.95, 1.05, 1.15, 1.4, 2.0)
#: Weights by which a reading is only called sure or not.
NOT_FITTED = ("guess_ratio", "likely_ratio")
#: Powers and the like, which may pass 1.
UNBOUNDED = ("agreement_power",)
#: Candidates whose score is less than this part of the best one's take no part in the search.
HOPELESS = 0.1
#: What the mean margin counts beside the share of files that are right.
MARGIN_WORTH = 0.03
#: What a move has to gain: a fifth of a file in a thousand.
LEAST_GAIN = 2e-4
SAMPLE_CHARACTERS = 1_000_000
#: Functions of the detector that give the same for the same text whatever the weights are.
REMEMBERED = ("looks_like_value", "quote_fit", "cut_share")


@dataclass
class Contest:
    """The candidates of one file that have a chance, and which of them are right."""

    head: str
    readings: list[weigh.Reading]
    right: list[bool]

    def merit(self, weights: Weights) -> tuple[bool, float]:
        """Whether a right candidate wins with these weights, and how far it is before the wrong ones: -1 to 1."""
        best = {True: 1e-9, False: 1e-9}
        for rank, (reading, is_right) in enumerate(zip(self.readings, self.right, strict=True)):
            best[is_right] = max(best[is_right], rescored(self.head, reading, weights) - rank * 1e-6)
        return best[True] > best[False], math.tanh(2 * math.log(best[True] / best[False]))


def rescored(head: str, reading: weigh.Reading, weights: Weights) -> float:
    """The reading's score with other weights: the one place that knows what of it depends on them."""
    agreement = layout.agreement_of(reading.parsed.rows, reading.layout, weights)
    placed = replace(reading.layout, agreement=agreement)
    return weigh.score_of(head, reading.writing, reading.parsed, placed, weights)


def contest_of(case: Case) -> Contest | None:
    """The file's candidates, or nothing where it holds no table for the detector."""
    taken: list[tuple[str, list[weigh.Reading]]] = []

    def taking(text: str, **options: Any) -> list[weigh.Reading]:
        readings = weigh.weigh(text, **options)
        taken.append((text, readings))
        return readings

    with mock.patch.object(detect, "weigh", taking):
        try:
            _detected(case, WEIGHTS)
        except Unreadable:
            return None
    text, readings = taken[-1]
    readings = [item for item in readings if item.score >= HOPELESS * readings[0].score]
    said = case.text[:4].lower() == "sep="
    return Contest(text[:HEAD_CHARACTERS], readings, [_is_right(case, item, said) for item in readings])


def _is_right(case: Case, reading: weigh.Reading, said_lines: int) -> bool:
    placed = reading.layout
    begins = placed.first_line + placed.header_lines + said_lines
    names = list(placed.names) if placed.header_lines else None
    delimiter = "" if placed.width == 1 else reading.writing.delimiter
    return same_dialect(case, delimiter, reading.writing.quote) and same_layout(case, names=names, begins=begins)


def _detected(case: Case, weights: Weights) -> Any:
    text = case.text
    return detect.detect_all(
        text[:SAMPLE_CHARACTERS],
        encoding="utf-8",
        complete=len(text) <= SAMPLE_CHARACTERS,
        options={},
        weights=weights,
    )


def is_read_right(case: Case, weights: Weights) -> bool:
    """Whether the detection as a whole is right with these weights."""
    try:
        dialect = _detected(case, weights)
    except Unreadable:
        return False
    names = list(dialect.source_names) if dialect.header_lines else None
    delimiter = "" if dialect.width == 1 else dialect.delimiter
    begins = dialect.preamble_lines + dialect.header_lines
    return same_dialect(case, delimiter, dialect.quote) and same_layout(case, names=names, begins=begins)


@cache
def _contests(seed: int, first: int, count: int) -> tuple[list[Contest], int, int]:
    """The contests of some files that weights can decide, and of the others those that are right and wrong."""
    for name in REMEMBERED:
        setattr(weigh, name, cache(getattr(weigh, name)))
    open_ones: list[Contest] = []
    won = lost = 0
    for number in range(first, first + count):
        contest = contest_of(make_case(number, seed))
        if contest is None or not any(contest.right):
            lost += 1
        elif all(contest.right):
            won += 1
        else:
            open_ones.append(contest)
    return open_ones, won, lost


def merits(seed: int, first: int, count: int, weights: Weights) -> tuple[int, float]:
    """Of some files: how many are right with these weights, and the sum of the margins."""
    contests, won, lost = _contests(seed, first, count)
    found = [contest.merit(weights) for contest in contests]
    return won + sum(wins for wins, _ in found), won - lost + sum(margin for _, margin in found)


def right_ones(seed: int, first: int, count: int, weights: Weights) -> int:
    return sum(is_read_right(make_case(number, seed), weights) for number in range(first, first + count))


class Pool:
    """Processes that each keep their own part of the files."""

    def __init__(self, seed: int, cases: int, processes: int = PROCESSES) -> None:
        context = multiprocessing.get_context("spawn")
        size = math.ceil(cases / processes)
        self.seed = seed
        self.cases = cases
        self.parts = [(first, min(size, cases - first)) for first in range(0, cases, size)]
        self.workers: list[Executor] = [ProcessPoolExecutor(1, mp_context=context) for _ in self.parts]

    def gather(self, work: Callable[..., Any], weights: Weights, seed: int | None = None) -> list[Any]:
        waiting = [
            worker.submit(work, self.seed if seed is None else seed, first, count, weights)
            for worker, (first, count) in zip(self.workers, self.parts, strict=True)
        ]
        return [future.result() for future in waiting]

    def objective(self, weights: Weights) -> float:
        """The share of files that are read right, and a little for the margins."""
        found = self.gather(merits, weights)
        right, margin = sum(item[0] for item in found), sum(item[1] for item in found)
        return float(right + MARGIN_WORTH * margin) / self.cases

    def share_right(self, weights: Weights, seed: int) -> float:
        right: list[int] = self.gather(right_ones, weights, seed)
        return sum(right) / self.cases

    def close(self) -> None:
        for worker in self.workers:
            worker.shutdown()


def fit(pool: Pool, names: Iterable[str], *, rounds: int, seed: int) -> Weights:
    """Move one weight after the other, in an order of chance, as long as a round gains anything."""
    weights, best = WEIGHTS, pool.objective(WEIGHTS)
    print(f"  at the start {best:.4f}")
    rng = random.Random(seed)
    order = list(names)
    for number in range(rounds):
        before = best
        rng.shuffle(order)
        for name in order:
            for value in _values(name, getattr(weights, name)):
                moved = replace(weights, **{name: value})
                merit = pool.objective(moved)
                if merit > best + LEAST_GAIN:
                    best, weights = merit, moved
                    print(f"  round {number + 1}: {name} = {value:g} gives {merit:.4f}", flush=True)
        if best - before < 1e-4:
            break
    return weights


def _values(name: str, value: float) -> list[float]:
    moved = {round(value * ratio, 4) for ratio in RATIOS}
    return sorted(moved if name in UNBOUNDED else {min(item, 1.0) for item in moved} - {value})


def report(*, cases: int, seed: int, rounds: int, names: list[str]) -> None:
    began = time.perf_counter()
    pool = Pool(seed, cases)
    try:
        print(f"Fitting {len(names)} weights on {cases:,} files of seed {seed}")
        fitted = fit(pool, names, rounds=rounds, seed=seed)
        before, after = asdict(WEIGHTS), asdict(fitted)
        print(f"\n{'weight':<20} {'before':>8} {'after':>8}")
        for name in before:
            mark = "" if before[name] == after[name] else "  *"
            print(f"{name:<20} {before[name]:>8g} {after[name]:>8g}{mark}")
        print(f"\n{'files read right, %':<32} {'before':>8} {'after':>8}")
        for part, own in (("of the fit", seed), ("held out", seed + 1)):
            shares = [100 * pool.share_right(weights, own) for weights in (WEIGHTS, fitted)]
            print(f"{part + f' (seed {own})':<32} {shares[0]:>8.2f} {shares[1]:>8.2f}")
    finally:
        pool.close()
    print(f"\n{time.perf_counter() - began:.0f} s")


def main() -> None:
    known = [name for name in asdict(WEIGHTS) if name not in NOT_FITTED]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.csv_fit", description=__doc__)
    parser.add_argument("--cases", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--fields", default=",".join(known), help="the weights that may move, with commas; all")
    options = parser.parse_args()
    names = options.fields.split(",")
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown weights {', '.join(unknown)}: choose of {', '.join(known)}")
    report(cases=options.cases, seed=options.seed, rounds=options.rounds, names=names)


if __name__ == "__main__":
    main()
