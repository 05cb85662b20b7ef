"""Workers are killed in each phase of a PDF report: while it is planned, set by child jobs, merged, and published.

Every report has to be the very bytes of the one that nobody disturbed, published once, and nothing that was completed
is done again: the runs of steps and of children are counted by the database.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import OWNER, BulkSubmitter
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_report"
#: The processes that are in each phase at this moment, as `host:pid`.
PHASES = {
    "plan": """
        SELECT worker FROM core_job j WHERE parent_id IS NULL AND pipeline = 'chaos_report' AND state = 'running'
        AND NOT EXISTS (SELECT 1 FROM core_jobstep s WHERE s.job_id = j.id AND key = 'plan')
    """,
    "chunk": "SELECT worker FROM core_job WHERE parent_id IS NOT NULL AND state = 'running'",
    "merge": """
        SELECT worker FROM core_job j WHERE parent_id IS NULL AND pipeline = 'chaos_report' AND state = 'running'
        AND EXISTS (SELECT 1 FROM core_jobstep s WHERE s.job_id = j.id AND key = 'render')
        AND NOT EXISTS (SELECT 1 FROM core_jobstep s WHERE s.job_id = j.id AND key = 'merge')
    """,
    "publish": """
        SELECT worker FROM core_job j WHERE parent_id IS NULL AND pipeline = 'chaos_report' AND state = 'running'
        AND EXISTS (SELECT 1 FROM core_jobstep s WHERE s.job_id = j.id AND key = 'merge')
    """,
}
ROWS = 4_000
#: Reports that are on their way at once.
AHEAD = 4
#: Seconds until somebody is in a phase that is still wanted.
PHASE_SECONDS = 90.0
_RUNS = "CREATE TABLE test_run (id bigserial PRIMARY KEY, job_id bigint, step text, fence bigint)"


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("report_phases", folder, rabbit, postgres, threads=size.threads) as stage:
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    kills: Counter[str] = field(default_factory=Counter)
    expected: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="report_phases")
        rng = random.Random(size.seed)
        stage.ask_nothing(_RUNS)
        # Their jobs work in child processes, which start from the program of their worker.
        stage.fleet.forks = False
        for _ in range(min(3, size.workers)):
            stage.fleet.start()
        params = self.make_reference()
        script = stage.script(PIPELINE)
        began = time.monotonic()
        while wanted := [phase for phase in PHASES if self.kills[phase] < size.phase_kills]:
            self.keep_some_ahead(script, params)
            try:
                self.kill_in(rng.choice(wanted), script, params)
            except TimeoutError as error:
                outcome.violations.append(f"it stood still while workers were killed: {error}")
                break
        outcome.kills = ", ".join(f"{phase} {self.kills[phase]}" for phase in PHASES)
        try:
            outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after the last kill: {error}")
        outcome.seconds = time.monotonic() - began
        self.judge(outcome)
        return outcome

    def make_reference(self) -> dict[str, Any]:
        """Import a table, set its report undisturbed, and return the parameters of that."""
        site = self.stage.site
        source = site.home / "orders.csv"
        with source.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["number", "customer", "day", "amount", "region"])
            for number in range(ROWS):
                customer = f"Customer {number * 7919 % 977} 株式会社 שלום"
                rows.writerow(
                    [number, customer, f"2026-0{number % 9 + 1}-1{number % 9}", number * 1.25, "NESW"[number % 4]]
                )
        options = ("--owner", OWNER, "--wait", "120")
        imported = site.run_json("job", "submit", "csv_import", "--file", f"file={source}", *options, timeout=180)
        dataset = imported["result"]["dataset"]
        asked = ("--param", f"dataset={dataset}", "--param", "group_by=region", "--param", "charts=region")
        made = site.run_json("job", "submit", "pdf_export", *asked, *options, timeout=180)
        ((params, result),) = self.stage.ask("SELECT params, result FROM core_job WHERE id = %s", made["id"])
        (file_of,) = self.reports(made["id"])
        self.expected = {"sha256": file_of[1], "name": file_of[0], "result": result}
        assert isinstance(params, dict)
        return params

    def keep_some_ahead(self, script: BulkSubmitter, params: dict[str, Any]) -> None:
        query = "SELECT count(*) FROM core_job WHERE parent_id IS NULL AND state NOT IN ('succeeded', 'failed')"
        missing = min(AHEAD, 1 + self.size.phase_kills) - int(self.stage.ask(query)[0][0])
        if missing > 0:
            script.submit([params] * missing)

    def kill_in(self, phase: str, script: BulkSubmitter, params: dict[str, Any]) -> None:
        """Kill a worker that is in this phase."""
        stage = self.stage

        def victims() -> list[Any]:
            stage.fleet.tend()
            self.keep_some_ahead(script, params)
            pids = {int(name.rpartition(":")[2]) for (name,) in stage.ask(PHASES[phase]) if name}
            return list(stage.fleet.with_pids(pids))

        worker, pid = wait_until(victims, PHASE_SECONDS, f"a worker to be in the phase {phase}", every=0.01)[0]
        stage.fleet.kill(worker, pid, "group")
        self.kills[phase] += 1

    def reports(self, job_id: int) -> list[tuple[str, str, str]]:
        query = "SELECT name, sha256, path FROM core_artifact WHERE job_id = %s AND kind = 'output'"
        return self.stage.ask(query, job_id)

    # -- what is judged ----------------------------------------------------------------------------

    def judge(self, outcome: Outcome) -> None:
        stage = self.stage
        jobs = stage.ask(
            "SELECT id, state, error, result FROM core_job WHERE pipeline = 'chaos_report' AND parent_id IS NULL"
        )
        outcome.jobs = len(jobs)
        self.note(outcome, "reports that did not succeed", [str(job[:3]) for job in jobs if job[1] != "succeeded"])
        outcome.lost = sum(job[1] != "succeeded" for job in jobs)
        wrong = []
        for job_id, _, _, result in jobs:
            files = self.reports(job_id)
            found = [hashlib.sha256((stage.site.home / "files" / path).read_bytes()).hexdigest() for *_, path in files]
            if found != [self.expected["sha256"]] or result != self.expected["result"]:
                wrong.append(f"{job_id}: {found} {json.dumps(result)[:80]}")
        self.note(outcome, "reports that are not the bytes of the undisturbed one", wrong)
        again = stage.ask("""
            SELECT r.job_id, r.step, r.fence FROM test_run r
            JOIN core_jobstep s ON s.job_id = r.job_id AND s.key = r.step
            WHERE r.fence > s.fence
        """)
        outcome.twice = len(again)
        self.note(outcome, "completed steps that were run again", [str(row) for row in again])
        children = stage.ask("""
            SELECT job_id FROM core_jobevent e JOIN core_job j ON j.id = e.job_id WHERE j.parent_id IS NOT NULL
            GROUP BY job_id HAVING count(*) FILTER (WHERE kind = 'succeeded') <> 1
                OR max(e.id) FILTER (WHERE kind = 'claimed') > max(e.id) FILTER (WHERE kind = 'succeeded')
        """)
        outcome.twice += len(children)
        self.note(outcome, "chunks published twice, or run after that", [str(row) for row in children])
        doubled = stage.ask("""
            SELECT parent_id, fan_key, fan_index FROM core_job WHERE parent_id IS NOT NULL
            GROUP BY 1, 2, 3 HAVING count(*) > 1
        """)
        self.note(outcome, "chunks made twice", [str(row) for row in doubled])
        resumed = stage.ask("""
            SELECT job_id, count(*) FROM core_jobevent WHERE kind = 'resumed' GROUP BY job_id HAVING count(*) > 1
        """)
        self.note(outcome, "parents woken more than once", [str(row) for row in resumed])
        self.count_runs(outcome)

    def count_runs(self, outcome: Outcome) -> None:
        """Runs beyond what was completed are those that a kill met."""
        begun = dict(self.stage.ask("SELECT step, count(*) FROM test_run GROUP BY step"))
        for step in ("plan", "merge"):
            outcome.figures[f"runs of {step} begun / completed"] = f"{begun.get(step, 0)} / {outcome.jobs}"
        claims, parts = self.stage.ask("""
            SELECT count(*) FILTER (WHERE kind = 'claimed'), count(DISTINCT job_id) FROM core_jobevent e
            JOIN core_job j ON j.id = e.job_id WHERE j.parent_id IS NOT NULL AND j.pipeline = 'chaos_report'
        """)[0]
        outcome.figures["runs of chunks begun / completed"] = f"{claims} / {parts}"
        if min(begun.get("plan", 0), begun.get("merge", 0)) <= outcome.jobs or claims <= parts:
            outcome.violations.append("no kill met a step or a chunk at work: nothing was tried")

    @staticmethod
    def note(outcome: Outcome, what: str, found: list[str]) -> None:
        if found:
            outcome.violations.append(f"{len(found)} {what}: {'; '.join(found[:5])}")
