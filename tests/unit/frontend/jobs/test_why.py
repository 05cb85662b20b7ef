"""Why a job waits: on its page, live, and in the list."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.limits import changes
from core.models import Job, JobEvent, Worker
from frontend.jobs.pages.list import WHY_SECONDS
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults


def address(job: Job) -> str:
    return reverse("headway:job_why", args=[job.pk])


def version_of(client: Client, job: Job) -> str:
    found = re.search(rf'hx-get="{address(job)}\?w=(\w+)"', client.get(job.get_absolute_url()).text)
    assert found
    return found[1]


@pytest.fixture
def worker(db: None) -> Worker:
    return Worker.objects.create(name="host:1", queues=["default"], threads=2)


def test_a_queued_job_says_that_no_worker_takes_it(
    as_alice: Client, as_staff: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice)
    page = as_alice.get(job.get_absolute_url()).text
    assert "No worker takes jobs from the queue default." in page
    assert f'id="job-{job.pk}-why"' in page
    assert faults(page) == []
    assert 'href="/workers/">Workers</a>' not in page
    assert 'href="/workers/">Workers</a>' in as_staff.get(job.get_absolute_url()).text


def test_a_queued_job_says_how_many_are_before_it(
    as_alice: Client, alice: User, make_job: MakeJob, worker: Worker
) -> None:
    make_job(alice)
    job = make_job(alice)
    assert "Behind 1 job on the queue default." in as_alice.get(job.get_absolute_url()).text


def test_a_paused_job_says_by_whom_and_since_when(
    as_alice: Client, as_staff: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice)
    changes.pause("letters", by="staff", note="The printer is out of ink.")
    page = as_alice.get(job.get_absolute_url()).text
    assert "Count letters is paused by staff: The printer is out of ink." in page
    assert re.search(r"Paused since <time [^>]+>\d\d:\d\d:\d\d</time>", page)
    assert "#pipeline-letters-limits" in as_staff.get(job.get_absolute_url()).text


def test_a_job_of_later_says_when_it_starts(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="scheduled", run_at=timezone.now() + dt.timedelta(hours=30))
    page = as_alice.get(job.get_absolute_url()).text
    assert "It is scheduled for later." in page
    assert re.search(r"It starts at <time [^>]+>\d+ \w{3}, \d\d:\d\d</time>", page)


def test_a_job_that_was_told_to_wait_says_it_once(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    later = timezone.now() + dt.timedelta(minutes=5)
    job = make_job(alice, state="scheduled", run_at=later, error="example.org asked to wait.")
    JobEvent.objects.create(job=job, kind="deferred", text="told")
    page = as_alice.get(job.get_absolute_url()).text
    assert page.count("example.org asked to wait.") == 1


@pytest.mark.parametrize("state", ["running", "waiting", "succeeded", "failed", "cancelled"])
def test_a_job_that_does_not_wait_for_its_turn_has_no_such_line(
    as_alice: Client, alice: User, make_job: MakeJob, state: str
) -> None:
    job = make_job(alice, state=state)
    assert f'id="job-{job.pk}-why"' not in as_alice.get(job.get_absolute_url()).text
    assert as_alice.get(address(job), headers=HTMX).status_code == 204


def test_the_line_is_answered_by_204_until_the_reason_is_another(
    as_alice: Client, alice: User, make_job: MakeJob, worker: Worker
) -> None:
    first, job = make_job(alice), make_job(alice)
    version = version_of(as_alice, job)
    assert as_alice.get(address(job), {"w": version}, headers=HTMX).status_code == 204
    Job.objects.filter(pk=first.pk).update(state="running")
    answer = as_alice.get(address(job), {"w": version}, headers=HTMX)
    assert answer.status_code == 200
    assert "Next on the queue default." in answer.text
    assert "<html" not in answer.text
    assert answer.text.startswith(f'<div class="why" id="job-{job.pk}-why"')
    assert faults(answer.text) == []


def test_the_line_without_htmx_is_the_page(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert as_alice.get(address(job))["Location"] == job.get_absolute_url()


def test_anothers_job_gets_no_line_and_posting_is_refused(
    as_alice: Client, as_bob: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice)
    answer = as_bob.get(address(job), headers=HTMX)
    assert (answer.status_code, answer.content) == (204, b"")
    assert as_alice.post(address(job)).status_code == 405


# -- in the list


def cell(client: Client) -> str:
    found = re.search(r'<td class="job-cell-progress">(.*?)</td>', client.get("/").text, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "No worker takes jobs from the queue default"),
        ({"is_held": True}, "No worker takes jobs from the queue default"),
        ({"state": "retrying", "error": "it broke"}, "It broke Next try in 2 h"),
        ({"state": "scheduled"}, "Scheduled for later Starts in 2 h"),
        ({"state": "scheduled", "error": "asked to wait"}, "asked to wait Starts in 2 h"),
    ],
)
def test_a_line_of_the_list_says_shortly_why_its_job_waits(
    as_alice: Client, alice: User, make_job: MakeJob, fields: dict[str, Any], words: str
) -> None:
    make_job(alice, run_at=timezone.now() + dt.timedelta(hours=1, minutes=30), **fields)
    assert cell(as_alice) == words


@pytest.mark.parametrize(("is_held", "words"), [(False, "In the queue"), (True, "Held back by a limit")])
def test_a_line_of_the_list_tells_a_limit_from_the_queue(
    as_alice: Client, alice: User, make_job: MakeJob, worker: Worker, is_held: bool, words: str
) -> None:
    make_job(alice, is_held=is_held)
    assert cell(as_alice) == words


def test_a_line_of_the_list_names_who_paused_it(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    make_job(alice)
    changes.pause("letters", by="staff", note="No ink.")
    assert cell(as_alice) == "Paused by staff: No ink."


def test_the_reasons_of_a_whole_list_cost_the_same_as_of_one(
    as_alice: Client, alice: User, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_job(alice)
    with django_assert_num_queries(8) as few:
        as_alice.get("/jobs/", headers=HTMX)
    for _ in range(5):
        make_job(alice)
    with django_assert_num_queries(len(few.captured_queries)):
        as_alice.get("/jobs/", headers=HTMX)


def test_a_list_of_waiting_jobs_looks_again_after_a_while(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    asked = as_alice.get("/jobs/", headers=HTMX).context["list"]
    query = {"v": asked.version, "at": asked.now}
    assert as_alice.get("/jobs/", query, headers=HTMX).status_code == 204
    old = {**query, "at": asked.now - WHY_SECONDS}
    assert as_alice.get("/jobs/", old, headers=HTMX).status_code == 200
    Job.objects.filter(pk=job.pk).update(state="running")
    running = {**old, "v": as_alice.get("/jobs/", headers=HTMX).context["list"].version}
    assert as_alice.get("/jobs/", running, headers=HTMX).status_code == 204
