"""Tickers as posts, and schedules that come due for them."""

from __future__ import annotations

import json

from tests.chaos.posts import Post
from tests.chaos.runs import Outcome
from tests.chaos.stage import Stage
from tests.chaos.submitting import OWNER
from tests.services.processes import Process
from tests.services.tickers import start_ticker

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
        return start_ticker(self.stage.site, name, failpoint=environment.get("FAILPOINT", ""))

    def _end_of(self, process: Process) -> int | None:
        return process.exit_code
