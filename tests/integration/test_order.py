"""Who goes first on a whole site: the urgent, owners in turn, and as many as a limit allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.test_life import rows
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until

#: Seconds that one job of the backlog takes, and how many there are.
SECONDS, BACKLOG = 0.05, 150
_SUBMIT = f"""
from django.contrib.auth import get_user_model
from core.life.submission import Order, submit, submit_many
ids = dict(get_user_model().objects.values_list("username", "pk"))
params = dict(count=1, seconds={SECONDS})
"""


@pytest.fixture
def busy(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A site with two threads, and alice's backlog of a few seconds."""
    site = make_site(
        runtime,
        EXTRA_PIPELINES="tests.pipelines",
        WORKER_THREADS="2",
        WORKER_PROCESSES="1",
        STOP_GRACE_SECONDS="1",
    )
    for name in ("alice", "bob"):
        site.add_user(name)
    return site


def run(site: Site, code: str) -> None:
    site.run("shell", "--no-imports", "--command", _SUBMIT + code)


def started_before(site: Site, label: str) -> int:
    """How many jobs were started between the submit of the job with this label and its own start."""
    query = """
        SELECT count(*) FROM core_job other, core_job own
        WHERE own.label = %s AND other.started_at >= own.created_at AND other.started_at < own.started_at
    """
    return int(rows(site, query, label)[0][0])


def left(site: Site) -> int:
    return int(rows(site, "SELECT count(*) FROM core_job WHERE state <> 'succeeded'")[0][0])


def test_another_owners_job_and_an_urgent_one_overtake_a_backlog(busy: Site) -> None:
    run(busy, f"submit_many('count', [Order(params=params) for _ in range({BACKLOG})], owner_id=ids['alice'])")
    busy.start_worker()
    wait_until(lambda: left(busy) <= BACKLOG - 4, what="the backlog to be at work")
    run(
        busy,
        "submit('count', params=params, owner_id=ids['bob'], label='of bob')\n"
        "submit('count', params=params, owner_id=ids['alice'], label='urgent', priority=2)",
    )
    wait_until(lambda: left(busy) == 0, what="all jobs to end")
    # What is published ahead: a window of 16 messages, and the worker's own three.
    assert started_before(busy, "of bob") < 30
    # Those at work end, and what the worker had fetched besides is fewer than its threads.
    assert started_before(busy, "urgent") < 10


def test_a_limit_is_kept_by_real_workers_and_costs_no_attempt(busy: Site) -> None:
    run(busy, "submit_many('paced', [Order() for _ in range(40)], owner_id=ids['alice'])")
    busy.start_worker()
    wait_until(lambda: left(busy) == 0, what="all jobs to end")
    assert rows(busy, "SELECT min(attempt), max(attempt) FROM core_job") == [(1, 1)]
    # Each has the exact time of its start, a twentieth of a second after the one before, in the order of their submits.
    starts = [str(at) for (at,) in rows(busy, "SELECT run_at FROM core_job ORDER BY id")]
    assert starts == sorted(starts)
    early = rows(busy, "SELECT count(*) FROM core_job WHERE started_at < run_at")
    assert early == [(0,)]
    if busy.runtime == "rabbitmq":
        span = "SELECT extract(epoch FROM max(run_at) - min(run_at)) FROM core_job"
    else:
        span = "SELECT (julianday(max(run_at)) - julianday(min(run_at))) * 86400 FROM core_job"
    assert float(rows(busy, span)[0][0]) > 0.99 * 39 / 20
