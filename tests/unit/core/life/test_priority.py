"""A job that nobody runs gets another priority."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.errors import Refused
from core.life import outbox, requests
from core.limits import Concurrent
from core.models import AuditEntry, Job, JobEvent
from core.models.job import Priority
from core.models.states import State
from tests.unit.core.acts import (
    claim,
    end,
    fresh,
    in_threads,
    submit_job,
    timeline,
    try_claim,
)
from tests.unit.core.conftest import Clock
from tests.unit.core.life.asking import fail, in_state, is_accepted

pytestmark = pytest.mark.django_db


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


def test_a_published_job_is_published_again_with_a_new_priority(alice: User) -> None:
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
