"""The keeper: what a worker process does beside its jobs, one short thing at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import User

from actors.runtime import keeper as keeper_module
from actors.runtime.keeper import Duty, Keeper
from actors.runtime.run_job import attempts
from core.attempt.context import JobContext
from core.life import requests
from core.models import AlarmCount, Job, JobStep, Worker
from core.models.states import State
from core.operation import alarms, presence
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import begin, fresh, progress_of, submit_job
from tests.unit.core.conftest import Clock


class Thread:
    """A thread as the keeper looks at it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lives = True

    def is_alive(self) -> bool:
        return self.lives


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Thread]:
    """The process's threads: two of the worker, its consumer, and the relay."""
    found = {name: Thread(name) for name in ("worker-1", "worker-2", "consumer", "relay")}
    monkeypatch.setattr(keeper_module, "relay", found["relay"])
    return found


@pytest.fixture
def keeper(threads: dict[str, Thread]) -> Keeper:
    worker = SimpleNamespace(
        workers=[threads["worker-1"], threads["worker-2"]], consumers={"default": threads["consumer"]}
    )
    keeper = Keeper(cast(Any, worker))
    keeper._parent = os.getppid()
    return keeper


@pytest.fixture
def running(keeper: Keeper, conf: OwnConf, transactional_db: None) -> Iterator[Keeper]:
    """A keeper at work, quick."""
    conf.PROGRESS_SECONDS = 0.05
    conf.LEASE_RENEW_SECONDS = 0.1
    conf.REAP_SECONDS = 0.1
    keeper.start()
    yield keeper
    keeper.stop(timeout=PATIENCE_SECONDS)
    assert not keeper._thread.is_alive()


def test_a_duty_is_due_after_its_interval_within_its_jitter() -> None:
    duty = Duty(lambda: None, 10.0, jitter=0.5)
    at: set[float] = set()
    for _ in range(50):
        began = time.monotonic()
        duty.plan_next()
        assert began + 5 <= duty.due_at <= time.monotonic() + 15
        at.add(duty.due_at)
    assert max(at) - min(at) > 3


def test_a_duty_that_fails_is_told_and_done_again(keeper: Keeper, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ValueError("odd")

    duty = Duty(broken, 10.0)
    began = time.monotonic()
    keeper._do(duty)
    assert "keeper_failed duty=broken error='ValueError: odd'" in caplog.text
    assert duty.due_at >= began + keeper_module.RETRY_SECONDS


@pytest.mark.django_db
def test_reaping_discards_what_cancelled_attempts_had_made(alice: User, clock: Clock) -> None:
    job, other = submit_job(alice), submit_job(alice)
    begin(job).step("first", int)
    begin(other).step("first", int)
    requests.cancel(job, by="alice")
    clock.advance(61)
    keeper_module.reap()
    assert [fresh(each).state for each in (job, other)] == [State.CANCELLED, State.RETRYING]
    assert [step.job_id for step in JobStep.objects.all()] == [other.pk]


@pytest.mark.django_db(transaction=True)
def test_progress_is_written_during_work_but_not_at_every_call(
    alice: User, running: Keeper, define: Callable[..., str]
) -> None:
    written = threading.Event()

    def works(ctx: JobContext) -> None:
        for done in range(1, 100_001):
            ctx.progress(done, 100_000, unit="rows")
        # Still running: what is seen now was written by the keeper.
        wait_until(lambda: progress_of(Job.objects.get(pk=ctx.job_id)).done == 100_000, what="the progress")
        written.set()

    job = submit_job(alice, define(works))
    attempts().run(job.pk)
    assert written.is_set()
    assert progress_of(job).version < 5_000  # of 100,000 calls


@pytest.mark.django_db(transaction=True)
def test_a_cancel_reaches_a_running_attempt(alice: User, running: Keeper, define: Callable[..., str]) -> None:
    def works(ctx: JobContext) -> None:
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        wait_until(lambda: ctx._own.stop is not None, what="the cancel to be noticed")
        ctx.check()

    job = submit_job(alice, define(works))
    attempts().run(job.pk)
    assert fresh(job).state == State.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_the_lease_of_a_long_attempt_is_renewed(
    alice: User, running: Keeper, define: Callable[..., str], conf: OwnConf
) -> None:
    conf.LEASE_SECONDS = 2.0

    def works(ctx: JobContext) -> None:
        first = Job.objects.get(pk=ctx.job_id).lease_until
        wait_until(lambda: Job.objects.get(pk=ctx.job_id).lease_until != first, what="the renewal")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 2.5)  # longer than the lease
        ctx.check()

    job = submit_job(alice, define(works))
    attempts().run(job.pk)
    assert (fresh(job).state, fresh(job).crashes) == (State.SUCCEEDED, 0)


# -- the watch --------------------------------------------------------------------------------------


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the keeper would have sent to its own process."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(threading, "Timer", lambda *_, **__: SimpleNamespace(start=lambda: None))
    return sent


def test_a_process_whose_threads_live_is_left_alone(keeper: Keeper, signals: list[tuple[int, int]]) -> None:
    keeper._watch()
    assert signals == []


@pytest.mark.parametrize("name", ["worker-2", "consumer", "relay"])
def test_a_dead_thread_ends_the_process_for_a_restart(
    keeper: Keeper,
    threads: dict[str, Thread],
    signals: list[tuple[int, int]],
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    threads[name].lives = False
    keeper._watch()
    assert signals == [(os.getpid(), signal.SIGTERM)]
    assert f"dead_threads={name}" in caplog.text
    keeper._watch()
    assert len(signals) == 1


def test_a_worker_without_its_master_ends_itself(keeper: Keeper, signals: list[tuple[int, int]]) -> None:
    keeper._parent = -1
    keeper._watch()
    assert signals == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.parametrize("name", ["worker-2", "consumer", "relay"])
def test_the_threads_of_a_worker_that_stops_may_end(
    keeper: Keeper, threads: dict[str, Thread], signals: list[tuple[int, int]], name: str
) -> None:
    """A second signal while long work is given its time would end the process at once, with jobs in its hands."""
    keeper.is_stopping = True
    threads[name].lives = False
    keeper._watch()
    assert signals == []


# -- its presence -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_worker_announces_its_start_its_stop_and_its_end(
    keeper: Keeper, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody waits for the next time that it would say so.
    monkeypatch.setattr(presence, "HEARTBEAT_SECONDS", 3600.0)
    keeper.queues = ("default",)
    keeper.start()
    wait_until(lambda: presence.threads_on("default") == 2, what="the first word")
    keeper.note_stop()
    wait_until(lambda: [each.is_stopping for each in presence.alive()] == [True], what="the word that it stops")
    alarms.count("odd", "here")
    keeper.stop(timeout=PATIENCE_SECONDS)
    assert not Worker.objects.exists()
    assert AlarmCount.objects.get(name="odd").count == 1
