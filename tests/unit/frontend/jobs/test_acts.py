"""What a person does to one job: cancel, try again, discard, give it another priority."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Job, JobStep
from core.models.job import Priority
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeParts


def cancellation(job: Job) -> str:
    return reverse("headway:job_cancellation", args=[job.pk])


def retry(job: Job) -> str:
    return reverse("headway:job_retry", args=[job.pk])


def discarding(job: Job) -> str:
    return reverse("headway:job_discarding", args=[job.pk])


def priority(job: Job) -> str:
    return reverse("headway:job_priority", args=[job.pk])


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


def test_where_to_begin_is_asked_only_when_something_is_done(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    plain, stepped, parted = (make_job(alice, state="failed") for _ in range(3))
    JobStep.objects.create(job=stepped, key="read", attempt=1, fence=1)
    make_parts(parted, "failed", "succeeded")
    question = "Where should it begin?"
    assert question not in as_alice.get(plain.get_absolute_url()).text
    assert question in as_alice.get(stepped.get_absolute_url()).text
    assert "only those that failed run again" in as_alice.get(parted.get_absolute_url()).text
    # What a cancelled job had made is deleted: it begins at its start anyhow.
    Job.objects.filter(pk=stepped.pk).update(state="cancelled")
    assert question not in as_alice.get(stepped.get_absolute_url()).text


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(("begin", "steps"), [("step", 1), ("start", 0), ("", 1)])
def test_a_failed_job_goes_on_from_its_last_step_or_starts_again(
    as_alice: Client, alice: User, make_job: MakeJob, begin: str, steps: int, headers: dict[str, str]
) -> None:
    job = make_job(alice, state="failed")
    JobStep.objects.create(job=job, key="read", attempt=1, fence=1)
    answer = as_alice.post(retry(job), {"from": begin}, headers=headers)
    assert answer.status_code == (200 if headers else 302)
    job.refresh_from_db()
    assert job.state == "queued"
    assert JobStep.objects.filter(job=job).count() == steps


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_failed_job_is_discarded(as_alice: Client, alice: User, make_job: MakeJob, headers: dict[str, str]) -> None:
    job = make_job(alice, state="failed", error="It failed.")
    assert "Discard this job?" in as_alice.get(job.get_absolute_url()).text
    answer = as_alice.post(discarding(job), headers=headers)
    assert answer.status_code == (200 if headers else 302)
    job.refresh_from_db()
    assert job.state == "cancelled"
    page = as_alice.get(job.get_absolute_url()).text
    assert "Discard this job?" not in page
    assert "Discarded" in page


def test_a_job_that_has_not_failed_is_not_discarded(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="succeeded")
    assert "only a failed job can be discarded" in as_alice.post(discarding(job), headers=HTMX).text
    assert "Discard this job?" not in as_alice.get(job.get_absolute_url()).text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_waiting_job_gets_another_priority(
    as_alice: Client, alice: User, make_job: MakeJob, headers: dict[str, str]
) -> None:
    job = make_job(alice)
    assert '<option value="normal" selected>Normal</option>' in as_alice.get(job.get_absolute_url()).text
    answer = as_alice.post(priority(job), {"priority": "urgent"}, headers=headers, follow=True)
    assert '<option value="urgent" selected>Urgent</option>' in answer.text
    assert "Priority changed" in answer.text
    job.refresh_from_db()
    assert job.priority == Priority.URGENT
    assert 'data-priority="2">Urgent' in as_alice.get("/").text


def test_another_page_of_the_job_sees_its_new_priority(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    version = as_alice.get(job.get_absolute_url()).context["version"]
    as_alice.post(priority(job), {"priority": "low"})
    answer = as_alice.get(f"{job.get_absolute_url()}progress/", {"v": version}, headers=HTMX).text
    assert f'id="job-{job.pk}-facts"' in answer
    assert '<option value="low" selected>' in answer


def test_a_running_or_ended_jobs_priority_is_read_only(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", priority=Priority.LOW)
    page = as_alice.get(job.get_absolute_url()).text
    assert "<dt>Priority</dt><dd>Low</dd>" in page
    assert priority(job) not in page
    assert "makes no difference any more" in as_alice.post(priority(job), {"priority": "urgent"}, headers=HTMX).text


def test_a_priority_that_is_not_offered_is_a_bad_request(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert as_alice.post(priority(job), {"priority": "soonest"}).status_code == 400


@pytest.mark.parametrize("address", [cancellation, retry, discarding, priority])
def test_reading_is_refused_and_somebody_elses_job_is_not_found(
    as_alice: Client, as_bob: Client, alice: User, make_job: MakeJob, address: object
) -> None:
    assert callable(address)
    job = make_job(alice, state="failed")
    assert as_alice.get(address(job)).status_code == 405
    assert as_bob.post(address(job)).status_code == 404
    job.refresh_from_db()
    assert job.state == "failed"
