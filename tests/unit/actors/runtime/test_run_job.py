"""The actor never raises: what happens is written on the job, and the message is done with."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from actors import apps
from actors.runtime import relay, ticker
from actors.runtime.run_job import attempts, run_job
from core.attempt.attempts import Attempts
from core.models.states import State
from tests.unit.core.acts import claim, fresh, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def test_the_actor_runs_the_job(alice: User) -> None:
    job = submit_job(alice)
    run_job(job.pk)
    assert fresh(job).state == State.SUCCEEDED


def test_the_attempts_of_a_process_are_one_object() -> None:
    assert attempts() is attempts()


def test_a_fault_of_the_job_stays_in_the_job(alice: User) -> None:
    job = submit_job(alice, "fail", params={"count": 5, "seconds": None})
    run_job(job.pk)
    assert fresh(job).state == State.RETRYING


def test_a_message_of_a_job_that_is_gone_is_done_with() -> None:
    run_job(404)


def test_a_fault_beside_the_job_is_told_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Attempts, job_id: int) -> None:
        raise RuntimeError("the database stays away")

    monkeypatch.setattr(Attempts, "run", broken)
    run_job(7)
    assert "attempt_unwritten job=7" in caplog.text
    assert "the database stays away" in caplog.text


def test_the_actor_leaves_retries_and_limits_to_the_row() -> None:
    assert run_job.actor_name == "run_job"
    assert not {"max_retries", "time_limit", "max_age"} & set(run_job.options)


def test_the_ticker_reaps_as_the_keeper_does(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    claim(job)
    clock.advance(61)
    ticker.tick()
    assert fresh(job).state == State.RETRYING


def test_jobs_that_are_due_wake_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(relay, "wake", lambda: woken.append(1))
    apps._wake_relay(count=1)
    assert woken == [1]
