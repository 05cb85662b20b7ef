"""Why a job waits, as its page and the command line say it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.context import JobContext
from core.database.clock import database_now
from core.life import outbox, waiting
from core.life.waiting import Why
from core.limits import Rate, changes, gate
from core.models import Job, JobEvent
from core.models.job import Priority
from core.models.states import State
from core.operation import presence
from tests.unit.core.acts import claim, end, fresh, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def workers(clock: Clock) -> None:
    """A worker on the queue default, and one that is stopping on the queue cpu."""
    presence.announce("here:1", queues=["default"], threads=2)
    presence.announce("here:2", queues=["cpu"], threads=2, is_stopping=True)


def why(job: Job) -> Why:
    found = waiting.why(fresh(job))
    assert found is not None
    return found


def does_nothing(ctx: JobContext, **_: Any) -> None:
    """End at once."""


def publish(job: Job) -> None:
    """Do as a relay does; what it takes beside this job it has in hand."""
    outbox.take_due()
    assert outbox.mark_published([job.pk]) == 1


# -- jobs that don't wait ---------------------------------------------------------------------------


def test_a_job_that_runs_or_has_ended_waits_for_nothing(alice: User, workers: None) -> None:
    job = submit_job(alice)
    attempt = claim(job)
    assert waiting.why(fresh(job)) is None
    end(attempt)
    assert waiting.why(fresh(job)) is None


# -- its queue --------------------------------------------------------------------------------------


def test_the_first_job_of_a_queue_is_next(alice: User, workers: None) -> None:
    assert why(submit_job(alice)) == Why("queue", "Next on the queue default.", ahead=0)


def test_a_queue_without_a_worker_is_named(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    assert why(job) == Why("no_worker", "No worker takes jobs from the queue default.")
    presence.announce("here:1", queues=["cpu"], threads=2)
    assert why(job).kind == "no_worker"
    presence.announce("here:2", queues=["default"], threads=2)
    assert why(job).kind == "queue"
    presence.announce("here:2", queues=["default"], threads=2, is_stopping=True)
    assert why(job).kind == "no_worker"


def test_a_limit_promises_no_time_without_a_worker(alice: User, clock: Clock, define: Callable[..., str]) -> None:
    name = define(does_nothing, limits=[Rate("1/h")])
    jobs = [submit_job(alice, name) for _ in range(2)]
    assert [why(job).kind for job in jobs] == ["no_worker", "no_worker"]
    presence.announce("here:1", queues=["default"], threads=2)
    gate.let_go()
    assert why(jobs[1]).kind == "rate"


def test_published_jobs_go_by_priority_then_by_publish_order(
    alice: User, bob: User, workers: None, clock: Clock
) -> None:
    first, second, third = submit_job(alice), submit_job(alice), submit_job(bob)
    for job in (second, first, third):
        clock.advance(0.1)
        publish(job)
    assert [why(job).ahead for job in (second, first, third)] == [0, 1, 2]
    assert why(third).text == "Behind 2 jobs on the queue default."
    assert why(first).text == "Behind 1 job on the queue default."
    urgent = submit_job(bob, priority=Priority.URGENT)
    low = submit_job(bob, priority=Priority.LOW)
    clock.advance(0.1)
    assert why(second).ahead == 1
    assert why(urgent).ahead == 0
    publish(urgent)
    assert why(urgent).ahead == 0
    assert why(low).ahead == 4


def test_jobs_of_other_queues_or_not_due_are_not_ahead(alice: User, workers: None, define: Callable[..., str]) -> None:
    submit_job(alice, define(does_nothing, queue="cpu"))
    submit_job(alice, delay_seconds=3600)
    claim(submit_job(alice))
    assert why(submit_job(alice)).ahead == 0


def test_only_the_earlier_turns_of_anothers_backlog_are_ahead(alice: User, bob: User, workers: None) -> None:
    backlog = [submit_job(alice) for _ in range(20)]
    one = submit_job(bob)
    assert why(one).ahead == 1
    assert why(backlog[19]).ahead == 20
    assert why(submit_job(bob)).ahead == 1 + 2


def test_a_very_long_queue_is_not_counted_to_its_end(
    alice: User, workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "COUNTED", 3)
    for _ in range(5):
        submit_job(alice)
    assert why(submit_job(alice)).text == "Behind more than 3 jobs on the queue default."


# -- its time ---------------------------------------------------------------------------------------


def test_a_scheduled_job_says_when_it_starts(alice: User, workers: None) -> None:
    found = why(submit_job(alice, delay_seconds=3600))
    assert (found.kind, found.text, found.lead) == ("time", "It is scheduled for later.", "It starts at")
    assert found.at is not None
    assert abs((found.at - database_now()).total_seconds() - 3600) < 300
    assert found.in_words() == f"It is scheduled for later. It starts at {found.at:%Y-%m-%d %H:%M:%S} UTC."


def test_the_time_of_the_command_line_is_utc(alice: User) -> None:
    at = dt.datetime(2026, 7, 1, 14, 3, 7, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert Why("time", "Later.", at, lead="At").in_words() == "Later. At 2026-07-01 12:03:07 UTC."
    assert Why("queue", "Next.", ahead=0).in_words() == "Next."


def test_a_retry_says_which_attempt_comes_and_when(alice: User, workers: None) -> None:
    job = submit_job(alice)
    end(claim(job), State.RETRYING, error="ValueError: odd", delay=300.0)
    found = why(job)
    assert (found.kind, found.text) == ("retry", "Retry, attempt 2 of 5.")
    assert found.at == fresh(job).run_at


def test_a_job_waiting_for_a_remote_says_so_with_its_reason(alice: User, workers: None) -> None:
    job = submit_job(alice)
    end(claim(job), State.SCHEDULED, kind=JobEvent.Kind.DEFERRED, error="shop.example asked to wait.", delay=120.0)
    found = why(job)
    assert (found.kind, found.text, found.lead) == ("remote", "shop.example asked to wait.", "It goes on at")
    assert found.at == fresh(job).run_at


# -- its parts --------------------------------------------------------------------------------------


def test_a_parent_says_how_many_of_its_parts_it_waits_for(alice: User, workers: None) -> None:
    job = submit_job(alice)
    parts = [submit_job(alice) for _ in range(5)]
    for index, part in enumerate(parts):
        key, state = ("old", State.SUCCEEDED) if index == 0 else ("parts", part.state)
        Job.objects.filter(pk=part.pk).update(parent=job, fan_key=key, fan_index=index, state=state)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    end(claim(parts[1]))
    assert why(job) == Why("parts", "None of its parts runs now: 1 of 4 have ended.")
    claim(parts[2])
    assert why(job) == Why("parts", "Its parts run: 1 of 4 have ended.")
    Job.objects.filter(parent=job).update(state=State.SUCCEEDED)
    assert why(job).text == "All its parts have ended; it goes on in a moment."


# -- its limits -------------------------------------------------------------------------------------


def test_a_job_of_a_paused_pipeline_says_who_paused_it_and_when(alice: User, workers: None) -> None:
    job = submit_job(alice)
    changes.pause("noop", by="carol", note="the disk is being changed")
    found = why(job)
    assert found.kind == "paused"
    assert "paused by carol: the disk is being changed" in found.text
    assert (found.lead, found.ahead) == ("Paused since", None)
    assert found.at is not None
    assert abs((found.at - database_now()).total_seconds()) < 300
    changes.resume("noop", by="carol")
    gate.let_go()
    assert why(job).kind in ("queue", "turn")


def test_a_pause_is_named_before_the_time_of_a_retry(alice: User, workers: None) -> None:
    job = submit_job(alice)
    changes.pause("noop", by="carol")
    Job.objects.filter(pk=job.pk).update(state=State.RETRYING, run_at=database_now() + dt.timedelta(hours=1))
    assert why(job).kind == "paused"


def test_a_job_over_its_rate_names_the_limit_and_its_turn(
    alice: User, workers: None, define: Callable[..., str]
) -> None:
    name = define(does_nothing, limits=[Rate("1/h", key="owner")])
    first, second = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    assert why(first).kind in ("queue", "turn")
    found = why(second)
    assert found.kind == "rate"
    assert "1 an hour for each owner" in found.text
    assert found.lead == "It starts at"
    assert found.at is not None
    assert 3300 < (found.at - database_now()).total_seconds() < 3610
