"""A failed job runs again with other parameters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core.errors import PermanentError, Refused
from core.forms import NobodysForm
from core.life import requests
from core.limits import Rate, lane_of
from core.models import AuditEntry, Job, JobEvent, JobStep
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import (
    begin,
    claim,
    end,
    fresh,
    submit_job,
    timeline,
)
from tests.unit.core.life.asking import fail, in_state, make_something

pytestmark = pytest.mark.django_db


def test_a_failed_job_reruns_from_the_start_with_new_parameters(alice: User, define: Callable[..., str]) -> None:
    def limited(ctx: object, host: str) -> None: ...

    job = submit_job(
        alice, define(limited, form=NobodysForm, limits=[Rate("1/s", key="param:host")]), params={"host": "a"}
    )
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


@pytest.mark.parametrize(("label", "name"), [(None, "old"), ("new\x00" + "x" * 300, "new\ufffd" + "x" * 251)])
def test_an_edited_job_is_named_as_its_parameters_say(alice: User, label: str | None, name: str) -> None:
    job = submit_job(alice, label="old")
    end(begin(job), State.FAILED, error="x")
    requests.edit_and_retry(fresh(job), params={}, label=label, by="alice")
    assert fresh(job).label == name


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


def test_parameters_over_the_limit_are_refused(alice: User, conf: OwnConf) -> None:
    job = submit_job(alice)
    fail(job)
    conf.JSON_LIMIT_BYTES = 5
    with pytest.raises(PermanentError, match="The JSON of the parameters is"):
        requests.edit_and_retry(fresh(job), params={"a": "long"}, by="alice")
    assert fresh(job).params == {}
