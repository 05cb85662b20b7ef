"""SQLite: several processes write, and the embedded worker is killed again and again, now and then a writer too."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import re
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import EmbeddedStage
from tests.chaos.submitting import OWNER
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT
from tests.services.waiting import wait_until

#: Scripts that submit beside the web server: with it and the worker, five processes write.
WRITERS = 3
#: Of so many kills, one meets a writer.
WRITER_EVERY = 5
#: Seconds that a step takes, all of them with the one write lock in hand.
STEP_SECONDS = 0.01
#: Seconds after which a worker without work is given some more.
DRY_SECONDS = 2.0
#: Seconds until the worker is at work.
VICTIM_SECONDS = 120.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    stage = EmbeddedStage("sqlite", folder, threads=size.threads)
    try:
        return _Play(stage, size).run()
    finally:
        stage.close()


@dataclass
class _Play:
    stage: EmbeddedStage
    size: Size
    writers: list[_Writer] = field(default_factory=list)
    checks: int = 0
    worker_kills: int = 0
    writer_kills: int = 0

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="sqlite")
        self.rng = random.Random(size.seed)
        stage.site.start_web()
        stage.fleet.start()
        self.people = stage.people("chaos_steps")
        began = time.monotonic()
        self.writers = [_Writer(stage) for _ in range(WRITERS)]
        left = size.sqlite_jobs
        try:
            for number in range(size.sqlite_kills):
                share = left // (size.sqlite_kills - number)
                self.submit(share)
                left -= share
                if number % WRITER_EVERY == WRITER_EVERY - 1:
                    self.rng.choice(self.writers).kill()
                    self.writer_kills += 1
                else:
                    self.kill_worker()
                if number % 10 == 9:
                    self.check(outcome)
        except TimeoutError as error:
            outcome.violations.append(f"it stood still while things were killed: {error}")
        last = time.monotonic()
        for writer in self.writers:
            writer.finish()
        stage.finish_submits()
        try:
            stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after the last kill: {error}")
        outcome.recovered_seconds = time.monotonic() - last
        outcome.seconds = time.monotonic() - began
        outcome.kills = f"{self.worker_kills} workers, {self.writer_kills} writers"
        self.check(outcome)
        judge(stage, outcome)
        outcome.figures["integrity checks, all ok"] = self.checks
        locked = self.told_of_locks()
        outcome.violate("lines that tell of a locked database", locked)
        outcome.figures["lines that tell of a locked database"] = len(locked)
        return outcome

    def submit(self, count: int) -> None:
        """Share the jobs among the scripts and the people."""
        for number in range(count):
            place = number % (WRITERS + 1)
            if place < WRITERS:
                self.writers[place].submit()
            else:
                self.people.submit({"seconds": STEP_SECONDS})

    def kill_worker(self) -> None:
        stage = self.stage
        dry_at = time.monotonic() + DRY_SECONDS

        def is_at_work() -> bool:
            nonlocal dry_at
            stage.fleet.tend()
            names = stage.ask("SELECT worker FROM core_job WHERE state = 'running'")
            pids = {int(name.rpartition(":")[2]) for (name,) in names}
            if time.monotonic() > dry_at and stage.left() == 0:
                self.submit(2 * (WRITERS + 1))
                dry_at = time.monotonic() + DRY_SECONDS
            return bool(list(stage.fleet.with_pids(pids)))

        wait_until(is_at_work, VICTIM_SECONDS, "the worker to be at work", every=0.02)
        time.sleep(self.rng.uniform(0, 0.2))
        (worker,) = stage.fleet.workers
        stage.fleet.kill(worker, worker.process.pid, "group")
        stage.fleet.tend()
        self.worker_kills += 1

    def check(self, outcome: Outcome) -> None:
        answer = self.stage.ask("PRAGMA integrity_check")
        self.checks += 1
        if answer != [("ok",)]:
            outcome.violations.append(f"integrity_check: {answer}")

    def told_of_locks(self) -> list[str]:
        found = []
        for log in (self.stage.site.home / "logs").glob("*.log"):
            lines = log.read_text(errors="replace").splitlines()
            found += [f"{log.name}: {line[:200]}" for line in lines if re.search(r"\blocked\b|SQLITE_BUSY", line)]
        return found


class _Writer:
    """A script that submits; when it is killed, another sends what was not answered again."""

    def __init__(self, stage: EmbeddedStage) -> None:
        self._stage = stage
        self._wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._process = self._start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def submit(self) -> None:
        """Submit a job more; returns at once."""
        self._wanted.put(True)

    def kill(self) -> None:
        self._process.kill()

    def finish(self) -> None:
        """Wait until everything was answered, and end the script."""
        self._wanted.put(False)
        self._thread.join()
        _close(self._process)

    def _run(self) -> None:
        while self._wanted.get():
            orders = {uuid.uuid4().hex: {"seconds": STEP_SECONDS}}
            while not self._send(orders):
                _close(self._process)
                self._process = self._start()

    def _send(self, orders: dict[str, dict[str, float]]) -> bool:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(orders) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            return False
        if not line:
            return False
        self._stage.ledger.accept(dict(zip(orders, json.loads(line), strict=True)))
        return True

    def _start(self) -> subprocess.Popen[str]:
        with (self._stage.site.home / "logs" / "writer.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.bulk_submitter", "chaos_steps", OWNER],
                env=self._stage.site.environment,
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )


def _close(process: subprocess.Popen[str]) -> None:
    """End a writer, and let go of its pipes; what was not sent is lost with it."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
