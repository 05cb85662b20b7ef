"""Workers are killed at work, and the broker now and then, once with its data, while people submit."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.fleet import How, Worker
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.processes import ProcessDied
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_steps"
#: Seconds that one step of a job takes at most.
LONGEST_STEP_SECONDS = 0.12
#: Seconds in which, with jobs there, some worker has to be at work; the broker may be away meanwhile.
VICTIM_SECONDS = 120.0
#: The part of the jobs that is submitted at once just before the broker's data is deleted.
BURST_PART = 4
#: Seconds that a broker may take to serve again.
BROKER_SECONDS = 120.0
#: Seconds in which an orphaned worker has to notice (5) and to end its work.
ORPHAN_SECONDS = 60.0
#: How a worker is killed, and how often of ten.
WAYS: dict[How, int] = {"group": 5, "child": 3, "master": 2}


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("workers", folder, rabbit, postgres, threads=size.threads) as stage:
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    broker_starts: list[Future[None]] = field(default_factory=list)
    connections: int = 0
    wiped_messages: int = 0
    #: Seconds without anybody at work although there were jobs.
    longest_stall: float = 0.0
    #: Jobs that are still to be submitted; below none, a job more than was asked for.
    unsubmitted: int = 0

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        self.rng = random.Random(size.seed)
        stage.site.start_web()
        for _ in range(size.workers):
            stage.fleet.start()
        self.people, self.script = stage.people(PIPELINE), stage.script(PIPELINE)
        began = time.monotonic()
        outcome = Outcome(scenario="workers_and_broker")
        try:
            self.break_things()
        except (TimeoutError, ProcessDied) as error:
            outcome.violations.append(f"it stood still while things were broken: {error}")
        stage.finish_submits()
        outcome.kills = f"{sum(stage.fleet.kills.values())} workers, {len(self.broker_starts)} brokers"
        left = stage.left()
        try:
            outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after the last fault: {error}")
            outcome.recovered_seconds = size.quiet_seconds
        outcome.seconds = time.monotonic() - began
        ways = ", ".join(f"{how} {count}" for how, count in stage.fleet.kills.items())
        outcome.figures["workers killed, each at work, by way"] = ways
        outcome.figures["longest time without a worker at work, brokers down included"] = f"{self.longest_stall:.1f} s"
        outcome.figures["jobs left at the last fault"] = left
        outcome.figures["messages lost with the broker's data"] = self.wiped_messages
        if stage.broker_starts_repeated:
            outcome.figures["starts of the broker that had to be repeated"] = stage.broker_starts_repeated
        outcome.figures["most database connections"] = self.connections
        judge(stage, outcome)
        self.judge_orphans(outcome)
        return outcome

    def judge_orphans(self, outcome: Outcome) -> None:
        """What ran under a killed master has noticed, and has ended by itself."""
        try:
            wait_until(lambda: not self.stage.fleet.orphans(), ORPHAN_SECONDS, "orphaned workers to end")
        except TimeoutError as error:
            outcome.violations.append(str(error))

    def break_things(self) -> None:
        """Submit a share of the jobs before each kill; with the broker's kills spread between them."""
        size = self.size
        kills = max(1, size.worker_kills)
        broker_kills = {(n + 1) * kills // (size.broker_kills + 1): n for n in range(size.broker_kills)}
        wiped = size.broker_kills // 2
        burst = size.jobs // BURST_PART if size.broker_kills else 0
        self.unsubmitted = size.jobs - burst
        for number in range(kills):
            self.submit(max(0, self.unsubmitted) // (kills - number))
            if number in broker_kills:
                if broker_kills[number] == wiped:
                    self.wipe_broker(burst)
                else:
                    self.kill_broker()
            if number < size.worker_kills:
                self.kill_worker()
            self.pause(self.rng.uniform(0.1, 0.8))
        self.wait_for_broker()

    def submit(self, count: int) -> None:
        """Half of the jobs come from people, half from a script."""
        self.unsubmitted -= count
        for params in self.orders(count // 2):
            self.people.submit(params)
        self.script.submit(self.orders(count - count // 2))

    def orders(self, count: int) -> list[dict[str, float]]:
        return [{"seconds": round(self.rng.uniform(0.005, LONGEST_STEP_SECONDS), 3)} for _ in range(count)]

    def kill_broker(self) -> None:
        # It is killed when it serves, not while it starts.
        self.wait_for_broker()
        down_seconds = self.rng.uniform(0.0, 2.0)
        self.broker_starts.append(self.stage.kill_broker(is_wiped=False, down_seconds=down_seconds))

    def wipe_broker(self, burst: int) -> None:
        """Kill the broker and delete its data while it has the messages of a burst of jobs that nobody took."""
        self.wait_for_broker()
        with self.stage.fleet.frozen():
            self.script.submit(self.orders(burst))
            self.wiped_messages = wait_until(self.unclaimed, BROKER_SECONDS, "messages to lose")
            self.broker_starts.append(self.stage.kill_broker(is_wiped=True, down_seconds=0))
            if not self.stage.broker_is_down.wait(BROKER_SECONDS):
                raise TimeoutError("the broker was not killed")

    def unclaimed(self) -> int:
        """Jobs of which the broker has a message that no worker has acted on; the rest of the burst waits for room."""
        query = """
            SELECT count(*) FROM core_job
            WHERE published_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying')
        """
        return int(self.stage.ask(query)[0][0])

    def wait_for_broker(self) -> None:
        def is_back() -> bool:
            self.stage.fleet.tend()
            return all(start.done() for start in self.broker_starts)

        wait_until(is_back, BROKER_SECONDS, "the broker to be back")
        self.expect_broker_starts()

    def expect_broker_starts(self) -> None:
        for start in self.broker_starts:
            if start.done():
                start.result()

    def kill_worker(self) -> None:
        worker, pid = self.find_victim()
        (how,) = self.rng.choices(list(WAYS), list(WAYS.values()))
        self.stage.fleet.kill(worker, pid, how)
        self.stage.fleet.tend()

    def find_victim(self) -> tuple[Worker, int]:
        """A worker in the middle of a job."""
        stage = self.stage
        began = time.monotonic()

        def at_work() -> list[tuple[Worker, int]]:
            nonlocal began
            stage.fleet.tend()
            self.count_connections()
            self.expect_broker_starts()
            found = list(stage.fleet.with_pids(stage.working_pids()))
            if not found and stage.left() == 0:
                self.submit(max(1, self.unsubmitted // 20))
                began = time.monotonic()
            return found

        found = wait_until(at_work, VICTIM_SECONDS, "a worker to be at work")
        self.longest_stall = max(self.longest_stall, time.monotonic() - began)
        return self.rng.choice(found)

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.stage.fleet.tend()
            time.sleep(0.05)

    def count_connections(self) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        self.connections = max(self.connections, self.stage.ask(query)[0][0])
