"""What becomes of an attempt, as a value, and what is written for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User

from core import pipelines
from core.attempt import outcomes
from core.attempt.attempt import Attempt
from core.attempt.children import ChildLost
from core.attempt.outcomes import (
    Cancelled,
    Deferred,
    Failed,
    HandedBack,
    Lost,
    Outcome,
    Retry,
    Succeeded,
    Waiting,
)
from core.errors import Interrupted, JobCancelled, JobStopped, LeaseLost, PermanentError, RetryAfter, Suspended
from core.life.ledger import Claim
from core.models.states import TRANSITIONS, State
from tests.unit.core.acts import begin_attempt, claim, submit_job

pytestmark = pytest.mark.django_db

CLAIM = Claim(
    job_id=7,
    fence=3,
    attempt=2,
    pipeline="noop",
    owner_id=1,
    params={},
    max_attempts=5,
    crashes=0,
    max_crashes=3,
    parent_id=4,
    lane="{}",
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (JobCancelled("x"), Cancelled()),
        (Interrupted("x"), HandedBack()),
        (Suspended("Parts: 3 parts"), Waiting("Parts: 3 parts")),
        (LeaseLost("x"), Lost()),
        (JobStopped("x"), Lost()),
        (RetryAfter(30.0, reason="Later."), Deferred("Later.", delay=30.0)),
    ],
)
def test_an_error_that_stops_an_attempt_is_a_value(error: BaseException, expected: Outcome) -> None:
    assert outcomes.of_error(error, CLAIM) == expected


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), KeyboardInterrupt(), ChildLost("killed")])
def test_whatever_else_is_raised_is_tried_again(error: BaseException) -> None:
    outcome = outcomes.of_error(error, CLAIM)
    assert isinstance(outcome, Retry)
    assert outcome.error == f"{type(error).__name__}: {error}"
    assert outcome.is_crash == isinstance(error, ChildLost)
    assert type(error).__name__ in outcome.detail


def test_the_last_attempt_and_the_last_crash_fail() -> None:
    assert isinstance(outcomes.of_error(ValueError("odd"), replace(CLAIM, attempt=5)), Failed)
    assert isinstance(outcomes.of_error(ChildLost("killed"), replace(CLAIM, crashes=2)), Failed)
    assert isinstance(outcomes.of_error(ValueError("odd"), replace(CLAIM, crashes=2)), Retry)
    assert isinstance(outcomes.of_error(PermanentError("mend it"), replace(CLAIM, attempt=1)), Failed)


ENDS: list[tuple[Outcome, dict[str, Any]]] = [
    (Succeeded('{"a": 1}'), {"state": State.SUCCEEDED, "result": '{"a": 1}'}),
    (
        Failed("why", "trace", is_crash=True),
        {"state": State.FAILED, "error": "why", "detail": "trace", "crashed": 1},
    ),
    (
        Retry("why", 4.0, "trace"),
        {"state": State.RETRYING, "error": "why", "delay": 4.0, "detail": "trace", "crashed": 0},
    ),
    (Deferred("Later.", 30.0), {"state": State.SCHEDULED, "kind": "deferred", "error": "Later.", "delay": 30.0}),
    (Waiting("3 parts"), {"state": State.WAITING, "error": "3 parts", "kind": ""}),
    (HandedBack(), {"state": State.QUEUED, "kind": "released", "delay": 0.0}),
    (Cancelled(), {"state": State.CANCELLED, "error": "", "result": "null"}),
]


@pytest.mark.parametrize(("outcome", "written"), ENDS, ids=lambda value: type(value).__name__)
def test_each_outcome_is_written_as_a_state_under_the_fence(outcome: Outcome, written: dict[str, Any]) -> None:
    end = outcomes.end_of(outcome, CLAIM, progress={"id": 7})
    assert end is not None
    assert (end.job_id, end.fence, end.parent_id, end.is_limited, end.progress) == (7, 3, 4, True, {"id": 7})
    assert {name: getattr(end, name) for name in written} == written


def test_a_lost_attempt_writes_nothing() -> None:
    assert outcomes.end_of(Lost(), CLAIM, progress={"id": 7}) is None


def test_every_state_that_a_running_job_may_go_to_is_an_outcome() -> None:
    states = {kind.state for kind in get_args(Outcome) if kind is not Lost}
    assert states == TRANSITIONS[State.RUNNING]
    assert {type(outcome) for outcome, _ in ENDS} == set(get_args(Outcome)) - {Lost}


def test_an_attempt_of_a_pipeline_that_is_not_here_runs_nothing(alice: User) -> None:
    taken = claim(submit_job(alice))
    outcome = Attempt(taken, None).run()
    assert isinstance(outcome, Retry)
    assert outcome.error.startswith("There is no pipeline 'noop'")


def test_an_attempt_told_to_stop_does_not_call_its_function(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice, "fail", params={"count": 0, "seconds": None}))
    attempt.own.stop = Interrupted
    assert attempt.run() == HandedBack()
    attempt.own.stop = LeaseLost
    assert attempt.run() == Lost()
    assert attempt.end_of(Lost()) is None


def test_an_attempt_without_progress_writes_none_with_its_end(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))
    end = attempt.end_of(attempt.run())
    assert end is not None
    assert (end.state, end.progress) == (State.SUCCEEDED, None)
    assert pipelines.get("noop").stages == ()
