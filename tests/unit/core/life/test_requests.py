"""What holds of all that a person may ask of a job that exists: limits are passed anew, the audit trail tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core.errors import Refused
from core.life import leases, requests
from core.limits import Concurrent
from core.models import AuditEntry, Gate, Job
from core.models.states import State
from core.wakeup import jobs_due
from tests.unit.core.acts import (
    claim,
    end,
    fresh,
    submit_job,
    try_claim,
)
from tests.unit.core.conftest import Clock
from tests.unit.core.life.asking import fail

pytestmark = pytest.mark.django_db


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


def test_a_held_child_is_released_when_its_family_is_cancelled(alice: User) -> None:
    job = submit_job(alice)
    child = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    Job.objects.filter(pk=child.pk).update(parent=job, fan_index=0, is_held=True)
    requests.cancel(job, by="alice")
    assert (fresh(child).state, fresh(child).is_held) == (State.CANCELLED, False)


def test_a_lost_workers_job_is_held_only_when_it_goes_on(alice: User, define: Callable[..., str], clock: Clock) -> None:
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
