"""Cancels against claims, steps, files and completions, within five milliseconds: exactly one of the two wins.

PostgreSQL tells of each moment of a job as it commits; a cancel is sent up to five milliseconds after one moment, or
that long before the next, whose distance the pipeline keeps.
"""

from __future__ import annotations

import json
import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.models.states import State
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT

PIPELINE = "chaos_race"
#: Seconds between two moments of a job.
PART_SECONDS = 0.03
#: Seconds before and after a moment in which a cancel comes.
NEAR_SECONDS = 0.005
#: Jobs that are raced at a time.
AT_ONCE = 10
#: Seconds until a cancel was tried.
TRIED_SECONDS = 150.0
#: What a cancel aims at: the moment it waits for, and the seconds from there to what it is to meet.
AIMS: dict[str, tuple[str, float]] = {
    "submit": ("", NEAR_SECONDS),
    "claim": ("claimed", 0.0),
    "first step": ("claimed", PART_SECONDS),
    "second step": ("step first", PART_SECONDS),
    "dataset": ("step third", PART_SECONDS),
    "file": ("step dataset", PART_SECONDS),
    "completion": ("file", PART_SECONDS),
    "end": ("succeeded", NEAR_SECONDS),
}
#: Tells of each moment at its commit.
_MOMENTS = """
CREATE FUNCTION chaos_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chaos_moment', CASE TG_TABLE_NAME
        WHEN 'core_jobevent' THEN (to_jsonb(NEW)->>'job_id') || ' ' || (to_jsonb(NEW)->>'kind')
        WHEN 'core_jobstep' THEN (to_jsonb(NEW)->>'job_id') || ' step ' || (to_jsonb(NEW)->>'key')
        ELSE (to_jsonb(NEW)->>'job_id') || ' file' END);
    RETURN NULL;
END $$;
CREATE TRIGGER tells AFTER INSERT ON core_jobevent FOR EACH ROW WHEN (NEW.kind IN ('claimed', 'succeeded'))
    EXECUTE FUNCTION chaos_tell();
CREATE TRIGGER tells AFTER INSERT ON core_jobstep FOR EACH ROW EXECUTE FUNCTION chaos_tell();
CREATE TRIGGER tells AFTER INSERT ON core_artifact FOR EACH ROW EXECUTE FUNCTION chaos_tell();
"""


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("cancel_race", folder, rabbit, postgres, threads=AT_ONCE) as stage:
        return _Play(stage, size).run()


@dataclass
class _Race:
    aim: str
    answers: list[str]


@dataclass
class _Play:
    stage: Stage
    size: Size
    races: dict[int, _Race] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="cancel_race")
        rng = random.Random(size.seed)
        stage.ask_nothing(_MOMENTS)
        for _ in range(2):
            stage.fleet.start()
        script = stage.script(PIPELINE)
        canceller = _Canceller(stage)
        began = time.monotonic()
        aims = list(AIMS)
        left = size.cancels
        in_hand: dict[int, str] = {}
        try:
            while left or in_hand:
                count = min(left, AT_ONCE - len(in_hand))
                if count > 0:
                    chosen = [aims[(left - n) % len(aims)] for n in range(count)]
                    left -= count
                    for job, aim in zip(script.submit([{"seconds": PART_SECONDS}] * count), chosen, strict=True):
                        moment, distance = AIMS[aim]
                        offset = distance + rng.uniform(-NEAR_SECONDS, NEAR_SECONDS)
                        # Two people at once, now and then: only one cancel is accepted.
                        canceller.cancel(job=job, moment=moment, offset=max(0.0, offset), twice=rng.random() < 0.2)
                        in_hand[job] = aim
                told = canceller.answer()
                self.races[told["job"]] = _Race(in_hand.pop(told["job"]), told["answers"])
                self.late.append(told["late"])
            outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
        except (TimeoutError, queue.Empty) as error:
            outcome.violations.append(f"a cancel got no answer: {error!r}")
        finally:
            canceller.close()
        outcome.seconds = time.monotonic() - began
        outcome.kills = f"{len(self.races)} cancels"
        accepted = {job for job, race in self.races.items() if "accepted" in race.answers}
        judge(stage, outcome, ends=dict.fromkeys(accepted, State.CANCELLED))
        self.judge_races(outcome, accepted)
        return outcome

    def judge_races(self, outcome: Outcome, accepted: set[int]) -> None:
        stage = self.stage
        odd = {job: race for job, race in self.races.items() if race.answers.count("accepted") > 1}
        outcome.violate("jobs of which two cancels were accepted", list(odd))
        failed = [
            f"{job}: {race.answers}"
            for job, race in self.races.items()
            if any(answer not in ("accepted", "refused") for answer in race.answers)
        ]
        outcome.violate("cancels without a clear answer", failed)
        rows = stage.ask("""
            SELECT j.id, j.state, j.result IS NOT NULL,
                EXISTS (SELECT 1 FROM core_artifact a WHERE a.job_id = j.id AND kind = 'output'),
                EXISTS (SELECT 1 FROM core_dataset d WHERE d.job_id = j.id),
                EXISTS (SELECT 1 FROM core_jobstep s WHERE s.job_id = j.id)
            FROM core_job j
        """)
        both, neither = [], []
        for job, state, *made in rows:
            if job in accepted and (state != State.CANCELLED or any(made)):
                both.append(f"{job}, aimed at {self.races[job].aim}: {state}, {_named(made)}")
            if job not in accepted and (state != State.SUCCEEDED or not all(made)):
                neither.append(f"{job}: {state}, {_named(made)}")
        outcome.violate("cancels that were accepted and something appeared all the same", both)
        outcome.violate("cancels that were refused and the job has not wholly succeeded", neither)
        won = Counter((race.aim, job in accepted) for job, race in self.races.items())
        for aim in AIMS:
            outcome.figures[f"cancels aimed at the {aim}: accepted / refused"] = f"{won[aim, True]} / {won[aim, False]}"
        if not (won["completion", True] + won["end", True] and won["completion", False] + won["end", False]):
            outcome.figures["a close finish"] = "none this time"
        late = sorted(self.late) or [0.0]
        outcome.figures["cancels sent late by, median / p95"] = (
            f"{1000 * late[len(late) // 2]:.1f} / {1000 * late[len(late) * 95 // 100]:.1f} ms"
        )
        left = [
            str(path) for job in accepted for path in (stage.files / "jobs" / str(job)).rglob("*") if path.is_file()
        ]
        outcome.violate("files left of cancelled jobs", left)


def _named(made: list[bool]) -> str:
    names = ("result", "file", "dataset", "steps")
    return ", ".join(name for name, is_there in zip(names, made, strict=True) if is_there) or "nothing made"


class _Canceller:
    """The process that cancels."""

    def __init__(self, stage: Stage) -> None:
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        with (stage.site.home / "logs" / "canceller.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.canceller"],
                env={**stage.site.environment, "PGAPPNAME": "canceller"},
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        self._answers.get(timeout=TRIED_SECONDS)

    def cancel(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        return self._answers.get(timeout=TRIED_SECONDS)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        # Its end ends the thread that reads, which closes the other pipe.
        self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(json.loads(line))
