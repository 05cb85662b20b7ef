"""What a job knows of itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from pytest_django import DjangoAssertNumQueries

from core.attempt.attempts import Attempts
from core.life import leases, requests
from core.life.leases import Held
from core.models import Dataset, Job
from core.models.job import job_version
from core.models.states import LIVE, TERMINAL, State
from tests.unit.core.acts import begin, begin_attempt, claim, end, fresh, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def test_a_person_sees_their_own_jobs_and_staff_sees_all(alice: User, bob: User) -> None:
    mine, theirs = submit_job(alice), submit_job(bob)
    chief = User.objects.create_user("chief", is_staff=True)
    assert list(Job.objects.for_user(alice)) == [mine]
    assert set(Job.objects.for_user(chief)) == {mine, theirs}
    assert list(Job.objects.for_user(AnonymousUser())) == []


def test_a_person_opens_the_datasets_of_their_own_succeeded_jobs(alice: User, bob: User) -> None:
    found = {}
    for owner, state in ((alice, State.SUCCEEDED), (alice, State.CANCELLED), (bob, State.SUCCEEDED)):
        job = submit_job(owner)
        Job.objects.filter(pk=job.pk).update(state=state)
        found[owner, state] = Dataset.objects.create(owner=owner, job=job, name="d", parquet_path="p")
    chief = User.objects.create_user("chief", is_staff=True)
    assert list(Dataset.objects.for_user(alice)) == [found[alice, State.SUCCEEDED]]
    assert set(Dataset.objects.for_user(chief)) == {
        found[alice, State.SUCCEEDED],
        found[bob, State.SUCCEEDED],
    }
    assert list(Dataset.objects.for_user(AnonymousUser())) == []


@pytest.mark.parametrize("state", State)
def test_a_state_is_live_or_terminal_and_allows_its_acts(state: State) -> None:
    job = Job(state=state)
    assert job.is_live == (state in LIVE)
    assert job.is_finished == (state in TERMINAL)
    assert job.is_live != job.is_finished
    assert job.can_cancel == job.is_live
    assert job.can_retry == (state in (State.FAILED, State.CANCELLED))
    job.cancel_requested_at = dt.datetime.now(dt.UTC)
    assert not job.can_cancel
    assert job.is_cancelling == job.is_live


@pytest.mark.parametrize(
    ("fields", "outcome", "words"),
    [
        ({"state": State.SUCCEEDED, "result": {"warning": "Odd."}}, "warned", "Succeeded, with warnings"),
        ({"state": State.SUCCEEDED, "result": {"warning": ""}}, "succeeded", "Succeeded"),
        ({"state": State.SUCCEEDED, "result": {"warning": None}}, "succeeded", "Succeeded"),
        ({"state": State.SUCCEEDED, "result": ["warning"]}, "succeeded", "Succeeded"),
        ({"state": State.SUCCEEDED, "result": None}, "succeeded", "Succeeded"),
        # What a function had returned before somebody had the job run again says nothing.
        ({"state": State.FAILED, "result": {"warning": "Odd."}}, "failed", "Failed"),
        ({"state": State.RUNNING, "cancel_requested_at": dt.datetime.now(dt.UTC)}, "cancelling", "Cancelling"),
        ({"state": State.CANCELLED, "cancel_requested_at": dt.datetime.now(dt.UTC)}, "cancelled", "Cancelled"),
    ],
)
def test_an_outcome_is_the_state_unless_that_says_too_little(
    alice: User, fields: dict[str, Any], outcome: str, words: str
) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(**fields)
    for found in (Job.objects.get(pk=job.pk), Job.objects.brief().get(pk=job.pk)):
        assert (found.outcome, found.outcome_words) == (outcome, words)


def test_a_brief_job_tells_its_warning_without_its_result(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, result={"headline": "4 rows", "warning": "Odd."})
    with django_assert_num_queries(1):
        (brief,) = Job.objects.brief()
        assert (brief.warning, brief.headline) == ("Odd.", "4 rows")  # type: ignore[attr-defined]  # annotated


def test_live_jobs_are_those_that_have_not_ended(alice: User) -> None:
    jobs = {state: submit_job(alice) for state in State}
    for state, job in jobs.items():
        Job.objects.filter(pk=job.pk).update(state=state)
    assert set(Job.objects.live()) == {jobs[state] for state in LIVE}


def test_the_version_changes_with_each_visible_change(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    seen = [fresh(job).version]

    def note() -> None:
        version = fresh(job).version
        assert version not in seen, f"{version} was there before: a page would not show the change"
        seen.append(version)

    attempts = Attempts(worker="here:1")
    attempt = begin_attempt(job)
    ctx = attempt.context
    note()
    attempts._hold(attempt)
    ctx.progress(1, 3)
    attempts.write_progress()
    note()
    ctx.note("a line")
    attempts.write_progress()
    note()
    end(ctx, State.RETRYING)
    note()
    ctx = begin(job)
    note()
    end(ctx, State.QUEUED, kind="released")
    note()
    begin(job)
    note()
    clock.advance(61)
    leases.reap()
    note()
    clock.advance(4000)
    begin(job)
    note()
    requests.cancel(fresh(job), by="alice")
    note()
    clock.advance(61)
    leases.reap()
    note()
    requests.retry(fresh(job), by="alice")
    note()
    end(claim(job))
    note()


def test_the_version_is_the_same_while_nothing_changes(alice: User) -> None:
    job = submit_job(alice)
    leases.renew([Held(job.pk, claim(job).fence)])
    assert fresh(job).version == fresh(job).version == "running-1-0-0"
    assert job_version(state="failed", fence=2, is_cancelling=True, progress_version=17) == "failed-2-1-17"


def test_a_job_is_named_by_its_label_else_its_pipeline() -> None:
    assert Job(pipeline="noop", label="in.csv").title == "in.csv"
    assert Job(pipeline="noop").title == "Do nothing"
    assert Job(pipeline="gone").title == "gone"
    assert Job(pipeline="gone").spec is None


def test_run_seconds_count_from_the_first_start_to_the_end() -> None:
    began = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)
    assert Job().run_seconds is None
    assert Job(started_at=began, finished_at=began + dt.timedelta(seconds=90)).run_seconds == 90
    running = Job(started_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=10)).run_seconds
    assert running is not None
    assert 9 < running < 300
    ahead = Job(started_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).run_seconds
    assert ahead == 0


@pytest.mark.parametrize(
    ("result", "facts"),
    [
        (None, []),
        (7, [("Result", 7)]),
        ([1, 2], [("Result", [1, 2])]),
        ({"rows_read": 3, "headline": "x", "dataset": 1}, [("rows read", 3)]),
        ({"facts": [["Rows", 3], ["odd"], ["Rejected", 0]], "other": 1}, [("Rows", 3), ("Rejected", 0)]),
        ({"facts": "none"}, []),
        ({}, []),
    ],
)
def test_a_result_is_shown_as_facts_whatever_it_is(result: Any, facts: list[tuple[str, Any]]) -> None:
    assert Job(result=result).result_facts() == facts
