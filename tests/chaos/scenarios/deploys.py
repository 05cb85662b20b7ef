"""Deploys under load: every worker is told to end and another takes its place, while short and long jobs run."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from core.models.states import LIVE
from tests.chaos.fleet import Worker
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

#: Seconds in which a worker that is told to end has to have ended.
END_SECONDS = 30.0
#: Seconds in which the workers have begun.
START_SECONDS = 120.0
#: Seconds that a step of a long job takes: longer than the grace, which is 2 here.
LONG_STEP_SECONDS = 2.5
#: Seconds for which a deaf job listens to nobody.
DEAF_SECONDS = 50.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("deploys", folder, rabbit, postgres, threads=size.threads) as stage:
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    ended: list[float] = field(default_factory=list)
    leaving: dict[str, tuple[Worker, float]] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="deploys")
        self.rng = random.Random(size.seed)
        self.short, self.deaf, self.child = (
            stage.script(name) for name in ("chaos_steps", "chaos_deaf", "chaos_child")
        )
        # A deploy starts its workers anew.
        stage.fleet.forks = False
        for _ in range(size.workers):
            stage.fleet.start()
        began = time.monotonic()
        for roll in range(size.rolls):
            self.load(is_first=roll == 0)
            self.roll()
        last = time.monotonic()
        try:
            wait_until(self.have_ended, END_SECONDS + 5, "all workers that were told to end to have ended")
            stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet after the last deploy: {error}")
        outcome.recovered_seconds = time.monotonic() - last
        outcome.seconds = time.monotonic() - began
        for worker, _ in self.leaving.values():
            worker.process.kill9()
        judge(stage, outcome)
        self.judge_ends(outcome)
        return outcome

    def load(self, *, is_first: bool) -> None:
        """Short jobs all the while, and some of each kind that takes longer than the grace."""
        self.short.submit([{"seconds": round(self.rng.uniform(0.005, 0.08), 3)} for _ in range(60)])
        if is_first:
            self.deaf.submit([{"seconds": DEAF_SECONDS}] * 2)
            self.child.submit([{"seconds": DEAF_SECONDS}] * 2)
        long = "SELECT count(*) FROM core_job WHERE state = ANY(%s) AND (params->>'seconds')::float = %s"
        rest = "SELECT count(*) FROM core_job WHERE state = 'running' AND pipeline <> 'chaos_steps'"

        def is_at_work() -> bool:
            self.have_ended()
            if not self.stage.ask(long, [*LIVE], LONG_STEP_SECONDS)[0][0]:
                # On a busy machine they may have ended before the rest began.
                self.short.submit([{"seconds": LONG_STEP_SECONDS}] * self.size.workers)
            running = self.stage.ask(long, ["running"], LONG_STEP_SECONDS)[0][0]
            return running >= 2 and (not is_first or self.stage.ask(rest)[0][0] == 4)

        wait_until(is_at_work, START_SECONDS, "long work to be in hand")

    def roll(self) -> None:
        for worker in list(self.stage.fleet.workers):
            self.stage.fleet.workers.remove(worker)
            new = self.stage.fleet.start()
            self.wait_for(new)
            worker.process.send(signal.SIGTERM)
            self.leaving[worker.name] = worker, time.monotonic()
            self.short.submit([{"seconds": 0.02}] * 5)

    def wait_for(self, worker: Worker) -> None:
        """A deploy lets the new one come up before the old one goes."""

        def is_up() -> bool:
            self.have_ended()
            return "worker_started" in worker.process.log.read_text(errors="replace")

        wait_until(is_up, START_SECONDS, f"{worker.name} to be up")

    def have_ended(self) -> bool:
        """Note who has ended; return whether all have."""
        for name, (worker, told_at) in list(self.leaving.items()):
            if not worker.process.is_running:
                self.ended.append(time.monotonic() - told_at)
                self.codes.append(worker.process.exit_code or 0)
                del self.leaving[name]
        return not self.leaving

    def judge_ends(self, outcome: Outcome) -> None:
        stage = self.stage
        outcome.kills = f"{len(self.ended)} told to end"
        late = [f"{seconds:.1f} s" for seconds in self.ended if seconds > END_SECONDS]
        outcome.violate(f"workers that took longer than {END_SECONDS:g} s to end", late)
        outcome.violate("workers that never ended", list(self.leaving))
        outcome.violate("workers that ended with an error", [code for code in self.codes if code])
        counted = stage.ask("SELECT id, pipeline, attempt, crashes FROM core_job WHERE attempt <> 1 OR crashes > 0")
        outcome.violate("jobs to which a deploy was counted as an attempt or a crash", counted)
        released = dict(
            stage.ask("""
                SELECT pipeline, count(*) FROM core_jobevent e JOIN core_job j ON j.id = e.job_id
                WHERE kind = 'released' GROUP BY 1
            """)
        )
        missing = {"chaos_steps", "chaos_deaf", "chaos_child"} - released.keys()
        outcome.violate("kinds of long jobs of which none was handed back: nothing was tried", sorted(missing))
        outcome.figures["handed back"] = ", ".join(f"{name} {count}" for name, count in sorted(released.items()))
        if self.ended:
            ordered = sorted(self.ended)
            middle = ordered[len(ordered) // 2]
            outcome.figures["seconds from SIGTERM to the end, median / longest"] = f"{middle:.1f} / {ordered[-1]:.1f}"
