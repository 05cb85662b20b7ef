"""A worker that is told to stop: short work ends, long work is handed back, and nothing makes it late."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import pika
import pytest

from tests.integration.test_life import has_counted, kinds, rows, state_of, wait_for_state
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until

#: By when a worker of these tests has ended, unless a test says otherwise.
STOP_SECONDS = 10.0
#: What a job that never calls would take: no test waits for so long.
ENDLESS_SECONDS = 3600


@pytest.fixture
def stopping(make_site: Callable[..., Site]) -> Callable[..., Site]:
    """Makes a site whose leases outlast the test: a job that is left to its lease is not run again."""

    def make(runtime: Runtime, **settings: str) -> Site:
        site = make_site(
            runtime,
            **{
                "EXTRA_PIPELINES": "tests.pipelines,tests.stubborn",
                "WORKER_PROCESSES": "1",
                "WORKER_THREADS": "4",
                "LEASE_SECONDS": "90",
                "STOP_SECONDS": f"{STOP_SECONDS:g}",
                **settings,
            },
        )
        site.add_user("alice")
        return site

    return make


def submit_all(site: Site, *orders: tuple[str, dict[str, Any]]) -> list[int]:
    """Submit these jobs in this order, in one process, and return their ids."""
    code = (
        "from django.contrib.auth.models import User; from core.life.submission import submit; "
        "owner = User.objects.get(username='alice').pk; "
        f"print(*[submit(n, owner_id=owner, params=p).job_id for n, p in {orders!r}])"
    )
    return [int(word) for word in site.run("shell", "--command", code).stdout.splitlines()[-1].split()]


def test_a_stop_ends_short_work_and_hands_back_long_or_deaf_work(
    runtime: Runtime, stopping: Callable[..., Site]
) -> None:
    site = stopping(runtime, STOP_GRACE_SECONDS="3")
    (worker,) = site.start_worker()
    stuck, child, long, short = submit_all(
        site,
        ("sleep", {"count": 1, "seconds": ENDLESS_SECONDS}),
        ("in_child", {"count": 10_000, "seconds": ENDLESS_SECONDS}),
        ("count", {"count": 10_000, "seconds": 0.05}),
        # It has something left to do when the signal comes, and ends within the grace.
        ("count", {"count": 30, "seconds": 0.05}),
    )
    for job in (stuck, child, long, short):
        wait_for_state(site, job, "running", "succeeded")
    wait_until(partial(has_counted, site, short), what="progress")

    # It ends while the others would go on for an hour.
    assert worker.stop(signal.SIGTERM) == 0
    handed_back = [stuck, child, long]
    if state_of(site, short) != "succeeded":
        # The machine stood still for the whole grace; that it ends within one is seen in test_life.py.
        handed_back.append(short)
    for job in handed_back:
        assert kinds(site, job) == ["submitted", "claimed", "released"]
        assert rows(site, "SELECT state, attempt, crashes, worker FROM core_job WHERE id = %s", job) == [
            ("queued", 0, 0, "")
        ]
    # On a busy machine the end of a child process may take longer than a thread is given, too.
    assert ("stuck_at_stop", "sleep", 1) in rows(site, "SELECT name, place, count FROM core_alarmcount")
    assert rows(site, "SELECT count(*) FROM core_worker") == [(0,)]

    site.start_worker()
    wait_for_state(site, stuck, "succeeded")
    assert rows(site, "SELECT fence, attempt FROM core_job WHERE id = %s", stuck) == [(2, 1)]


def test_unstarted_messages_of_a_stopping_worker_go_to_others(
    stopping: Callable[..., Site],
) -> None:
    # Nobody takes what is fetched for lost, and the grace outlasts the test.
    site = stopping(
        "rabbitmq", STOP_GRACE_SECONDS="600", STOP_SECONDS="700", WORKER_THREADS="2", REPUBLISH_SECONDS="3600"
    )
    (worker,) = site.start_worker()
    wait_until(lambda: rows(site, "SELECT count(*) FROM core_worker") == [(1,)], what="the worker")
    sleeper = ("sleep", {"count": 1, "seconds": ENDLESS_SECONDS})
    *busy, fetched = submit_all(site, sleeper, sleeper, ("noop", {}))
    for job in busy:
        wait_for_state(site, job, "running")
    published = "SELECT count(*) FROM core_job WHERE id = %s AND published_at IS NOT NULL"
    wait_until(lambda: rows(site, published, fetched) == [(1,)], what="the third message")
    connection = pika.BlockingConnection(pika.URLParameters(site.environment["RABBITMQ_URL"]))
    channel = connection.channel()

    def in_the_queue() -> int:
        return int(channel.queue_declare("default", passive=True).method.message_count)

    # Two run, the third one is fetched: nobody else can have it.
    wait_until(lambda: in_the_queue() == 0, what="the third message to be fetched")
    worker.send(signal.SIGTERM)
    wait_until(lambda: in_the_queue() == 1, what="the third message to come back")
    assert [state_of(site, job) for job in (*busy, fetched)] == ["running", "running", "queued"]
    assert worker.is_running
    connection.close()
    site.kill(worker)
