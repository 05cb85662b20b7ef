"""Workers with many async jobs in hand are killed: nothing is lost, and nothing is done twice.

Each has more jobs to run than places for them. A message is done with when its job is claimed, and not before: until
the first kill, whatever was published and nobody has claimed has its message in the broker.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.fleet import How, Worker
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_async"
#: Seconds that a job waits before each of its steps, at least and at most.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 1.5
#: The part of its places that a worker has filled when it is killed.
FILLED = 0.5
#: Seconds in which the first jobs have begun, in which a worker has filled its places, and that messages are watched.
BEGUN_SECONDS, VICTIM_SECONDS, WATCHED_SECONDS = 120.0, 60.0, 3.0
WAYS: dict[How, int] = {"group": 5, "child": 4, "master": 1}


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    places = max(2, size.async_jobs // (3 * size.workers))
    settings = {"ASYNC_JOBS": str(places)}
    with staged("async", folder, rabbit, postgres, threads=size.threads, settings=settings) as stage:
        return _Play(stage, size, places).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    places: int
    #: Jobs that each killed worker had in hand.
    held: list[int] = field(default_factory=list)
    #: The processes of those: what they held is theirs until its lease is over.
    killed: set[int] = field(default_factory=set)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        self.rng = random.Random(size.seed)
        outcome = Outcome(scenario="async_jobs")
        for _ in range(size.workers):
            stage.fleet.start()
        began = time.monotonic()
        script = stage.script(PIPELINE)
        times = [self.rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) for _ in range(size.async_jobs)]
        orders = [{"seconds": round(seconds, 3)} for seconds in times]
        script.submit(orders)
        try:
            wait_until(lambda: self.held_by_pid(), BEGUN_SECONDS, "the first jobs to begin", every=0.05)
            self.watch_messages(outcome)
            for _ in range(size.async_kills):
                # So that there is always enough to do.
                script.submit(orders[: self.places])
                self.kill_worker()
            outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(str(error))
        stage.finish_submits()
        outcome.kills = f"{len(self.held)} workers"
        outcome.seconds = time.monotonic() - began
        outcome.figures["places of each worker"] = self.places
        outcome.figures["jobs in the hands of each that was killed"] = ", ".join(map(str, self.held))
        ways = ", ".join(f"{how} {count}" for how, count in stage.fleet.kills.items())
        outcome.figures["workers killed by way"] = ways
        judge(stage, outcome)
        return outcome

    def watch_messages(self, outcome: Outcome) -> None:
        """See that the broker keeps the message of every job that is published and not claimed."""
        looks, most = 0, 0
        until = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < until:
            before = self.unclaimed()
            messages = self.messages()
            # Those that were unclaimed all the while, whatever was claimed and published meanwhile.
            waiting = len(before & self.unclaimed())
            looks, most = looks + 1, max(most, waiting)
            if waiting > messages:
                outcome.violations.append(f"{waiting} jobs were published and not claimed, with {messages} messages")
                return
            time.sleep(0.05)
        outcome.figures["most jobs that waited for a claim, each with its message"] = f"{most}, in {looks} looks"

    def unclaimed(self) -> set[int]:
        query = """
            SELECT id FROM core_job
            WHERE published_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying')
        """
        return {job for (job,) in self.stage.ask(query)}

    def messages(self) -> int:
        rabbit = self.stage.rabbit
        assert rabbit is not None
        return rabbit.queue_depths(self.stage.broker_url).get("default", 0)

    def kill_worker(self) -> None:
        found = wait_until(self.find_victims, VICTIM_SECONDS, "a worker to have its hands full", every=0.02)
        worker, pid, held = self.rng.choice(found)
        self.held.append(held)
        self.killed.add(pid)
        (how,) = self.rng.choices(list(WAYS), list(WAYS.values()))
        self.stage.fleet.kill(worker, pid, how)
        self.stage.fleet.tend()

    def find_victims(self) -> list[tuple[Worker, int, int]]:
        self.stage.fleet.tend()
        held = self.held_by_pid()
        full = {pid for pid, count in held.items() if count >= FILLED * self.places} - self.killed
        return [(worker, pid, held[pid]) for worker, pid in self.stage.fleet.with_pids(full)]

    def held_by_pid(self) -> dict[int, int]:
        query = "SELECT worker, count(*) FROM core_job WHERE state = 'running' AND lease_until > now() GROUP BY worker"
        return {int(name.rpartition(":")[2]): count for name, count in self.stage.ask(query)}
