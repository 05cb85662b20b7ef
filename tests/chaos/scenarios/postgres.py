"""PostgreSQL is killed with everything that is connected to it, and comes back with what it had committed.

Submits that nobody was answered are sent again with their key; attempts whose database went away are tried again or
write their end when it is back.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.chaos.clients import Crowd
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres, PostgresNode
from tests.services.processes import Process, free_port
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

#: Seconds that the database is down at most.
LONGEST_DOWN_SECONDS = 2.0
#: Seconds until jobs end again once the database is back.
ALIVE_SECONDS = 30.0
WORKERS = 3


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with _killable(folder, postgres) as node, staged("postgres", folder, rabbit, node, threads=size.threads) as stage:
        return _Play(stage, node, size).run()


@contextlib.contextmanager
def _killable(folder: Path, postgres: GivenPostgres) -> Iterator[PostgresNode]:
    """The given server if it is a node of ours, else one for this scenario."""
    if isinstance(postgres, PostgresNode):
        yield postgres
        return
    node = PostgresNode(folder / f"postgres-{time.time_ns()}")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@dataclass
class _Play:
    stage: Stage
    node: PostgresNode
    size: Size
    workers: list[Process] = field(default_factory=list)
    back_seconds: list[float] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="postgres")
        self.rng = random.Random(size.seed)
        stage.site.environment["dramatiq_restart_delay"] = "500"
        port = free_port()
        web = stage.site.fork_web(port=port, name="web")
        for number in range(WORKERS):
            arguments = ("--processes", "1", "--threads", str(size.threads))
            worker = stage.site.fork_worker(
                *arguments, name=f"worker-{number}", environment={"PGAPPNAME": f"worker-{number}"}
            )
            self.workers.append(worker)
        crowd = Crowd(stage, "chaos_steps", addresses=[f"http://127.0.0.1:{port}"])
        began = time.monotonic()
        kills = 0
        try:
            for number in range(size.postgres_kills):
                share = size.postgres_jobs * (number + 1) // size.postgres_kills
                share -= size.postgres_jobs * number // size.postgres_kills
                for _ in range(share):
                    crowd.submit({"seconds": round(self.rng.uniform(0.005, 0.08), 3)})
                self.wait_until_alive(at_least=5)
                self.kill(crowd)
                kills += 1
            self.wait_until_alive(at_least=1)
        except TimeoutError as error:
            outcome.violations.append(f"it stood still while PostgreSQL was killed: {error}")
        finally:
            if not self.node.is_running:
                self.node.start()
            crowd.finish()
        outcome.kills = f"{kills} PostgreSQL"
        wait_until_quiet(stage, size, outcome, began=began)
        outcome.figures["longest time from PostgreSQL's readiness to a job's end"] = f"{max(self.back_seconds):.1f} s"
        unanswered, put_off = sum(crowd.unanswered.values()), sum(crowd.put_off.values())
        outcome.figures["submits without an answer / answered with an error, sent again"] = f"{unanswered} / {put_off}"
        gone = [process.name for process in [web, *self.workers] if not process.is_running]
        outcome.figures["processes of the site that ended"] = ", ".join(gone) or "none"
        judge(stage, outcome)
        return outcome

    def ended(self) -> int:
        return int(self.stage.ask("SELECT count(*) FROM core_job WHERE state = 'succeeded'")[0][0])

    def wait_until_alive(self, *, at_least: int) -> None:
        """Wait until some jobs have ended since, or all that there are."""
        began = time.monotonic()
        before = self.ended()
        wait_until(
            lambda: self.ended() >= before + at_least or not self.stage.left(), ALIVE_SECONDS, "jobs to end", every=0.02
        )
        self.back_seconds.append(time.monotonic() - began)

    def kill(self, crowd: Crowd) -> None:
        """Kill the server while jobs are at work, and start it again after a while."""
        wait_until(self.stage.working_pids, ALIVE_SECONDS, "a worker to be at work", every=0.005)
        self.node.kill9()
        self.stage.connection.close()
        time.sleep(self.rng.uniform(0, LONGEST_DOWN_SECONDS))
        self.node.start()
        url = self.stage.site.environment["DATABASE_URL"]
        self.stage.connection = psycopg.connect(url, autocommit=True, application_name="suite")
