"""Workers whose clocks are an hour off, one ahead and one behind, with one that is right; both are killed at work.

The clocks are shifted by datefudge; the monotonic clock stays, as on a machine whose time is wrong. Leases, delays
and timelines have to go by the database's clock alone.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.fleet import Worker
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import SETTINGS, Stage, staged
from tests.chaos.verdict import judge
from tests.services.packages import DATEFUDGE, program
from tests.services.postgres import GivenPostgres
from tests.services.processes import children_of
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

SHIFTS = ("+3600", "-3600")
#: Seconds that a lease may be seen to last longer than it is said to: the time of a look.
EPSILON_SECONDS = 0.5
#: Seconds in which the reaper looks more than once.
REAPS_SECONDS = 2.5
#: Seconds until a worker is at work.
WORK_SECONDS = 30.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("clocks", folder, rabbit, postgres, threads=size.threads) as stage:
        return _Play(stage, size).run()


def shifted(seconds: str) -> dict[str, str]:
    """Return the environment in which a process's clock is so many seconds off."""
    # It takes the seconds away.
    return {"LD_PRELOAD": str(program(DATEFUDGE)), "DATEFUDGE": str(-int(seconds))}


@dataclass
class _Play:
    stage: Stage
    size: Size
    longest_lease: float = 0.0
    #: When each process was killed, by the database's clock.
    killed: dict[int, dt.datetime] = field(default_factory=dict)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="clocks")
        workers = {shift: stage.fleet.start(shifted(shift)) for shift in SHIFTS}
        stage.fleet.start()
        right, wrong = stage.script("chaos_steps"), stage.script("chaos_steps", environment=shifted(SHIFTS[0]))
        began = time.monotonic()
        (started_at,) = stage.ask("SELECT clock_timestamp()")[0]
        for script in (right, wrong):
            # Some are longer than a lease: they live by its renewal.
            script.submit([{"seconds": 1.6}] * 6)
            script.submit([{"seconds": 0.1}] * max(0, size.clock_jobs // 2 - 6))
        for shift in SHIFTS:
            try:
                self.kill_at_work(workers[shift])
            except TimeoutError as error:
                outcome.violations.append(f"the worker at {shift} s took no job: {error}")
        last = time.monotonic()
        try:
            wait_until(self.is_quiet, size.quiet_seconds, "all jobs to end", every=0.05)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after the last kill: {error}")
        outcome.recovered_seconds = time.monotonic() - last
        outcome.seconds = time.monotonic() - began
        outcome.kills = f"{len(SHIFTS)} workers"
        judge(stage, outcome)
        self.judge_times(outcome, started_at)
        return outcome

    def kill_at_work(self, worker: Worker) -> None:
        def pids() -> set[int]:
            self.look()
            return worker.family() & self.stage.working_pids() or worker.family() & self.running_pids()

        wait_until(pids, WORK_SECONDS, f"{worker.name} to be at work")
        # It is at work for a while: a lease that is too short is seen to run out.
        until = time.monotonic() + REAPS_SECONDS
        while time.monotonic() < until:
            self.look()
            time.sleep(0.1)
        (pid, *_) = wait_until(pids, WORK_SECONDS, f"{worker.name} to be at work")
        (now,) = self.stage.ask("SELECT clock_timestamp()")[0]
        self.killed |= dict.fromkeys({pid, *children_of([worker.process.pid])}, now)
        self.stage.fleet.kill(worker, pid, "group")
        self.stage.fleet.tend()

    def running_pids(self) -> set[int]:
        rows = self.stage.ask("SELECT DISTINCT worker FROM core_job WHERE state = 'running'")
        return {int(name.rpartition(":")[2]) for (name,) in rows}

    def is_quiet(self) -> bool:
        self.look()
        self.stage.fleet.tend()
        return self.stage.left() == 0

    def look(self) -> None:
        """Note the longest lease, by the database's clock."""
        query = "SELECT max(extract(epoch FROM lease_until - clock_timestamp())) FROM core_job WHERE state = 'running'"
        (seconds,) = self.stage.ask(query)[0]
        self.longest_lease = max(self.longest_lease, float(seconds or 0))

    def judge_times(self, outcome: Outcome, started_at: object) -> None:
        stage = self.stage
        lease = float(SETTINGS["LEASE_SECONDS"])
        if self.longest_lease > lease + EPSILON_SECONDS:
            outcome.violations.append(f"a lease of {lease:g} s was to last {self.longest_lease:.1f} s")
        crashed = stage.ask("SELECT worker, min(at) FROM core_jobevent WHERE kind = 'crashed' GROUP BY 1")
        alive = []
        for name, at in crashed:
            killed_at = self.killed.get(int(name.rpartition(":")[2]))
            if killed_at is None or at < killed_at:
                alive.append(name)
        outcome.violate("workers whose leases ran out while they lived", alive)
        off = stage.ask(
            "SELECT job_id, kind, at FROM core_jobevent WHERE at < %s OR at > clock_timestamp() + interval '1 second'",
            started_at,
        )
        outcome.violate("lines of timelines with a wrong time", off)
        off = stage.ask(
            """SELECT id FROM core_job WHERE created_at NOT BETWEEN %s AND clock_timestamp()
            OR started_at < created_at OR finished_at < started_at OR finished_at > clock_timestamp()""",
            started_at,
        )
        outcome.violate("jobs with a wrong time", off)
        by = stage.ask("SELECT application, count(*) FROM chaos_witness WHERE what = 'claimed' GROUP BY 1 ORDER BY 1")
        # The first two workers, and those in their places, are the shifted ones.
        outcome.figures["claims, by worker"] = ", ".join(f"{name} {count}" for name, count in by)
        outcome.figures["longest lease seen"] = f"{self.longest_lease:.2f} s of {lease:g}"
