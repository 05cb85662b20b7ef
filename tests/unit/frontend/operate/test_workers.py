"""The page of workers, queues and alarms."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from core.models import AlarmCount, Worker
from frontend.operate.pages import workers as worker_pages
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults

WORKERS = "/workers/"


def add(name: str = "host:1", *, seconds_ago: float = 3, **fields: object) -> Worker:
    seen = timezone.now() - dt.timedelta(seconds=seconds_ago)
    return Worker.objects.create(
        **{"name": name, "queues": ["default"], "threads": 2, "started_at": seen, "seen_at": seen, **fields}
    )


def test_each_worker_is_shown_with_queues_threads_and_jobs(as_staff: Client, alice: User, make_job: MakeJob) -> None:
    add()
    make_job(alice, state="running", worker="host:1")
    page = as_staff.get(WORKERS)
    assert page.status_code == 200
    assert "host:1" in page.text
    assert "1 / 2" in page.text
    assert "Working" in page.text
    assert faults(page.text) == []


@pytest.mark.parametrize(
    ("fields", "running", "state"),
    [
        ({}, 0, "idle"),
        ({}, 1, "working"),
        ({}, 2, "busy"),
        ({"is_stopping": True}, 1, "stopping"),
        ({"seconds_ago": 60}, 1, "gone"),
    ],
)
def test_a_worker_says_how_it_stands(
    alice: User, make_job: MakeJob, fields: dict[str, object], running: int, state: str
) -> None:
    add(**fields)  # type: ignore[arg-type]
    for _ in range(running):
        make_job(alice, state="running", worker="host:1")
    assert [row.state for row in worker_pages.workers()] == [state]


def test_without_a_worker_the_page_says_how_to_start_one(as_staff: Client) -> None:
    page = as_staff.get(WORKERS).text
    assert "No worker is running" in page
    assert "No worker</span>" in page


def test_a_queue_counts_the_threads_of_workers_that_take_more(as_staff: Client) -> None:
    add("a:1")
    add("b:1", threads=3)
    add("c:1", is_stopping=True)
    add("d:1", seconds_ago=60)
    queues = {queue.name: queue for queue in worker_pages.queues(worker_pages.workers())}
    assert queues["default"].threads == 5
    assert "Count letters" in queues["default"].pipelines


def test_alarms_are_told_in_words(as_staff: Client) -> None:
    AlarmCount.objects.create(name="unreadable_message", place="default", count=1234)
    AlarmCount.objects.create(name="odd_thing", count=1)
    page = as_staff.get(WORKERS).text
    assert "Messages that could not be read" in page
    assert "1,234" in page
    assert "Odd thing" in page


def test_no_alarm_is_said(as_staff: Client) -> None:
    assert "Nothing has happened that should not." in as_staff.get(WORKERS).text


def test_htmx_gets_the_region_alone_which_asks_for_itself(as_staff: Client) -> None:
    answer = as_staff.get(WORKERS, headers=HTMX).text
    assert "<html" not in answer
    assert 'id="workers"' in answer
    assert "every 5s" in answer
    assert faults(answer) == []


def test_only_staff_sees_workers_and_nobody_posts_to_them(as_alice: Client, as_staff: Client, client: Client) -> None:
    assert as_alice.get(WORKERS).status_code == 403
    assert client.get(WORKERS).status_code == 302
    assert as_staff.post(WORKERS).status_code == 405
