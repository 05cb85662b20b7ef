"""Two tickers are killed at will, at random moments and at the failpoints: each time of each schedule gets one job.

The clock of both goes so fast that minutes come by the dozen a second. No worker runs: what is submitted is ended by
hand, so that the next time has its turn. First on PostgreSQL, then on SQLite.
"""

from __future__ import annotations

import datetime as dt
import random
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import EmbeddedStage, Stage, World, staged
from tests.chaos.submitting import OWNER
from tests.services.postgres import GivenPostgres
from tests.services.processes import Process
from tests.services.rabbitmq import RabbitNode
from tests.services.tickers import start_ticker

TICKERS = 2
SCHEDULES = 4
#: How much faster than the real clock that of the tickers goes.
SPEED = 600.0
#: Of so many starts, one is armed for a failpoint.
ARMED_EVERY = 3
FAILPOINTS = ("schedule-insert", "schedule-inserted")
#: Seconds until all is submitted once nobody is killed any more, on a machine that has other things to do.
DRAIN_SECONDS = 120.0
_MAKE = """
import datetime as dt
from django.contrib.auth.models import User
from core.database.clock import database_now
from core.schedules import changes
owner = User.objects.get(username={owner!r})
now = database_now()
ends_at = now.replace(second=0, microsecond=0) + dt.timedelta(minutes={minutes})
for number in range({schedules}):
    changes.create(
        "noop", owner_id=owner.pk, by=owner.username, cron="* * * * *", zone="Europe/Paris", catch_up="all",
        overlap=("skip", "queue")[number % 2], ends_at=ends_at,
    )
"""
_END_JOBS = "UPDATE core_job SET state = 'succeeded', finished_at = run_at WHERE state = 'queued'"


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    outcome = Outcome(scenario="schedules")
    with staged("schedules", folder, rabbit, postgres, threads=size.threads) as stage:
        _Play(stage, size, "PostgreSQL").run(outcome)
    embedded = EmbeddedStage("schedules", folder, threads=size.threads)
    try:
        _Play(embedded, size, "SQLite").run(outcome)
    finally:
        embedded.close()
    return outcome


