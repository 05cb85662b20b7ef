"""Cancelling a job and trying it again."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Job

from .conftest import HTMX, MakeJob


def cancellation(job: Job) -> str:
    return reverse("job_cancellation", args=[job.pk])


def retry(job: Job) -> str:
    return reverse("job_retry", args=[job.pk])


def test_cancelling_a_queued_job_ends_it(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    answer = as_alice.post(cancellation(job))
    assert answer["Location"] == job.get_absolute_url()
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_cancelling_by_htmx_answers_with_every_region(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running")
    answer = as_alice.post(cancellation(job), headers=HTMX)
    assert answer.status_code == 200
    assert "Cancelling" in answer.text
    assert f'id="job-{job.pk}-actions"' in answer.text
    assert "Cancel this job?" not in answer.text


def test_cancelling_twice_is_refused_with_a_sentence(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="succeeded")
    assert "can&#x27;t be cancelled" in as_alice.post(cancellation(job), headers=HTMX).text
    page = as_alice.post(cancellation(job), follow=True)
    assert "can&#x27;t be cancelled" in page.text


def test_trying_again_queues_a_failed_job(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed")
    assert as_alice.post(retry(job)).status_code == 302
    job.refresh_from_db()
    assert job.state == "queued"


def test_trying_a_live_job_again_is_refused(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert "only a failed or cancelled job" in as_alice.post(retry(job), headers=HTMX).text


@pytest.mark.parametrize("address", [cancellation, retry])
def test_reading_is_refused_and_somebody_elses_job_is_not_found(
    as_alice: Client, as_bob: Client, alice: User, make_job: MakeJob, address: object
) -> None:
    assert callable(address)
    job = make_job(alice, state="failed")
    assert as_alice.get(address(job)).status_code == 405
    assert as_bob.post(address(job)).status_code == 404
    job.refresh_from_db()
    assert job.state == "failed"
