"""A job that failed or was cancelled is tried again, from its last step or from the start."""

from __future__ import annotations

from functools import partial

import pytest
from django.contrib.auth.models import User

from core.errors import LeaseLost, Refused, UnknownPipeline
from core.life import leases, outbox, requests
from core.models import Artifact, AuditEntry, Dataset, Job, JobEvent, JobStep
from core.models.states import State
from core.people import audit
from tests.unit.core.acts import (
    Work,
    begin,
    begin_attempt,
    claim,
    end,
    fresh,
    in_threads,
    progress_of,
    submit_job,
    timeline,
)
from tests.unit.core.conftest import Clock
from tests.unit.core.life.asking import fail, is_accepted, make_something

pytestmark = pytest.mark.django_db


# -- retry ------------------------------------------------------------------------------------------


def test_a_failed_job_is_requeued_with_fresh_attempts(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    for _ in range(3):
        claim(job)
        clock.advance(61)
        leases.reap()
        clock.advance(4000)
    assert (fresh(job).state, fresh(job).crashes) == (State.FAILED, 3)
    requests.retry(fresh(job), by="bob")
    job = fresh(job)
    assert (job.state, job.error, job.result, job.finished_at) == (State.QUEUED, "", None, None)
    assert (job.attempt, job.max_attempts) == (3, 8)
    assert (job.crashes, job.max_crashes) == (3, 6)
    assert [due.job_id for due in outbox.take_due()] == [job.pk]
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert (event.kind, event.text) == ("requeued", "bob")
    assert claim(job).fence == 4


def test_a_cancelled_job_can_be_retried_without_its_cancel(alice: User) -> None:
    job = submit_job(alice)
    requests.cancel(job, by="alice")
    requests.retry(fresh(job), by="alice")
    assert fresh(job).cancel_requested_at is None
    assert end(claim(job), result="1") == State.SUCCEEDED


def test_a_retry_continues_after_the_completed_steps(alice: User) -> None:
    job, first, second = submit_job(alice), Work(1), Work(2)
    ctx = begin(job)
    ctx.step("first", first)
    end(ctx, State.FAILED, error="the second is broken")
    requests.retry(fresh(job), by="alice")
    again = begin(job)
    assert again.step("first", first) == 1
    assert again.step("second", second) == 2
    assert (first.runs, second.runs) == (1, 1)


def test_a_retry_of_a_cancelled_job_begins_without_its_steps(alice: User) -> None:
    job, work = submit_job(alice), Work()
    ctx = begin(job)
    ctx.step("first", work)
    end(ctx, State.RETRYING, error="x")
    requests.cancel(fresh(job), by="alice")
    requests.retry(fresh(job), by="alice")
    begin(job).step("first", work)
    assert work.runs == 2


def test_a_retry_of_a_cancelled_job_drops_what_a_crash_left(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job, part = submit_job(alice), submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.RETRYING, error="x")
    Job.objects.filter(pk=part.pk).update(parent=job, fan_index=0, state=State.SUCCEEDED)
    # The process dies after the commit of the cancel.
    monkeypatch.setattr(requests, "discard", lambda _: None)
    requests.cancel(fresh(job), by="alice")
    assert path.exists()
    requests.retry(fresh(job), by="alice")
    assert not path.exists()
    assert not JobStep.objects.exists()
    # Its result may name files that are deleted.
    assert not Job.objects.filter(parent=job).exists()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED, State.RETRYING])
def test_only_what_failed_or_was_cancelled_can_be_retried(alice: User, state: State) -> None:
    job = submit_job(alice)
    if state != State.QUEUED:
        taken = claim(job)
        if state != State.RUNNING:
            end(taken, state, delay=60)
    with pytest.raises(Refused, match=f"is {state} now: only a failed or cancelled job can be retried"):
        requests.retry(fresh(job), by="alice")
    assert fresh(job).state == state


@pytest.mark.django_db(transaction=True)
def test_of_retries_at_the_same_time_one_is_accepted(alice: User) -> None:
    job = submit_job(alice)
    fail(job)

    def retry() -> bool:
        try:
            requests.retry(fresh(job), by="alice")
        except Refused:
            return False
        return True

    assert sorted(in_threads(*[retry] * 3)) == [False, False, True]
    assert timeline(job).count("requeued") == 1


def test_a_job_whose_pipeline_is_gone_cannot_be_retried(alice: User) -> None:
    job = submit_job(alice)
    fail(job)
    Job.objects.filter(pk=job.pk).update(pipeline="gone")
    with pytest.raises(UnknownPipeline, match="gone"):
        requests.retry(fresh(job), by="alice")


# -- retry from the start -----------------------------------------------------------------------------


def test_a_retry_from_the_start_begins_without_earlier_results(alice: User) -> None:
    job, work = submit_job(alice), Work()
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.FAILED, error="later")
    requests.retry(fresh(job), by="bob", from_start=True)
    assert fresh(job).state == State.QUEUED
    assert not path.exists()
    assert not JobStep.objects.exists()
    assert not Artifact.objects.exists()
    assert not Dataset.objects.exists()
    begin(job).step("first", work)
    assert work.runs == 1
    assert JobEvent.objects.filter(job=job, kind="requeued").get().text == "bob, from the start"


