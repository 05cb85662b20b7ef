"""The attempts of a job on its page."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from core.models import Job, JobEvent
from frontend.jobs.pages.attempts import LISTED_ATTEMPTS
from tests.unit.frontend.conftest import MakeJob
from tests.unit.frontend.markup import faults


def tell(job: Job, number: int, end: str = "retrying", *, seconds: float = 65, **fields: Any) -> None:
    """Write the events of one attempt."""
    began = timezone.now() - dt.timedelta(hours=1)
    JobEvent.objects.create(job=job, kind="claimed", attempt=number, worker="host:1", at=began)
    ended = began + dt.timedelta(seconds=seconds)
    fields = {"text": "It broke.", "detail": "Traceback: secret", **fields}
    JobEvent.objects.create(job=job, kind=end, attempt=number, worker="host:1", at=ended, **fields)


def test_each_attempt_is_told_with_reason_and_time(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", attempt=2)
    tell(job, 1)
    tell(job, 2, "failed", seconds=3, text="it broke for good.")
    page = as_alice.get(job.get_absolute_url()).text
    assert page.index("Attempt 2") < page.index("Attempt 1")
    assert "after 1 min 05 s" in page
    assert "It broke for good." in page
    assert "Failed, tried again" in page
    assert faults(page) == []


def test_worker_and_traceback_are_for_staff_and_stand_once(
    as_alice: Client, as_staff: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="failed", attempt=1)
    tell(job, 1, "failed")
    page = as_alice.get(job.get_absolute_url()).text
    assert "Traceback" not in page
    assert "host:1" not in page
    page = as_staff.get(job.get_absolute_url()).text
    assert page.count("Traceback: secret") == 1
    assert "host:1" in page


def test_a_lost_worker_is_named_as_such(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="retrying", attempt=1, crashes=1)
    tell(job, 1, "crashed", text="The worker was lost.", detail="")
    page = as_alice.get(job.get_absolute_url()).text
    assert "Worker lost" in page
    assert "The worker was lost." in page


def test_a_job_that_went_straight_to_its_end_lists_no_attempts(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="succeeded", attempt=1)
    tell(job, 1, "succeeded")
    assert "attempts-title" not in as_alice.get(job.get_absolute_url()).text


def test_of_many_attempts_the_newest_are_listed(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", attempt=LISTED_ATTEMPTS + 2)
    for number in range(1, LISTED_ATTEMPTS + 3):
        tell(job, number)
    page = as_alice.get(job.get_absolute_url()).text
    assert "2 earlier attempts not shown." in page
    assert ">Attempt 2<" not in page
    assert ">Attempt 3<" in page
