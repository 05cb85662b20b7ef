"""The hand-over from the database to the broker, held still at each of its seams. No luck is needed here.

While a submit's commit is held, the broker has no message of it. While the broker takes nothing, no job is marked as
published. A relay that is killed before it publishes has marked nothing. One key is one job, however often it is sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import OWNER
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT, Site
from tests.services.waiting import wait_until

PIPELINE = "chaos_steps"
JOBS = 5
#: Seconds for which a seam is watched, once it is held: several looks of a relay.
WATCH_SECONDS = 1.5
HELD_SECONDS = 30.0
#: Holds the commit of a submit for as long as the suite has the lock.
_HOLD = """
CREATE FUNCTION chaos_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4711);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER held AFTER INSERT ON core_job
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_hold();
"""
_HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("hand_over", folder, rabbit, postgres, threads=size.threads) as stage:
        return _Play(stage, rabbit, size).run()


@dataclass
class _Play:
    stage: Stage
    rabbit: RabbitNode
    size: Size

    def run(self) -> Outcome:
        stage = self.stage
        self.outcome = outcome = Outcome(scenario="hand_over", kills="2 scripts")
        stage.ask_nothing(_HOLD)
        self.site = stage.site
        began = time.monotonic()
        # A worker makes the queue, and does the jobs in the end; while the seams are held it stands still.
        worker = stage.fleet.start()
        wait_until(lambda: "default" in self.depths(), HELD_SECONDS, "the queue to be there")
        worker.freeze()
        try:
            self.hold_a_commit()
            self.block_the_broker()
            self.kill_a_relay("publish")
            self.kill_a_relay("confirm")
        except TimeoutError as error:
            outcome.violations.append(f"a seam could not be held: {error}")
        worker.thaw()
        self.send_twice()
        last = time.monotonic()
        try:
            stage.wait_until_quiet(self.size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {self.size.quiet_seconds:g} s after: {error}")
        outcome.recovered_seconds = time.monotonic() - last
        outcome.seconds = time.monotonic() - began
        judge(stage, outcome)
        return outcome

    def hold_a_commit(self) -> None:
        self.stage.ask("SELECT pg_advisory_lock(4711)")
        before = sum(self.depths().values())
        try:
            with _Submit(self.site, JOBS) as submit:
                wait_until(lambda: self.stage.ask(_HELD)[0][0], HELD_SECONDS, "a submit's commit to be held")
                published = self.watch(lambda: sum(self.depths().values()) - before)
                if published:
                    self.outcome.violations.append(f"{published} messages of jobs that were not committed")
                self.stage.ask("SELECT pg_advisory_unlock(4711)")
                self.stage.ledger.accept(submit.answers())
        finally:
            self.stage.ask("SELECT pg_advisory_unlock_all()")
        self.outcome.figures["messages while the commit was held"] = published

    def block_the_broker(self) -> None:
        wait_until(lambda: self.unpublished() == 0, HELD_SECONDS, "what was submitted before to be published")
        self.rabbit.set_memory_alarm(True)
        try:
            with _Submit(self.site, JOBS) as submit:
                self.stage.ledger.accept(submit.answers())
                marked = self.watch(lambda: JOBS - self.unpublished())
        finally:
            self.rabbit.set_memory_alarm(False)
        if marked:
            self.outcome.violations.append(f"{marked} jobs marked as published while the broker took nothing")
        self.outcome.figures["jobs marked as published while the broker took nothing"] = marked

    def kill_a_relay(self, place: str) -> None:
        """A script's own relay is killed at that failpoint: what it has in hand is not marked."""
        before = self.stage.ask("SELECT count(*) FROM core_job WHERE published_at IS NOT NULL")[0][0]
        with _Submit(self.site, JOBS, {"FAILPOINT": f"{place}:kill"}) as submit:
            # It may be killed before it has said so: then nothing was promised.
            self.stage.ledger.accept(submit.answers(may_be_killed=True))
            wait_until(submit.has_ended, HELD_SECONDS, f"the relay to be killed at {place}")
        marked = self.stage.ask("SELECT count(*) FROM core_job WHERE published_at IS NOT NULL")[0][0] - before
        if marked > 0:
            self.outcome.violations.append(f"{marked} jobs marked as published before {place} was over")
        self.outcome.figures[f"jobs marked as published by a relay killed at {place}"] = marked

    def send_twice(self) -> None:
        key = uuid.uuid4().hex
        answers: list[int] = []
        for _ in range(2):
            with _Submit(self.site, 1, key=key) as submit:
                told = submit.answers()
                self.stage.ledger.accept(told)
                answers += told.values()
        if len(set(answers)) != 1:
            self.outcome.violations.append(f"one key was answered with jobs {answers}")

    def watch(self, count: object) -> int:
        """Return the most that was counted in a while."""
        assert callable(count)
        most = 0
        until = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < until:
            most = max(most, int(count()))
            time.sleep(0.1)
        return most

    def unpublished(self) -> int:
        query = "SELECT count(*) FROM core_job WHERE published_at IS NULL AND state = 'queued'"
        return int(self.stage.ask(query)[0][0])

    def depths(self) -> dict[str, int]:
        return self.rabbit.queue_depths(self.stage.broker_url)


class _Submit:
    """One bulk submit from a process of its own, which may be killed at a failpoint after it has answered."""

    def __init__(self, site: Site, count: int, environment: Mapping[str, str] | None = None, *, key: str = "") -> None:
        self._keys = [key or uuid.uuid4().hex for _ in range(count)]
        with (site.home / "logs" / "submit.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.bulk_submitter", PIPELINE, OWNER],
                env={**site.environment, **(environment or {})},
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({key: {"seconds": 0.01} for key in self._keys}) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def answers(self, *, may_be_killed: bool = False) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line and may_be_killed:
            return {}
        if not line:
            raise TimeoutError("a submit was not answered")
        return dict(zip(self._keys, json.loads(line), strict=True))

    def has_ended(self) -> bool:
        return self._process.poll() is not None
