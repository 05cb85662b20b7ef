"""Lanes: scenarios side by side, each lane a process with a broker and a database server of its own.

Most of a scenario is waiting: for leases to run out, for servers to start. Two lanes keep two cores busy.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.scenarios import SCENARIOS
from tests.services.postgres import PostgresNode
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT

#: Begins the line on which a lane answers; whatever else it prints is passed on.
_ANSWER = "OUTCOME "


def run(names: Sequence[str], size: Size, *, lanes: int, keep: bool) -> list[Outcome]:
    """Run the scenarios and return what was seen, in the order of the names."""
    if lanes < 2 or len(names) < 2:
        with _nodes(keep) as (folder, rabbit, postgres):
            return [_play(name, folder, rabbit, postgres, size) for name in names]
    wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        wanted.put(name)
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        found = [pool.submit(_Lane(size, keep).run, wanted) for _ in range(lanes)]
        outcomes = [outcome for future in found for outcome in future.result()]
    return sorted(outcomes, key=lambda outcome: names.index(outcome.scenario))


def serve(size: Size, *, keep: bool) -> int:
    """Be a lane: play the scenario of each line of the input, and answer with its outcome."""
    with _nodes(keep) as (folder, rabbit, postgres):
        for line in sys.stdin:
            outcome = _play(line.strip(), folder, rabbit, postgres, size)
            print(_ANSWER + json.dumps(dataclasses.asdict(outcome), default=str), flush=True)
    return 0


class _Lane:
    def __init__(self, size: Size, keep: bool) -> None:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in dataclasses.asdict(size).items()]
        self._command = [sys.executable, "-m", "tests.chaos", "--lane", *options, *(["--keep"] if keep else [])]

    def run(self, wanted: queue.SimpleQueue[str]) -> list[Outcome]:
        """Play scenarios until none is left."""
        setpriv = shutil.which("setpriv")
        tether = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        lane = subprocess.Popen(
            [*tether, *self._command], cwd=CHECKOUT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        outcomes: list[Outcome] = []
        try:
            while True:
                try:
                    name = wanted.get_nowait()
                except queue.Empty:
                    return outcomes
                outcomes.append(self._ask(lane, name))
        finally:
            assert lane.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                lane.stdin.close()
            lane.wait(60)

    @staticmethod
    def _ask(lane: subprocess.Popen[str], name: str) -> Outcome:
        assert lane.stdin is not None
        assert lane.stdout is not None
        print(f"{name} ...", flush=True)
        try:
            lane.stdin.write(f"{name}\n")
            lane.stdin.flush()
        except BrokenPipeError:
            return Outcome(scenario=name, violations=["its lane has ended before"])
        for line in lane.stdout:
            if line.startswith(_ANSWER):
                outcome = Outcome(**json.loads(line.removeprefix(_ANSWER)))
                print(f"{name}: {'ok' if outcome.is_good else 'RED'}, {outcome.seconds:.0f} s", flush=True)
                return outcome
            print(line, end="", flush=True)
        return Outcome(scenario=name, violations=[f"its lane ended with {lane.wait(60)}"])


def _play(name: str, folder: Path, rabbit: RabbitNode, postgres: PostgresNode, size: Size) -> Outcome:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a process that is started ends with its thread: play in the main one")
    try:
        if not postgres.is_running:
            postgres.start()
        return SCENARIOS[name](folder, rabbit, postgres, size)
    except Exception as error:  # noqa: BLE001  the other scenarios are to be played all the same
        traceback.print_exc(file=sys.stdout)
        return Outcome(scenario=name, violations=[f"it broke off: {type(error).__name__}: {error}"])


@contextlib.contextmanager
def _nodes(keep: bool) -> Iterator[tuple[Path, RabbitNode, PostgresNode]]:
    folder = Path(tempfile.mkdtemp(prefix="headway-chaos-"))
    # PostgreSQL runs as a user of its own, who has to pass through.
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    try:
        yield folder, rabbit, postgres
    finally:
        rabbit.stop()
        postgres.stop()
        if keep:
            print(f"kept: {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
