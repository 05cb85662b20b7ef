"""What a person may ask of a job that exists: cancel, retry, discard, other parameters, another priority."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from core import audit, storage
from core.context import JobContext
from core.errors import LeaseLost, PermanentError, Refused, UnknownPipeline
from core.life import leases, outbox, requests
from core.life.submission import jobs_due
from core.limits import Concurrent, Rate, lane_of
from core.models import Artifact, AuditEntry, Dataset, Gate, Job, JobEvent, JobStep
from core.models.job import Priority
from core.states import State
from tests.unit.core.acts import (
    Work,
    begin,
    claim,
    end,
    fresh,
    in_threads,
    progress_of,
    submit_job,
    timeline,
    try_claim,
)
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def make_something(ctx: JobContext, text: str = "made") -> Path:
    """Complete a step, publish a file and a dataset."""
    path = ctx.folder / "out.txt"
    path.write_text(text)
    ctx.step("first", lambda: 1)
    ctx.add_artifact(path)
    Dataset.objects.create(owner_id=ctx.owner_id, job_id=ctx.job_id, name="d", parquet_path=ctx.key(path))
    return path


def is_accepted(act: Callable[..., object], *arguments: Any, **named: Any) -> bool:
    """Do it with the job as it is now, and say whether it was not refused."""
    try:
        act(*[fresh(each) if isinstance(each, Job) else each for each in arguments], **named)
    except Refused:
        return False
    return True


def in_state(owner: User, state: State) -> Job:
    """Return a job in this state, the way it gets there."""
    job = submit_job(owner, delay_seconds=60 if state == State.SCHEDULED else 0)
    if state == State.CANCELLED:
        requests.cancel(job, by="alice")
    elif state not in (State.QUEUED, State.SCHEDULED):
        taken = claim(job)
        if state != State.RUNNING:
            end(taken, state, delay=60)
    return fresh(job)


# -- cancel -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 60])
def test_a_job_that_nobody_runs_is_cancelled_at_once(alice: User, delay: int) -> None:
    job = submit_job(alice, delay_seconds=delay)
    outbox.mark_published([due.job_id for due in outbox.take_due()])
    assert requests.cancel(job, by="alice") == State.CANCELLED
    job = fresh(job)
    assert (job.state, job.published_at) == (State.CANCELLED, None)
    assert job.finished_at is not None
    assert job.cancel_requested_at is not None
    assert try_claim(job) is None
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert (event.kind, event.text) == ("cancelled", "alice")


def test_a_retrying_job_is_cancelled_at_once(alice: User) -> None:
    job = submit_job(alice)
    end(claim(job), State.RETRYING, error="x", delay=60)
    assert requests.cancel(job, by="alice") == State.CANCELLED


def test_a_waiting_job_is_cancelled_at_once(alice: User) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    assert requests.cancel(job, by="alice") == State.CANCELLED


def test_cancelling_what_was_made_before_discards_it(alice: User, store: Path) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.RETRYING, error="x", delay=60)
    assert path.exists()
    requests.cancel(job, by="alice")
    assert not path.exists()
    assert not JobStep.objects.exists()
    assert not Artifact.objects.exists()
    assert not Dataset.objects.exists()


def test_the_input_of_a_cancelled_job_is_kept(alice: User) -> None:
    job = submit_job(alice)
    Artifact.objects.create(job=job, kind=Artifact.Kind.INPUT, field="file", name="a", path="uploads/a", size=1)
    requests.cancel(job, by="alice")
    assert Artifact.objects.get().kind == Artifact.Kind.INPUT


def test_a_pipeline_may_keep_what_a_cancelled_job_had_made(alice: User, define: Callable[..., str]) -> None:
    def keeps(ctx: object) -> None: ...

    job = submit_job(alice, define(keeps, on_cancel="keep"))
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.RETRYING, error="x", delay=60)
    requests.cancel(job, by="alice")
    assert path.exists()
    assert Artifact.objects.exists()
    assert JobStep.objects.exists()


def test_a_running_job_is_asked_to_end_and_runs_until_it_hears(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    assert requests.cancel(job, by="alice") == State.RUNNING
    job = fresh(job)
    assert (job.state, job.is_cancelling, job.finished_at) == (State.RUNNING, True, None)
    assert timeline(job)[-1] == "cancel_requested"
    assert end(taken) == State.CANCELLED


def test_cancelling_twice_is_refused(alice: User) -> None:
    job = submit_job(alice)
    claim(job)
    requests.cancel(job, by="alice")
    with pytest.raises(Refused, match=rf"Job {job.pk} is being cancelled already\."):
        requests.cancel(job, by="alice")
    assert timeline(job).count("cancel_requested") == 1


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.SUCCEEDED, "succeeded"), (State.FAILED, "failed"), (State.CANCELLED, "cancelled")],
)
def test_cancelling_a_finished_job_is_refused(alice: User, state: State, word: str) -> None:
    job = submit_job(alice)
    end(claim(job), state)
    before = Job.objects.filter(pk=job.pk).values().get()
    with pytest.raises(Refused, match=f"can't be cancelled: it has .*{word}"):
        requests.cancel(job, by="alice")
    assert Job.objects.filter(pk=job.pk).values().get() == before


@pytest.mark.django_db(transaction=True)
def test_of_cancels_at_the_same_time_one_is_accepted(alice: User) -> None:
    job = submit_job(alice)
    claim(job)

    def cancel() -> bool:
        try:
            requests.cancel(fresh(job), by="alice")
        except Refused:
            return False
        return True

    assert sorted(in_threads(*[cancel] * 4)) == [False, False, False, True]
    assert timeline(job).count("cancel_requested") == 1


@pytest.mark.django_db(transaction=True)
def test_cancel_and_claim_at_the_same_time_agree(alice: User) -> None:
    for _ in range(8):
        job = submit_job(alice)
        acts: list[Callable[[], Any]] = [partial(requests.cancel, job, by="alice"), partial(try_claim, job)]
        state, taken = in_threads(*acts)
        if taken is None:
            assert (state, fresh(job).state) == (State.CANCELLED, State.CANCELLED)
        else:
            assert state == State.RUNNING
            assert end(taken, result="1") == State.CANCELLED


def test_a_job_that_is_handed_back_after_a_cancel_does_not_go_on(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    requests.cancel(job, by="alice")
    assert end(taken, State.QUEUED, kind="released") == State.CANCELLED
    assert outbox.take_due() == []


# -- retry ------------------------------------------------------------------------------------------


def fail(job: Job) -> None:
    end(claim(job), State.FAILED, error="no")


def test_a_failed_job_is_queued_again_with_the_attempts_of_a_fresh_one(alice: User, clock: Clock) -> None:
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


def test_a_cancelled_job_can_be_retried_and_its_cancel_is_forgotten(alice: User) -> None:
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


def test_a_retry_of_what_was_cancelled_begins_anew_as_its_steps_were_discarded(alice: User) -> None:
    job, work = submit_job(alice), Work()
    ctx = begin(job)
    ctx.step("first", work)
    end(ctx, State.RETRYING, error="x")
    requests.cancel(fresh(job), by="alice")
    requests.retry(fresh(job), by="alice")
    begin(job).step("first", work)
    assert work.runs == 2


def test_a_retry_of_what_was_cancelled_begins_anew_also_when_a_crash_left_what_it_had_made(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_retry_from_the_start_begins_anew_without_what_was_made(alice: User) -> None:
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


def test_a_retry_goes_on_from_the_last_step_unless_asked_otherwise(alice: User) -> None:
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
    ctx = begin(job)
    ctx.stage("count")
    ctx.progress(2, 3, unit="numbers", note="two")
    ctx.step("first", lambda: 1)
    end(ctx, State.FAILED, error="x", progress={"id": job.pk, "fence": ctx.fence, **ctx.snapshot()})
    before = progress_of(job)
    assert (before.done, before.stages[0]["state"]) == (2, "running")
    requests.retry(fresh(job), by="alice", from_start=True)
    shown = progress_of(job)
    assert shown.stages == [{"name": "count", "title": "Count", "state": "pending"}]
    assert (shown.done, shown.total, shown.unit, shown.note, shown.rate, shown.step) == (0, None, "", "", None, None)
    assert shown.version > before.version
    assert (fresh(job).started_at, fresh(job).run_seconds) == (None, None)


def test_attempts_before_a_retry_from_the_start_are_not_confused_with_those_after(alice: User, clock: Clock) -> None:
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
def test_of_a_retry_and_one_from_the_start_at_the_same_time_one_is_accepted(alice: User) -> None:
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
def test_of_a_retry_and_a_discard_at_the_same_time_one_is_accepted(alice: User) -> None:
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


# -- a limit or a pause ---------------------------------------------------------------------------------


@pytest.mark.parametrize("is_paused", [False, True])
def test_what_is_tried_again_passes_its_limits_anew(alice: User, define: Callable[..., str], is_paused: bool) -> None:
    def limited(ctx: object) -> None: ...

    name = define(limited, limits=() if is_paused else [Concurrent(1)])
    job = submit_job(alice, name)
    Job.objects.filter(pk=job.pk).update(is_held=False)
    fail(job)
    if is_paused:
        Gate.objects.create(pipeline=name, paused_at="2026-01-01T00:00:00Z", paused_by="olga")
    requests.retry(fresh(job), by="alice", from_start=True)
    assert (fresh(job).state, fresh(job).is_held) == (State.QUEUED, True)
    assert try_claim(job) is None


@pytest.mark.parametrize("delay", [0, 60])
def test_a_held_job_is_cancelled_at_once_and_held_no_more(alice: User, define: Callable[..., str], delay: int) -> None:
    def limited(ctx: object) -> None: ...

    job = submit_job(alice, define(limited, limits=[Concurrent(1)]), delay_seconds=delay)
    assert fresh(job).is_held
    assert requests.cancel(job, by="alice") == State.CANCELLED
    assert not fresh(job).is_held
    requests.retry(fresh(job), by="alice")
    assert fresh(job).is_held


def test_a_held_child_is_held_no_more_when_its_family_is_cancelled(alice: User) -> None:
    job = submit_job(alice)
    child = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    Job.objects.filter(pk=child.pk).update(parent=job, fan_index=0, is_held=True)
    requests.cancel(job, by="alice")
    assert (fresh(child).state, fresh(child).is_held) == (State.CANCELLED, False)


def test_a_job_whose_worker_was_lost_is_held_only_when_it_goes_on(
    alice: User, define: Callable[..., str], clock: Clock
) -> None:
    def limited(ctx: object) -> None: ...

    name = define(limited, limits=[Concurrent(1)], max_crashes=2)
    asked, goes_on, last = (submit_job(alice, name) for _ in range(3))
    Job.objects.update(is_held=False)
    for job in (asked, goes_on, last):
        claim(job)
    requests.cancel(asked, by="alice")
    Job.objects.filter(pk=last.pk).update(crashes=1)
    clock.advance(61)
    leases.reap()
    assert [(fresh(job).state, fresh(job).is_held) for job in (asked, goes_on, last)] == [
        (State.CANCELLED, False),
        (State.RETRYING, True),
        (State.FAILED, False),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_cancel_has_the_limits_looked_at_again(alice: User) -> None:
    job, heard = submit_job(alice), []
    jobs_due.connect(lambda count, **_: heard.append(count), weak=False, dispatch_uid="here")
    try:
        requests.cancel(job, by="alice")
    finally:
        jobs_due.disconnect(dispatch_uid="here")
    assert heard == [0]


# -- discard a failed job -------------------------------------------------------------------------------


def test_a_failed_job_is_discarded_with_what_it_made(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.FAILED, error="line 3 is wrong")
    ended_at = fresh(job).finished_at
    requests.discard_failed(fresh(job), by="bob")
    job = fresh(job)
    # When and why it failed stays.
    assert (job.state, job.error, job.finished_at) == (State.CANCELLED, "line 3 is wrong", ended_at)
    assert not path.exists()
    assert not JobStep.objects.exists()
    assert not Artifact.objects.exists()
    assert not Dataset.objects.exists()
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert (event.kind, event.text) == ("discarded", "bob")


def test_a_pipeline_may_keep_what_a_discarded_job_had_made(alice: User, define: Callable[..., str]) -> None:
    def keeps(ctx: object) -> None: ...

    job = submit_job(alice, define(keeps, on_cancel="keep"))
    ctx = begin(job)
    path = make_something(ctx)
    end(ctx, State.FAILED, error="x")
    requests.discard_failed(fresh(job), by="alice")
    assert path.exists()
    assert Artifact.objects.exists()
    requests.retry(fresh(job), by="alice")
    assert JobStep.objects.exists()


def test_a_job_whose_pipeline_is_gone_can_be_discarded(alice: User) -> None:
    job = submit_job(alice)
    fail(job)
    Job.objects.filter(pk=job.pk).update(pipeline="gone")
    requests.discard_failed(fresh(job), by="alice")
    assert fresh(job).state == State.CANCELLED


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED, State.RETRYING, State.CANCELLED])
def test_only_what_failed_can_be_discarded(alice: User, state: State) -> None:
    job = in_state(alice, state)
    before = Job.objects.filter(pk=job.pk).values().get()
    with pytest.raises(Refused, match=f"is {state} now: only a failed job can be discarded"):
        requests.discard_failed(fresh(job), by="alice")
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert not AuditEntry.objects.filter(act="discard").exists()


def test_a_discarded_job_can_be_retried_and_begins_anew(alice: User) -> None:
    job = submit_job(alice)
    fail(job)
    requests.discard_failed(fresh(job), by="alice")
    requests.retry(fresh(job), by="alice")
    assert end(claim(job), result="1") == State.SUCCEEDED


# -- other parameters -----------------------------------------------------------------------------------


def test_a_failed_job_runs_again_from_the_start_with_other_parameters(alice: User, define: Callable[..., str]) -> None:
    def limited(ctx: object, host: str) -> None: ...

    job = submit_job(alice, define(limited, limits=[Rate("1/s", key="param:host")]), params={"host": "a"})
    Job.objects.filter(pk=job.pk).update(is_held=False)
    ctx = begin(job)
    make_something(ctx)
    end(ctx, State.FAILED, error="no such host")
    requests.edit_and_retry(fresh(job), params={"host": "b\x00", "day": dt.date(2026, 5, 1)}, by="bob")
    job = fresh(job)
    assert (job.state, job.is_held) == (State.QUEUED, True)
    assert job.params == {"host": "b\ufffd", "day": "2026-05-01"}
    assert job.lane == lane_of([Rate("1/s", key="param:host")], job.params)
    assert not JobStep.objects.exists()
    assert timeline(job)[-2:] == ["edited", "requeued"]
    assert list(JobEvent.objects.filter(job=job).order_by("-pk").values_list("text", flat=True)[:2]) == [
        "bob, from the start",
        "bob",
    ]
    entry = AuditEntry.objects.get(act="edit")
    assert entry.before == {
        "state": "failed", "attempt": 1, "error": "no such host", "params": {"host": "a"},
    }  # fmt: skip
    assert entry.after == {"state": "queued", "params": job.params}
    Job.objects.filter(pk=job.pk).update(is_held=False)
    assert claim(job).params == job.params


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED, State.RETRYING, State.CANCELLED])
def test_only_a_failed_jobs_parameters_can_be_changed(alice: User, state: State) -> None:
    job = in_state(alice, state)
    before = Job.objects.filter(pk=job.pk).values().get()
    with pytest.raises(Refused, match=f"is {state} now: only a failed job's parameters can be changed"):
        requests.edit_and_retry(fresh(job), params={"a": 1}, by="alice")
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert not AuditEntry.objects.filter(act="edit").exists()


def test_a_parts_parameters_cannot_be_changed(alice: User) -> None:
    job, child = submit_job(alice), submit_job(alice)
    fail(child)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    Job.objects.filter(pk=child.pk).update(parent=job, fan_index=0)
    with pytest.raises(Refused, match=f"is a part of job {job.pk}: its parameters come from there"):
        requests.edit_and_retry(fresh(child), params={}, by="alice")
    assert fresh(child).state == State.FAILED


def test_parameters_over_the_limit_are_refused(alice: User, settings: Settings) -> None:
    job = submit_job(alice)
    fail(job)
    settings.JSON_LIMIT_BYTES = 5
    with pytest.raises(PermanentError, match="The JSON of the parameters is"):
        requests.edit_and_retry(fresh(job), params={"a": "long"}, by="alice")
    assert fresh(job).params == {}


# -- priority -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RETRYING])
def test_a_job_that_nobody_runs_gets_another_priority(alice: User, state: State) -> None:
    job = in_state(alice, state)
    requests.reprioritise(fresh(job), Priority.URGENT, by="bob")
    after = fresh(job)
    assert (after.priority, after.state, after.run_at, after.publish_at >= after.run_at) == (
        Priority.URGENT, state, job.run_at, True,
    )  # fmt: skip
    assert timeline(job)[-1] == "reprioritised"
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.before, entry.after) == ("priority", {"priority": "normal"}, {"priority": "urgent"})


def test_a_job_whose_message_is_on_its_way_is_published_again_with_its_new_priority(alice: User) -> None:
    first, second = submit_job(alice), submit_job(alice)
    outbox.mark_published([due.job_id for due in outbox.take_due()])
    requests.reprioritise(second, Priority.URGENT, by="alice")
    assert fresh(first).published_at is not None
    assert [(due.job_id, due.priority) for due in outbox.take_due()] == [(second.pk, 2)]


def test_a_job_that_is_not_due_is_not_published_before_its_time(alice: User, clock: Clock) -> None:
    job = submit_job(alice, delay_seconds=60)
    requests.reprioritise(job, Priority.URGENT, by="alice")
    assert outbox.take_due() == []
    clock.advance(61)
    assert [due.priority for due in outbox.take_due()] == [2]


def test_a_held_job_stays_held_with_its_new_priority(alice: User, define: Callable[..., str]) -> None:
    def limited(ctx: object) -> None: ...

    job = submit_job(alice, define(limited, limits=[Concurrent(1)]))
    requests.reprioritise(job, Priority.LOW, by="alice")
    after = fresh(job)
    assert (after.priority, after.is_held, after.published_at, after.publish_at) == (
        Priority.LOW, True, None, job.publish_at,
    )  # fmt: skip


def test_the_parts_of_a_job_get_its_priority(alice: User) -> None:
    job = submit_job(alice)
    parts = [submit_job(alice) for _ in range(3)]
    running, done, waits = parts
    claim(running)
    fail(done)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    for index, part in enumerate(parts):
        Job.objects.filter(pk=part.pk).update(parent=job, fan_index=index)
    requests.reprioritise(fresh(job), Priority.URGENT, by="alice")
    assert fresh(job).state == State.WAITING
    assert [fresh(each).priority for each in (job, running, done, waits)] == [2, 1, 1, 2]
    assert [due.priority for due in outbox.take_due()] == [2]
    assert JobEvent.objects.filter(kind="reprioritised").count() == 1


def test_the_same_priority_again_changes_nothing(alice: User) -> None:
    job = submit_job(alice)
    outbox.mark_published([due.job_id for due in outbox.take_due()])
    requests.reprioritise(job, Priority.NORMAL, by="alice")
    assert fresh(job).published_at is not None
    assert timeline(job) == ["submitted"]
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_the_priority_of_what_runs_or_has_ended_stays(alice: User, state: State) -> None:
    job = in_state(alice, state)
    with pytest.raises(Refused, match=f"is {state} now: its priority makes no difference any more"):
        requests.reprioritise(fresh(job), Priority.URGENT, by="alice")
    assert fresh(job).priority == Priority.NORMAL


@pytest.mark.django_db(transaction=True)
def test_a_priority_and_a_claim_at_the_same_time_agree(alice: User) -> None:
    for _ in range(5):
        job = submit_job(alice)
        outbox.mark_published([due.job_id for due in outbox.take_due()])
        acts: list[Callable[[], Any]] = [
            partial(is_accepted, requests.reprioritise, job, Priority.URGENT, by="alice"),
            partial(try_claim, job),
        ]
        is_changed, taken = in_threads(*acts)
        assert taken is not None
        assert (fresh(job).priority == Priority.URGENT) == is_changed
        assert end(taken, result="1") == State.SUCCEEDED


# -- the audit trail ------------------------------------------------------------------------------------


def test_every_act_is_in_the_audit_trail_with_before_and_after(alice: User) -> None:
    job = submit_job(alice)
    requests.cancel(fresh(job), by="ann")
    requests.retry(fresh(job), by="ben")
    end(claim(job), State.FAILED, error="no")
    requests.retry(fresh(job), by="cem", from_start=True)
    end(claim(job), State.FAILED, error="no")
    requests.discard_failed(fresh(job), by="dan")
    entries = AuditEntry.objects.filter(job_id=job.pk, pipeline="noop").order_by("pk")
    failed = {"state": "failed", "error": "no"}
    assert [(entry.who, entry.act, entry.before, entry.after) for entry in entries] == [
        ("ann", "cancel", {"state": "queued", "attempt": 0}, {"state": "cancelled"}),
        ("ben", "retry", {"state": "cancelled", "attempt": 0}, {"state": "queued"}),
        ("cem", "retry_from_start", {**failed, "attempt": 1}, {"state": "queued"}),
        ("dan", "discard", {**failed, "attempt": 2}, {"state": "cancelled"}),
    ]


def test_what_is_refused_is_not_in_the_audit_trail(alice: User) -> None:
    job = submit_job(alice)
    end(claim(job))
    for act in (requests.cancel, requests.retry, requests.discard_failed):
        with pytest.raises(Refused):
            act(fresh(job), by="alice")
    assert not AuditEntry.objects.exists()


# -- what a cancelled job had made ------------------------------------------------------------


def test_discarding_leaves_a_job_alone_that_is_not_cancelled(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = make_something(ctx)
    requests.discard(job.pk)
    assert path.exists()
    assert JobStep.objects.exists()
    requests.discard(404)


def test_discarding_leaves_other_jobs_files_alone(alice: User) -> None:
    job, other = submit_job(alice), submit_job(alice)
    ctx, neighbour = begin(job), begin(other)
    mine, theirs = make_something(ctx), make_something(neighbour)
    requests.cancel(job, by="alice")
    end(ctx)
    requests.discard(job.pk)
    assert not mine.exists()
    assert theirs.exists()
    assert storage.attempt_folder(other.pk, 1).exists()
