"""Schedules on a whole site, and tickers that are killed in the transaction of a time and right after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.test_life import rows
from tests.services.site import Runtime, Site
from tests.services.tickers import LOOKED, start_ticker
from tests.services.waiting import wait_until

_MAKE = """
from django.contrib.auth.models import User
from core.schedules import changes
from core.models import Schedule
from django.db.models import F
alice = User.objects.create_user("alice")
changes.create("noop", owner_id=alice.pk, by="alice", cron="0 0 29 2 *", zone="Europe/Paris")
# As if its time had come just now.
Schedule.objects.update(next_at=F("created_at"))
"""
_RUNS = "SELECT r.outcome, j.state FROM core_scheduledrun r LEFT JOIN core_job j ON j.id = r.job_id"


@pytest.fixture
def scheduled(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A site with one schedule of alice's that is due."""
    site = make_site(runtime, EXTRA_PIPELINES="tests.pipelines", WORKER_PROCESSES="1")
    site.run("shell", "--no-imports", "--command", _MAKE)
    return site


def jobs(site: Site) -> int:
    return int(rows(site, "SELECT count(*) FROM core_job")[0][0])


def test_a_worker_fires_what_is_due_and_runs_it(scheduled: Site) -> None:
    scheduled.start_worker(1)
    wait_until(lambda: rows(scheduled, _RUNS) == [("submitted", "succeeded")], what="the schedule's job to succeed")
    assert jobs(scheduled) == 1


def test_a_killed_ticker_leaves_a_time_whole_or_untouched(scheduled: Site) -> None:
    for failpoint, left in (("schedule-insert", []), ("schedule-inserted", [("submitted", "queued")])):
        ticker = start_ticker(scheduled, failpoint, failpoint=f"{failpoint}:kill")
        assert ticker.wait() == -9
        assert rows(scheduled, _RUNS) == left
        assert jobs(scheduled) == len(left)
    # Another one finds nothing more to do.
    ticker = start_ticker(scheduled, "last")
    wait_until(lambda: LOOKED in ticker.log.read_text(), what="the last ticker to look")
    ticker.kill9()
    assert (rows(scheduled, _RUNS), jobs(scheduled)) == ([("submitted", "queued")], 1)
