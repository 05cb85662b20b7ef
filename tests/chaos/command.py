"""Run the chaos suite at full size. Exit 0 when every promise held, 1 when not."""

from __future__ import annotations

import argparse
import dataclasses
import random
import signal
import time
from types import FrameType

from tests.chaos import lanes, mutants
from tests.chaos.runs import Size, table
from tests.chaos.scenarios import SCENARIOS


def main() -> int:
    options = _parse()
    signal.signal(signal.SIGTERM, _interrupt)
    if options.mutants is not None:
        return mutants.main(options.mutants, seed=options.seed, at_once=options.lanes)
    size = Size(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Size)})
    if options.lane:
        return lanes.serve(size, keep=options.keep)
    began = time.monotonic()
    print(f"seed {size.seed}", flush=True)
    outcomes = lanes.run(options.scenarios or list(SCENARIOS), size, lanes=options.lanes, keep=options.keep)
    print("\n" + table(outcomes), flush=True)
    print(f"\n{time.monotonic() - began:.0f} s in all, seed {size.seed}", flush=True)
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def _parse() -> argparse.Namespace:
    full = Size(seed=random.randrange(10**6))
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}; all if none")
    parser.add_argument("--keep", action="store_true", help="keep the folder of nodes, logs and files")
    parser.add_argument("--lanes", type=int, default=2, help="scenarios, or mutants, at a time (default: 2)")
    parser.add_argument("--lane", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--mutants",
        nargs="*",
        metavar="mutant",
        help="run the scenario of each mutant, or of these, on a copy with that rule taken out; exit 0 only when each "
        f"is red for it. There are: {', '.join(mutants.MUTANTS)}",
    )
    for field in dataclasses.fields(Size):
        value = getattr(full, field.name)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(value), default=value, help=f"default: {value}"
        )
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"unknown scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    for name in options.mutants or ():
        if name not in mutants.MUTANTS:
            parser.error(f"unknown mutant {name!r}; there are: {', '.join(mutants.MUTANTS)}")
    return options


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
