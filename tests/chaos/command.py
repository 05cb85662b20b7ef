"""Run the chaos suite at full size. Exit 0 when every promise held, 1 when not."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import tempfile
from pathlib import Path
from types import FrameType

from tests.chaos.mutants import MUTANTS, kill
from tests.chaos.runs import Outcome, Size, table
from tests.chaos.scenarios import SCENARIOS
from tests.services.postgres import PostgresNode
from tests.services.rabbitmq import RabbitNode


def main() -> int:
    options = _parse()
    signal.signal(signal.SIGTERM, _interrupt)
    if options.mutants:
        survivors = [name for name in options.mutants if not kill(MUTANTS[name], seed=options.seed)]
        return 1 if survivors else 0
    outcomes = _run(options)
    print("\n" + table(outcomes), flush=True)
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def _run(options: argparse.Namespace) -> list[Outcome]:
    size = Size(
        jobs=options.jobs,
        worker_kills=options.worker_kills,
        broker_kills=options.broker_kills,
        zombies=options.zombies,
        phase_kills=options.phase_kills,
        seed=options.seed,
    )
    folder = Path(tempfile.mkdtemp(prefix="headway-chaos-"))
    # PostgreSQL runs as a user of its own, who has to pass through.
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    try:
        postgres.start()
        outcomes = []
        for name in options.scenarios or SCENARIOS:
            print(f"{name} (seed {size.seed}) ...", flush=True)
            outcomes.append(SCENARIOS[name](folder, rabbit, postgres, size))
        return outcomes
    finally:
        rabbit.stop()
        postgres.stop()
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _parse() -> argparse.Namespace:
    full = Size()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}; all if none")
    parser.add_argument("--jobs", type=int, default=full.jobs)
    parser.add_argument("--worker-kills", type=int, default=full.worker_kills)
    parser.add_argument("--broker-kills", type=int, default=full.broker_kills, help="one of them with its data")
    parser.add_argument("--zombies", type=int, default=full.zombies)
    parser.add_argument("--phase-kills", type=int, default=full.phase_kills, help="in each phase of a report")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="by chance if not given")
    parser.add_argument("--keep", action="store_true", help="keep the folder of nodes, logs and files")
    for mutant in MUTANTS.values():
        parser.add_argument(
            f"--{mutant.name}",
            dest="mutants",
            action="append_const",
            const=mutant.name,
            help=f"run {mutant.scenario} on a copy with that rule taken out; exit 0 only when it is red for it",
        )
    options = parser.parse_args()
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"unknown scenario {unknown[0]!r}; there are: {', '.join(SCENARIOS)}")
    return options


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
