"""An attempt that does not end though it has to is ended over its head, and may write nothing more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import connection

from core.attempt import children
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import JobStopped
from core.life import requests
from core.models import JobEvent, JobStep
from core.models.states import State
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import fresh, submit_job, timeline
from tests.unit.core.attempt.plain_work import loaded

pytestmark = pytest.mark.django_db(transaction=True)


class Hung:
    """A pipeline's function that hangs until it is let go, in a thread of its own."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.refused: type[BaseException] | None = None
        self.in_child = False

    def __call__(self, ctx: JobContext) -> str:
        if self.in_child:
            ctx.run_in_child(loaded)
        self.begun.set()
        self.let_go.wait(PATIENCE_SECONDS)
        try:
            ctx._own.stop = None  # deaf to its keeper
            ctx.step("late", lambda: 1)
        except JobStopped as error:
            self.refused = type(error)
        return "too late"

    __name__ = "hung"
    __qualname__ = "hung"


@pytest.fixture
def attempts(conf: OwnConf) -> Attempts:
    conf.WRITE_OFF_SECONDS = 5.0
    return Attempts(worker="here:1")


@pytest.fixture
def hung() -> Iterator[Hung]:
    hung = Hung()
    yield hung
    hung.let_go.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the keeper's clock is ahead, as the first entry."""
    ahead = [0.0]
    moved = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr("core.attempt.attempts.time", moved)
    return ahead


def start(attempts: Attempts, job_id: int, hung: Hung) -> threading.Thread:
    def work() -> None:
        try:
            attempts.run(job_id)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert hung.begun.wait(PATIENCE_SECONDS)
    return thread


def test_a_cancelled_attempt_that_does_not_listen_is_written_off(
    alice: User, attempts: Attempts, hung: Hung, define: Callable[..., str], clock: list[float]
) -> None:
    replaced: list[threading.Thread] = []
    attempts.on_write_off = replaced.append
    job = submit_job(alice, define(hung))
    thread = start(attempts, job.pk, hung)
    requests.cancel(job, by="alice")
    attempts.notice_cancels()
    attempts.enforce()
    clock[0] += 4.0
    attempts.enforce()
    assert fresh(job).state == State.RUNNING  # it has its time to end by itself
    clock[0] += 1.1
    attempts.enforce()
    assert (fresh(job).state, len(attempts), replaced) == (State.CANCELLED, 0, [thread])
    hung.let_go.set()
    thread.join(PATIENCE_SECONDS)
    assert hung.refused is not None
    assert not JobStep.objects.filter(job=job).exists()
    assert timeline(job) == ["submitted", "claimed", "cancel_requested", "cancelled"]


def test_an_attempt_at_its_time_limit_is_stopped_and_then_written_off_with_where_it_was(
    alice: User, attempts: Attempts, hung: Hung, define: Callable[..., str], clock: list[float]
) -> None:
    job = submit_job(alice, define(hung, time_limit=90))
    thread = start(attempts, job.pk, hung)
    attempts.enforce()
    assert next(iter(attempts._held.values())).own.stop is None
    for seconds in (91.0, 5.1):
        clock[0] += seconds
        attempts.enforce()
    job = fresh(job)
    assert (job.state, job.error) == (
        State.FAILED,
        "It took longer than its time limit of 90 seconds, and was stopped.",
    )
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert "let_go.wait" in event.detail
    hung.let_go.set()
    thread.join(PATIENCE_SECONDS)
    assert fresh(job).state == State.FAILED


def test_one_that_listens_ends_by_itself_at_its_time_limit(
    alice: User, attempts: Attempts, define: Callable[..., str], clock: list[float]
) -> None:
    def listens(ctx: JobContext) -> None:
        clock[0] += 61.0
        attempts.enforce()
        ctx.check()

    job = submit_job(alice, define(listens, time_limit=60.0))
    attempts.run(job.pk)
    assert (fresh(job).state, fresh(job).error) == (
        State.FAILED,
        "It took longer than its time limit of 1 minute, and was stopped.",
    )


def test_the_child_process_of_one_that_is_written_off_is_taken_away(
    alice: User,
    attempts: Attempts,
    hung: Hung,
    define: Callable[..., str],
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "pool", pool := children.Pool(size=1))
    hung.in_child = True
    job = submit_job(alice, define(hung, time_limit=60))
    thread = start(attempts, job.pk, hung)
    assert len(pool._lent) == 1
    for seconds in (61.0, 5.1):
        clock[0] += seconds
        attempts.enforce()
    assert (pool._lent, pool._idle) == ([], [])
    hung.let_go.set()
    thread.join(PATIENCE_SECONDS)


def test_one_that_ends_in_the_last_moment_ends_itself(
    alice: User, attempts: Attempts, hung: Hung, define: Callable[..., str], clock: list[float]
) -> None:
    job = submit_job(alice, define(hung, time_limit=60))
    thread = start(attempts, job.pk, hung)
    (attempt,) = attempts._held.values()
    clock[0] += 61.0
    attempts.enforce()
    hung.let_go.set()
    thread.join(PATIENCE_SECONDS)
    wait_until(lambda: len(attempts) == 0, what="its end")
    clock[0] += 10.0
    attempts.write_off(attempt)
    assert not attempt.is_written_off
    assert fresh(job).state != State.RUNNING


@pytest.mark.parametrize("limit", [0, -1, "60", True, 10**13])
def test_a_time_limit_that_is_none_is_refused_at_the_registration(define: Callable[..., str], limit: object) -> None:
    def limited(ctx: JobContext) -> None: ...

    with pytest.raises(ValueError, match="time_limit is"):
        define(limited, time_limit=limit)
