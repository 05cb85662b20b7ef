"""Tickers: processes that do nothing but fire schedules, as each keeper does, by a clock that goes faster."""

from __future__ import annotations

import json
import time

from tests.chaos.posts import Post
from tests.chaos.runs import Outcome
from tests.chaos.stage import Stage, World
from tests.chaos.submitting import OWNER
from tests.services.processes import Process

#: Schedules that are due now and never again, of the jobs of a pipeline.
_MAKE_DUE = """
INSERT INTO core_schedule (owner_id, pipeline, label, params, files, cron, zone, catch_up, overlap, next_at)
SELECT u.id, %s, '', %s::jsonb, '{}', '0 0 29 2 *', 'UTC', 'latest', 'skip', date_trunc('milliseconds', now())
FROM auth_user u, generate_series(1, %s) WHERE u.username = %s
"""
#: Schedules that were due, and what has come of each that is not one run with one job.
_NOT_ONCE = """
SELECT s.id, count(r.id), count(r.job_id) FROM core_schedule s LEFT JOIN core_scheduledrun r ON r.schedule_id = s.id
WHERE s.cron = '0 0 29 2 *' GROUP BY s.id HAVING count(r.id) <> 1 OR count(r.job_id) <> 1
"""
#: Seconds between two looks of a ticker; a keeper takes two.
LOOK_SECONDS = 0.01
_CODE = "from tests.chaos.ticking import tick_on; tick_on({began}, speed={speed})"


def tick_on(began: float, *, speed: float) -> None:
    """Fire what is due, until killed; since `began` the clock has gone `speed` times as fast as the real one."""
    from core import statements
    from core.schedules.fire import fire_due

    while True:
        statements.clock_offset_seconds = max(0.0, time.time() - began) * (speed - 1)
        fire_due()
        time.sleep(LOOK_SECONDS)


def start_ticker(world: World, name: str, *, began: float = 0.0, speed: float = 1.0, failpoint: str = "") -> Process:
    """Start a ticker; `failpoint` arms it, as `name:kill:3`."""
    environment = {"PGAPPNAME": name, **({"FAILPOINT": failpoint} if failpoint else {})}
    command = ("shell", "--no-imports", "--command", _CODE.format(began=began, speed=speed))
    return world.site._fork(name, list(command), environment)


def make_due(stage: Stage, pipeline: str, params: dict[str, float], *, count: int) -> None:
    """Make schedules that are due at this moment."""
    stage.ask_nothing(_MAKE_DUE, pipeline, json.dumps(params), count, OWNER)


def judge_due(stage: Stage, outcome: Outcome) -> None:
    """Each schedule that was due has one run, with one job."""
    outcome.violate("schedules whose one time did not get its one job", stage.ask(_NOT_ONCE))
    outcome.figures["times of schedules"] = stage.ask("SELECT count(*) FROM core_scheduledrun")[0][0]


class TickerPost(Post):
    """A ticker's place."""

    def _fork(self, name: str, environment: dict[str, str]) -> Process:
        return start_ticker(self.stage, name, failpoint=environment.get("FAILPOINT", ""))

    def _end_of(self, process: Process) -> int | None:
        return process.exit_code
