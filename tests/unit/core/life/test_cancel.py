"""A job is cancelled: at once when nobody runs it, else when its attempt hears of it; what it made goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.errors import Refused
from core.files import storage
from core.life import outbox, requests
from core.models import Artifact, Dataset, Job, JobEvent, JobStep
from core.models.states import State
from tests.unit.core.acts import (
    begin,
    claim,
    end,
    fresh,
    in_threads,
    submit_job,
    timeline,
    try_claim,
)
from tests.unit.core.life.asking import make_something

pytestmark = pytest.mark.django_db


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
