"""A worker is stopped in the middle of a step, its lease runs out, another claims the job, the first wakes.

The overlap is no accident here: each attempt is held until the other stands where it is wanted, so that every
write of the woken one meets a newer fence. One half of the second attempts is held in its step meanwhile, the
other half has ended the job.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pika

from actors.runtime.broker import message_of
from core.life.messages import DueJob
from core.models.states import State
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import BulkSubmitter
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_zombie"
#: Seconds until every attempt of a round is where it is wanted.
PLACED_SECONDS = 120.0
#: What a zombie tries before its end.
REFUSED = ("refused", "refused by the checkpoint")
WRITES = frozenset({"step", "progress", "lease", "note", "artifact", "effect"})


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    a_round = min(size.zombies, size.zombies_a_round)
    # A thread for each held attempt.
    with staged("zombies", folder, rabbit, postgres, threads=a_round) as stage:
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    #: What each zombie told, by its job.
    told: dict[int, dict[str, Any]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def run(self) -> Outcome:
        outcome = Outcome(scenario="zombies", kills=f"{self.size.zombies} stopped")
        began = time.monotonic()
        script = self.stage.script(PIPELINE)
        left = self.size.zombies
        while left > 0:
            count = min(left, self.size.zombies_a_round)
            seconds = _Round(self, script, count).play()
            outcome.recovered_seconds = max(outcome.recovered_seconds, seconds)
            left -= count
        self.stage.finish_submits()
        outcome.seconds = time.monotonic() - began
        outcome.violations += self.violations
        self.judge_overlaps(outcome)
        judge(self.stage, outcome)
        return outcome

    def judge_overlaps(self, outcome: Outcome) -> None:
        """Each zombie was awake under another's fence, and got the same answer to everything it tried."""
        overlapped = [job for job, told in self.told.items() if told["current_fence"] > told["fence"]]
        if len(overlapped) < self.size.zombies:
            outcome.violations.append(f"only {len(overlapped)} of {self.size.zombies} attempts overlapped")
        outcome.figures["overlaps that came about"] = f"{len(overlapped)} of {self.size.zombies}"
        answers = Counter(f"{name} {answer}" for told in self.told.values() for name, answer in told["answers"].items())
        outcome.figures["answers to zombies"] = ", ".join(f"{a} ({n})" for a, n in sorted(answers.items()))
        for job, told in self.told.items():
            wrong = {name: answer for name, answer in told["answers"].items() if answer not in REFUSED}
            if wrong or set(told["answers"]) != WRITES:
                outcome.violations.append(f"job {job}: a zombie was not refused: {wrong or told['answers']}")


@dataclass
class _Round:
    """Some jobs whose first attempts are all held by one worker."""

    play_of: _Play
    script: BulkSubmitter
    count: int

    def play(self) -> float:
        """Return the seconds from the zombies' waking until all jobs had ended."""
        stage, fleet = self.play_of.stage, self.play_of.stage.fleet
        self.sleeper = fleet.start()
        home = stage.site.home / "marks" / str(time.time_ns())
        orders = [{"folder": str(home / str(n)), "holds_successor": n % 2 == 0} for n in range(self.count)]
        for order in orders:
            Path(str(order["folder"])).mkdir(parents=True)
        ids = self.script.submit(orders)
        self.marks = {job: Path(str(order["folder"])) for job, order in zip(ids, orders, strict=True)}
        self.holding = {job for job, order in zip(ids, orders, strict=True) if order["holds_successor"]}
        woken_at = time.monotonic()
        try:
            self.wait(lambda: self.are_marked(self.marks, "1.held"), "every first attempt to be held")
            self.fill_prefetch()
            self.sleeper.freeze()
            fleet.start()
            self.wait(self.are_taken, "every job to be another attempt's")
            self.let_go("1.go")
            woken_at = time.monotonic()
            self.sleeper.thaw()
            self.wait(self.have_tried, "every zombie to have tried everything")
            self.let_go("2.go")
            stage.wait_until_quiet(self.play_of.size.quiet_seconds)
        except TimeoutError as error:
            self.play_of.violations.append(f"the overlap did not go as planned: {error}")
        seconds = time.monotonic() - woken_at
        for job, folder in self.marks.items():
            if (folder / "zombie.json").exists():
                self.play_of.told[job] = json.loads((folder / "zombie.json").read_text())
        for worker in list(fleet.workers):
            fleet.retire(worker)
        return seconds

    def fill_prefetch(self) -> None:
        """Give the sleeper all the messages it takes ahead: of those for the heir none shall lie in its memory.

        It takes half as many as it has threads; these name a job that is not there.
        """
        stage = self.play_of.stage
        job = DueJob(job_id=2**40, queue="default", priority=1, pipeline=PIPELINE, owner_id=0, attempt=1)
        with closing(pika.BlockingConnection(pika.URLParameters(stage.broker_url))) as connection:
            channel = connection.channel()
            for _ in range(stage.fleet.threads // 2):
                channel.basic_publish("", job.queue, message_of(job).encode(), pika.BasicProperties(priority=2))
        self.wait(lambda: stage.ready_messages() == 0, "the sleeper to have taken what it takes ahead")

    def are_marked(self, jobs: Iterable[int], name: str) -> bool:
        return all((self.marks[job] / name).exists() for job in jobs)

    def are_taken(self) -> bool:
        """Whether the second attempt of each job is held in its step, or has ended the job."""
        query = "SELECT id, fence, state FROM core_job WHERE id = ANY(%s)"
        rows = self.play_of.stage.ask(query, list(self.marks))
        taken = all(
            fence > 1 and state == (State.RUNNING if job in self.holding else State.SUCCEEDED)
            for job, fence, state in rows
        )
        return taken and self.are_marked(self.holding, "2.held")

    def have_tried(self) -> bool:
        """Whether each zombie has tried its last write, its own end; only its worker's log knows."""
        log = self.sleeper.process.log.read_text(errors="replace")
        ended = {int(job) for job in re.findall(r"(?:fence_was_stale|attempt_ended) job=(\d+)", log)}
        return set(self.marks) <= ended

    def let_go(self, name: str) -> None:
        for folder in self.marks.values():
            (folder / name).touch()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, PLACED_SECONDS, what)