def test_a_retry_goes_on_from_the_last_step_by_default(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.FAILED, error="later")
    requests.retry(fresh(job), by="alice")
    assert path.exists()
    assert JobStep.objects.exists()
    assert Artifact.objects.exists()


def test_a_retry_from_the_start_keeps_the_files_the_person_gave(alice: User) -> None:
    job = submit_job(alice)
    Artifact.objects.create(job=job, kind=Artifact.Kind.INPUT, field="file", name="a", path="uploads/a", size=1)
    fail(job)
    requests.retry(fresh(job), by="alice", from_start=True)
    assert Artifact.objects.get().kind == Artifact.Kind.INPUT


def test_a_retry_from_the_start_shows_a_job_that_has_not_begun(alice: User) -> None:
    job = submit_job(alice, "count", params={"count": 3, "seconds": 0})
    attempt = begin_attempt(job)
    ctx = attempt.context
    ctx.stage("count")
    ctx.progress(2, 3, unit="numbers", note="two")
    ctx.step("first", lambda: 1)
    end(ctx, State.FAILED, error="x", progress={"id": job.pk, "fence": ctx.fence, **attempt.display.snapshot()})
    before = progress_of(job)
    assert (before.done, before.stages[0]["state"]) == (2, "running")
    requests.retry(fresh(job), by="alice", from_start=True)
    shown = progress_of(job)
    assert shown.stages == [{"name": "count", "title": "Count", "state": "pending"}]
    assert (shown.done, shown.total, shown.unit, shown.note, shown.rate, shown.step) == (0, None, "", "", None, None)
    assert shown.version > before.version
    assert (fresh(job).started_at, fresh(job).run_seconds) == (None, None)


def test_attempts_before_and_after_a_restart_stay_distinct(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    zombie = begin(job)
    old = make_something(zombie, "old")
    clock.advance(61)
    leases.reap()
    clock.advance(4000)
    end(claim(job), State.FAILED, error="x")
    requests.retry(fresh(job), by="alice", from_start=True)
    again = begin(job)
    assert again.fence == 3
    new = make_something(again, "new")
    assert new.parent != old.parent
    # The first worker wakes up, and goes on where it was.
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_text("old")
    with pytest.raises(LeaseLost):
        zombie.add_artifact(old)
    with pytest.raises(LeaseLost):
        zombie.step("second", lambda: 2)
    assert end(zombie) is None
    assert Artifact.objects.get().local_path.read_text() == "new"
    assert [step.fence for step in JobStep.objects.all()] == [3]


@pytest.mark.django_db(transaction=True)
def test_files_go_only_when_the_retry_is_committed(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.FAILED, error="later")

    def refuse(*_: object) -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(audit, "note_all", refuse)
    with pytest.raises(RuntimeError):
        requests.retry(fresh(job), by="alice", from_start=True)
    assert fresh(job).state == State.FAILED
    assert path.exists()
    assert JobStep.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_a_concurrent_retry_and_restart_one_is_accepted(alice: User) -> None:
    for _ in range(5):
        job = submit_job(alice)
        ctx = begin(job)
        make_something(ctx)
        end(ctx, State.FAILED, error="x")
        go_on = partial(is_accepted, requests.retry, job, by="alice")
        begin_anew = partial(is_accepted, requests.retry, job, by="bob", from_start=True)
        went_on, began_anew = in_threads(go_on, begin_anew)
        assert went_on != began_anew
        # The one that was refused has deleted nothing, and the other all.
        assert JobStep.objects.filter(job=job).exists() == went_on
        assert timeline(job).count("requeued") == 1
        assert AuditEntry.objects.filter(job_id=job.pk).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_a_concurrent_retry_and_discard_one_is_accepted(alice: User) -> None:
    for _ in range(5):
        job = submit_job(alice)
        ctx = begin(job)
        path = make_something(ctx)
        end(ctx, State.FAILED, error="x")
        retried, discarded = in_threads(
            partial(is_accepted, requests.retry_from, job, [State.FAILED], by="alice", from_start=False),
            partial(is_accepted, requests.discard_failed, job, by="bob"),
        )
        assert retried != discarded
        assert fresh(job).state == (State.QUEUED if retried else State.CANCELLED)
        assert path.exists() == retried
        assert JobStep.objects.filter(job=job).exists() == retried


def test_a_job_that_is_gone_is_refused_in_a_sentence(alice: User) -> None:
    job = submit_job(alice)
    fail(job)
    stale = fresh(job)
    Job.objects.filter(pk=job.pk).delete()
    for act in (requests.retry, requests.cancel, requests.discard_failed):
        with pytest.raises(Refused, match=rf"Job {stale.pk} is not there any more\."):
            act(stale, by="alice")
