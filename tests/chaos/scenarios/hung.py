"""Jobs that hang and listen to nobody, under load: they end in time, their workers run as many jobs as before.

Some of them are cancelled, the others reach their time limit. When all have ended, every thread that the workers had is
asked for a job at the same moment. Then the hung ones are let go, and try to write as if nothing had happened.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from core.models.states import TERMINAL, State
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

#: Threads of each worker: with more than half of them hung its process would be replaced.
THREADS = 12
#: Seconds that an attempt has to end by itself here.
WRITE_OFF_SECONDS = 2.0
#: Seconds in which the jobs have begun, and in which a hung one has to have ended; in life that is 30.
BEGUN_SECONDS, ENDED_SECONDS = 120.0, 20.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    settings = {"WRITE_OFF_SECONDS": f"{WRITE_OFF_SECONDS:g}"}
    with staged("hung", folder, rabbit, postgres, threads=THREADS, settings=settings) as stage:
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    cancelled: list[int] = field(default_factory=list)
    limited: list[int] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="hung", kills=f"{size.hung} hung")
        self.go = stage.site.home / "go"
        for _ in range(size.workers):
            stage.fleet.start()
        began = time.monotonic()
        load = stage.script("chaos_steps")
        hang, hang_limited = stage.script("chaos_hung"), stage.script("chaos_hung_limited")
        load.submit([{"seconds": 0.02}] * size.hung_jobs)
        half = size.hung // 2
        self.cancelled = hang.submit([{"sign": str(self.go)}] * (size.hung - half))
        self.limited = hang_limited.submit([{"sign": str(self.go)}] * half)
        load.submit([{"seconds": 0.02}] * size.hung_jobs)
        try:
            wait_until(self.have_begun, BEGUN_SECONDS, "every job that hangs to have begun", every=0.1)
            self.cancel()
            self.expect_ends(outcome)
            self.expect_threads(outcome)
            self.go.touch()
            self.expect_refusals(outcome)
            outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(str(error))
        finally:
            self.go.touch()
        outcome.seconds = time.monotonic() - began
        ends = {**dict.fromkeys(self.cancelled, State.CANCELLED), **dict.fromkeys(self.limited, State.FAILED)}
        judge(stage, outcome, ends=ends)
        reasons = dict(stage.ask("SELECT id, error FROM core_job WHERE id = ANY(%s)", self.limited))
        wrong = [f"{job}: {text}" for job, text in reasons.items() if "time limit" not in text]
        outcome.violate("jobs at their time limit that failed for another reason", wrong)
        return outcome

    @property
    def hung(self) -> list[int]:
        return [*self.cancelled, *self.limited]

    def have_begun(self) -> bool:
        query = "SELECT count(*) FROM core_job WHERE id = ANY(%s) AND fence > 0"
        return bool(self.stage.ask(query, self.hung)[0][0] == len(self.hung))

    def cancel(self) -> None:
        acts = "; ".join(f"requests.cancel(Job(pk={job}), by='chaos')" for job in self.cancelled)
        self.stage.site.run(
            "shell", "--command", f"from core.life import requests; from core.models import Job; {acts}"
        )

    def expect_ends(self, outcome: Outcome) -> None:
        """Each has ended in time, while its function has not."""
        living: list[int] = []

        def have_ended() -> bool:
            query = "SELECT id FROM core_job WHERE id = ANY(%s) AND NOT state = ANY(%s)"
            living[:] = [job for (job,) in self.stage.ask(query, self.hung, list(map(str, TERMINAL)))]
            return not living

        began = time.monotonic()
        try:
            wait_until(have_ended, ENDED_SECONDS, every=0.1)
        except TimeoutError:
            outcome.violate(f"jobs that hang had not ended after {ENDED_SECONDS:.0f} s", living)
        outcome.figures["seconds until all that hung had ended"] = f"{time.monotonic() - began:.1f}"

    def expect_threads(self, outcome: Outcome) -> None:
        """Every thread that the workers had at the beginning takes a job."""
        sign = self.stage.site.home / "sign"
        count = self.size.workers * THREADS
        patient = self.stage.script("chaos_patient").submit([{"sign": str(sign)}] * count)
        running = 0

        def are_busy() -> bool:
            nonlocal running
            query = "SELECT count(*) FROM core_job WHERE id = ANY(%s) AND state = 'running'"
            running = int(self.stage.ask(query, patient)[0][0])
            return running == count

        try:
            wait_until(are_busy, ENDED_SECONDS, every=0.1)
        except TimeoutError:
            outcome.violations.append(f"only {running} of {count} threads took a job")
        finally:
            sign.touch()
        outcome.figures["threads that took a job at the same moment"] = f"{running} of {count}"

    def expect_refusals(self, outcome: Outcome) -> None:
        """What the hung ones did when they were let go was refused."""
        files = [self.go.with_name(f"go.{job}.json") for job in self.hung]
        wait_until(lambda: all(file.exists() for file in files), BEGUN_SECONDS, "what hung to try its writes")
        answers = Counter(answer for file in files for answer in json.loads(file.read_text()))
        outcome.figures["answers to what was written late"] = ", ".join(f"{a} ({n})" for a, n in answers.items())
        if set(answers) != {"refused"}:
            outcome.violations.append(f"late writes were not refused: {dict(answers)}")
