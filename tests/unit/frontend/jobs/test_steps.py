"""The steps of a job on its page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.models import Job, JobProgress, JobStep
from frontend.jobs.pages.steps import LISTED_STEPS, Steps, steps_of
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeParts

PLAIN = {"stages": [], "version": 3}


def current(key: str = "merge", state: str = "running") -> dict[str, object]:
    return {"key": key, "title": key.capitalize(), "state": state, "started_at": 100.0, "ended_at": None}


def complete(job: Job, key: str, **fields: object) -> JobStep:
    return JobStep.objects.create(job=job, key=key, attempt=1, fence=1, **fields)


def steps(job: Job) -> Steps:
    return steps_of(Job.objects.select_related("progress").get(pk=job.pk))


def states(job: Job) -> list[tuple[str, str]]:
    return [(step.title, step.state) for step in steps(job).listed]


def test_a_job_without_steps_shows_no_region(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    page = as_alice.get(job.get_absolute_url()).text
    assert f'<div id="job-{job.pk}-steps" hidden></div>' in page
    assert "&amp;s=" not in page


def test_steps_are_told_in_order_with_attempt_time_and_end(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", attempt=2, fence=2, progress={**PLAIN, "step": current()})
    ended = timezone.now().replace(hour=10, minute=11, second=12)
    complete(job, "copy_template", seconds=1.25, completed_at=ended)
    complete(job, "plan", title="Plan the pages", seconds=75)
    page = as_alice.get(job.get_absolute_url()).text
    assert [title for title, _ in states(job)] == ["Copy template", "Plan the pages", "Merge"]
    region = page.split('class="steps"')[1]
    for text in ("Done · attempt 1", "1.2 s", "10:11:12", "1 min 15 s", "Running", "since ", "data-ticking"):
        assert text in region
    assert region.index("Copy template") < region.index("Plan the pages") < region.index("Merge")


def test_a_step_tells_its_attempt_also_when_it_is_the_first(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", attempt=1, progress=PLAIN)
    complete(job, "plan")
    assert "attempt 1" in as_alice.get(job.get_absolute_url()).text.split('class="steps"')[1].split("</section>")[0]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("running", "running"),
        ("retrying", "interrupted"),
        ("queued", "interrupted"),
        ("scheduled", "interrupted"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_step_whose_attempt_is_over_does_not_seem_to_run(
    as_alice: Client, alice: User, make_job: MakeJob, state: str, shown: str
) -> None:
    job = make_job(alice, state=state, progress={**PLAIN, "step": current()})
    assert states(job) == [("Merge", shown)]
    page = as_alice.get(job.get_absolute_url()).text
    assert f'<li class="step" data-state="{shown}"' in page
    assert ("begins again with the next attempt" in page) == (shown == "interrupted")


def test_a_step_that_failed_says_so_while_the_job_is_tried_again(alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="retrying", progress={**PLAIN, "step": current(state="failed")})
    assert states(job) == [("Merge", "failed")]


def test_a_fan_out_goes_on_once_its_parts_have_ended(alice: User, make_job: MakeJob, make_parts: MakeParts) -> None:
    job = make_job(alice, progress=PLAIN)
    parts = make_parts(job, "succeeded", "running", "failed")
    assert states(job) == [("Render", "waiting")]
    assert steps(job).listed[0].words == "1 of 3 parts done, 1 failed"
    Job.objects.filter(pk=parts[1].pk).update(state="succeeded")
    Job.objects.filter(pk=job.pk).update(state="queued")
    assert states(job) == [("Render", "running")]
    complete(job, "render", title="Render", children=3)
    Job.objects.filter(pk=job.pk).update(state="running")
    assert states(job) == [("Render", "partial")]
    assert steps(job).listed[0].words == "Ended · 2 of 3 parts done, 1 failed"
    assert steps(job).words == "1 done"
    Job.objects.filter(pk=parts[2].pk).update(state="succeeded")
    assert states(job) == [("Render", "done")]
    assert steps(job).listed[0].words == "Done · 3 parts"


def test_a_fan_out_with_retried_parts_stands_among_the_steps(
    alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, state="queued", progress={**PLAIN, "step": current("merge", "failed")})
    make_parts(job, "succeeded", "cancelled")
    assert states(job) == [("Render", "running"), ("Merge", "failed")]


def test_only_the_newest_steps_are_listed(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    JobStep.objects.bulk_create(
        JobStep(job=job, key=f"step {number}", attempt=1, fence=1) for number in range(LISTED_STEPS + 12)
    )
    page = as_alice.get(job.get_absolute_url()).text
    assert "12 earlier steps not shown." in page
    assert len(steps(job).listed) == LISTED_STEPS
    assert "Step 11<" not in page
    assert "Step 12<" in page
    assert "Step 61<" in page


def test_stages_are_not_told_twice(as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts) -> None:
    stages = [{"name": "plan", "title": "Plan", "state": "running", "started_at": 1.0}]
    job = make_job(alice, state="running", progress={"stages": stages, "step": current("render")})
    complete(job, "plan")
    page = as_alice.get(job.get_absolute_url()).text
    region = page.split(f'id="job-{job.pk}-steps"')[1]
    # All of them are in the fold.
    assert region.index("<details") < region.index('class="steps"')
    assert "1 done, 1 running" in region
    make_parts(job, "running")
    region = as_alice.get(job.get_absolute_url()).text.split(f'id="job-{job.pk}-steps"')[1]
    # Parts are in no stage: they are to be seen at once.
    assert region.index('class="part-grid') < region.index("steps-folded")


def test_the_steps_are_sent_only_when_they_changed(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, progress=PLAIN)
    parts = make_parts(job, "running", "queued")
    page = as_alice.get(job.get_absolute_url())
    known = {"v": page.context["version"], "s": page.context["steps"].version}
    assert f"?v={known['v']}&amp;s={known['s']}" in page.text
    region = f'id="job-{job.pk}-steps"'

    def asked() -> str:
        return as_alice.get(reverse("headway:job_progress", args=[job.pk]), known, headers=HTMX).text

    JobProgress.objects.filter(job=job).update(version=4, done=31)
    assert "31 of 120 pages" in asked()
    assert region not in asked()
    Job.objects.filter(pk=parts[0].pk).update(state="succeeded")
    JobProgress.objects.filter(job=job).update(version=5)
    assert region in asked()
    assert 'hx-swap-oob="true"' in asked().split(region)[1].split(">")[0]


def test_a_cancelled_job_is_polled_until_its_last_part_ended(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, progress=PLAIN)
    parts = make_parts(job, "cancelled", "running")
    Job.objects.filter(pk=job.pk).update(state="cancelled")
    page = as_alice.get(job.get_absolute_url())
    assert "data-poll" in page.text
    known = {"v": page.context["version"], "s": page.context["steps"].version}
    address = reverse("headway:job_progress", args=[job.pk])
    answer = as_alice.get(address, known, headers=HTMX).text
    assert "data-poll" in answer
    assert "hx-swap-oob" not in answer
    Job.objects.filter(pk=parts[1].pk).update(state="cancelled")
    answer = as_alice.get(address, known, headers=HTMX).text
    assert "data-poll" not in answer
    assert f'id="job-{job.pk}-steps"' in answer
    assert "running (1)" not in answer


def test_the_first_step_brings_the_region_along(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    version = as_alice.get(job.get_absolute_url()).context["version"]
    JobProgress.objects.filter(job=job).update(version=4, step=current())
    answer = as_alice.get(reverse("headway:job_progress", args=[job.pk]), {"v": version}, headers=HTMX).text
    assert f'<section class="panel job-steps" id="job-{job.pk}-steps"' in answer


def test_waiting_jobs_are_asked_after_by_one_query_too(
    as_alice: Client,
    alice: User,
    make_job: MakeJob,
    make_parts: MakeParts,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    job = make_job(alice, progress=PLAIN)
    make_parts(job, *["running"] * 40)
    page = as_alice.get(job.get_absolute_url())
    with django_assert_num_queries(3):  # the session, the person, the check
        answer = as_alice.get(
            reverse("headway:job_progress", args=[job.pk]), {"v": page.context["version"]}, headers=HTMX
        )
    assert answer.status_code == 204


def test_the_number_of_parts_costs_no_further_queries(
    alice: User, make_job: MakeJob, make_parts: MakeParts, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    few, many = make_job(alice, progress=PLAIN), make_job(alice, progress=PLAIN)
    make_parts(few, "running")
    make_parts(many, *["running"] * 400)
    complete(many, "plan")
    # The steps, the counts with their titles and order, the squares.
    for job in (few, many):
        asked = Job.objects.select_related("progress").get(pk=job.pk)
        with django_assert_num_queries(6):
            assert steps_of(asked)


def test_the_large_result_of_a_step_is_not_read(alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    complete(job, "plan", result={"large": True}, completed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    from frontend.jobs.pages.steps import _completed

    (row,), _ = _completed(job)
    assert "result" in row.get_deferred_fields()
