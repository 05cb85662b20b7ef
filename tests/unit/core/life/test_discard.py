"""A failed job is discarded, with what it made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core.errors import Refused
from core.life import requests
from core.models import Artifact, AuditEntry, Dataset, Job, JobEvent, JobStep
from core.models.states import State
from tests.unit.core.acts import (
    begin,
    claim,
    end,
    fresh,
    submit_job,
)
from tests.unit.core.life.asking import fail, in_state, make_something

pytestmark = pytest.mark.django_db


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