@dataclass
class _Play:
    world: World
    size: Size
    name: str
    tickers: list[Process] = field(default_factory=list)
    kills: int = 0
    #: How often a ticker died at each failpoint.
    failpoint_kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAILPOINTS, 0))
    started: int = 0
    #: Ends of tickers that were no kill.
    odd: list[str] = field(default_factory=list)

    def run(self, outcome: Outcome) -> None:
        world, size = self.world, self.size
        self.rng = random.Random(f"{size.seed} {self.name}")
        make = _MAKE.format(owner=OWNER, minutes=size.tick_minutes, schedules=SCHEDULES)
        world.site.run("shell", "--no-imports", "--command", make)
        self.expected = self.times_to_come()
        self.armed: dict[int, str] = {}
        self.began = time.time()
        began = time.monotonic()
        deadline = began + DRAIN_SECONDS
        # Once all is submitted nobody passes a failpoint any more: the kills that are left would not come.
        while not self.is_done():
            is_killing = self.kills < size.tick_kills
            if is_killing:
                deadline = time.monotonic() + DRAIN_SECONDS
            elif time.monotonic() > deadline:
                outcome.violations.append(f"{self.name}: not all was submitted {DRAIN_SECONDS:g} s after the last kill")
                break
            self.tend(is_killing=is_killing)
            time.sleep(0.02)
        if not self.kills:
            outcome.violations.append(f"{self.name}: no ticker was killed")
        for ticker in self.tickers:
            ticker.kill9()
        self.judge(outcome)
        outcome.seconds += time.monotonic() - began

    def tend(self, *, is_killing: bool) -> None:
        """Have two tickers at work, end what they submitted, and kill one now and then."""
        self.end_jobs()
        for ticker in [each for each in self.tickers if not each.is_running]:
            self.tickers.remove(ticker)
            if ticker.exit_code != -signal.SIGKILL:
                self.odd.append(f"{ticker.name} with {ticker.exit_code}: {ticker.tail(3)}")
            if place := self.armed.pop(ticker.pid, ""):
                self.failpoint_kills[place] += 1
                self.kills += 1
        while len(self.tickers) < TICKERS:
            self.started += 1
            place = self.rng.choice(FAILPOINTS) if is_killing and self.started % ARMED_EVERY == 0 else ""
            armed = f"{place}:kill:{self.rng.randint(1, 4)}" if place else ""
            ticker = start_ticker(
                self.world.site, f"ticker-{self.started}", began=self.began, speed=SPEED, failpoint=armed
            )
            self.tickers.append(ticker)
            if place:
                self.armed[ticker.pid] = place
        if is_killing and self.rng.random() < 0.2:
            victim = self.rng.choice(self.tickers)
            if victim.pid not in self.armed:
                victim.kill9()
                self.kills += 1

    def end_jobs(self) -> None:
        if isinstance(self.world, Stage):
            self.world.ask_nothing(_END_JOBS)
        elif isinstance(self.world, EmbeddedStage):
            with closing(sqlite3.connect(self.world.database, timeout=30, isolation_level=None)) as connection:
                connection.execute(_END_JOBS)

    def is_done(self) -> bool:
        left = self.world.ask("SELECT count(*) FROM core_schedule WHERE next_at IS NOT NULL")[0][0]
        return not left and not self.world.ask("SELECT 1 FROM core_scheduledrun WHERE outcome = 'waiting' LIMIT 1")

    def times_to_come(self) -> set[tuple[int, int]]:
        """Return each minute from a schedule's first time to its end, in seconds since 1970."""
        found = set()
        for schedule, first, last in self.world.ask("SELECT id, next_at, ends_at FROM core_schedule"):
            found |= {(schedule, at) for at in range(_seconds(first), _seconds(last) + 1, 60)}
        return found

    def judge(self, outcome: Outcome) -> None:
        ask = self.world.ask
        runs = [(row[0], _seconds(row[1]), *row[2:]) for row in ask(
            "SELECT r.schedule_id, r.due_at, r.outcome, r.job_id, j.idempotency_key, s.overlap "
            "FROM core_scheduledrun r JOIN core_schedule s ON s.id = r.schedule_id "
            "LEFT JOIN core_job j ON j.id = r.job_id"
        )]  # fmt: skip
        # On a slow machine a job may not have been ended when the next time comes: left out, as its schedule says.
        with_job = [run for run in runs if (run[2], run[5]) != ("skipped", "skip")]
        come = {(schedule, at) for schedule, at, *_ in runs}
        jobs = ask("SELECT count(*) FROM core_job")[0][0]
        outcome.jobs += jobs
        outcome.lost += len(self.expected - come)
        outcome.twice += max(0, jobs - len(with_job))
        outcome.violate(f"tickers that ended otherwise than killed on {self.name}", self.odd)
        outcome.violate(f"times without a run on {self.name}", sorted(self.expected - come))
        outcome.violate(f"runs of no time on {self.name}", sorted(come - self.expected))
        outcome.violate(f"times that did not get their job on {self.name}", [
            run for run in with_job if run[2] != "submitted" or run[4] != f"schedule-{run[0]}-{run[1]}"
        ])  # fmt: skip
        if jobs != len(with_job) or len(with_job) < len(runs) / 2:
            outcome.violations.append(f"{self.name}: {jobs} jobs for {len(with_job)} of {len(runs)} times")
        before = int(outcome.kills.partition(" ")[0] or 0)
        outcome.kills = f"{before + self.kills} tickers"
        places = ", ".join(f"{place} {count}" for place, count in self.failpoint_kills.items())
        outcome.figures[f"times on {self.name}, each with one job / left out"] = (
            f"{len(with_job)} / {len(runs) - len(with_job)}"
        )
        outcome.figures[f"of the kills on {self.name}, at the failpoints"] = places
        outcome.violate(f"errors in the logs of the tickers on {self.name}", [
            line
            for log in (self.world.site.home / "logs").glob("ticker-*.log")
            for line in log.read_text(errors="replace").splitlines()
            if "Traceback" in line or "Error" in line
        ])  # fmt: skip


def _seconds(value: dt.datetime | str) -> int:
    """Return a time of either database in seconds since 1970."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    return int(value.timestamp())
