"""What the watcher decides about the jobs of a process whose interpreter is held."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from core.attempt import watcher
from core.attempt.context import JobContext
from core.attempt.watcher import Overseer
from core.life import requests
from core.models import AlarmCount, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import claim, fresh, submit_job, timeline
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = "here:1"
HELD_SECONDS = 7.0


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that its process was sent."""
    sent: list[int] = []
    monkeypatch.setattr("core.attempt.watcher.os.kill", lambda _, number: sent.append(number))
    return sent


@pytest.fixture
def overseer(monkeypatch: pytest.MonkeyPatch, kills: list[int], conf: OwnConf, clock: Clock) -> Overseer:
    """One whose process is at work and beats no more; `busy` names the thread that takes its time."""
    clock.stop()
    conf.WRITE_OFF_SECONDS = 15.0
    monkeypatch.setattr(watcher, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr("core.attempt.watcher.select.select", lambda *_: ([], [], []))
    monkeypatch.setattr(watcher, "_is_at_work", lambda _: True)
    return Overseer(WORKER, 1)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Job | None], None]:
    def set_busy(job: Job | None) -> None:
        samples = iter([{}, {watcher.thread_name(job.pk): 50} if job else {}] * 9)
        monkeypatch.setattr(Overseer, "_times", lambda _: next(samples))

    set_busy(None)
    return set_busy


Busy = Callable[[Job | None], None]


def claimed(owner: User, pipeline: str = "noop") -> Job:
    job = submit_job(owner, pipeline)
    claim(job, worker=WORKER)
    return job


def test_jobs_that_have_time_left_are_left_alone(alice: User, overseer: Overseer, busy: Busy, kills: list[int]) -> None:
    job = claimed(alice)
    requests.cancel(job, by="alice")
    overseer.look(HELD_SECONDS)
    assert (fresh(job).state, kills) == (State.RUNNING, [])


def test_the_holder_that_was_cancelled_ends_with_its_process_and_its_neighbour_is_handed_back(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock
) -> None:
    holder, neighbour = claimed(alice), claimed(alice)
    busy(holder)
    requests.cancel(holder, by="alice")
    clock.advance(16)
    overseer.look(HELD_SECONDS)
    assert [fresh(job).state for job in (holder, neighbour)] == [State.CANCELLED, State.QUEUED]
    assert (fresh(neighbour).attempt, fresh(neighbour).crashes) == (0, 0)
    assert timeline(neighbour)[-1] == "released"
    assert kills == [signal.SIGKILL]
    assert AlarmCount.objects.get(name="held_interpreter").count == 1


def test_a_neighbour_that_was_cancelled_ends_and_the_holder_goes_on(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock
) -> None:
    holder, neighbour = claimed(alice), claimed(alice)
    busy(holder)
    requests.cancel(neighbour, by="alice")
    clock.advance(16)
    overseer.look(HELD_SECONDS)
    assert [fresh(job).state for job in (holder, neighbour)] == [State.RUNNING, State.CANCELLED]
    assert kills == []


def test_a_time_limit_counts_from_the_claim(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock, define: Callable[..., str]
) -> None:
    def limited(ctx: JobContext) -> None: ...

    name = define(limited, time_limit=10)
    job = claimed(alice, name)
    Job.objects.filter(pk=job.pk).update(started_at=fresh(job).created_at - dt.timedelta(days=1))
    clock.advance(24)
    overseer.look(HELD_SECONDS)
    assert fresh(job).state == State.RUNNING
    clock.advance(2)
    overseer.look(HELD_SECONDS)
    assert (fresh(job).state, fresh(job).error) == (
        State.FAILED,
        "It took longer than its time limit of 10 seconds, and was stopped.",
    )
    assert kills == [signal.SIGKILL]


@pytest.mark.parametrize("is_known", [True, False])
def test_before_the_leases_run_out_the_holder_is_a_crash_that_says_so(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock, is_known: bool
) -> None:
    holder, neighbour = claimed(alice), claimed(alice)
    busy(holder if is_known else None)
    clock.advance(50)
    overseer.look(50.0)
    assert fresh(holder).state == State.RUNNING
    clock.advance(2)
    overseer.look(52.0)
    sentence = "The worker could not renew its lease: the code held the interpreter for 52 s."
    assert (fresh(holder).state, fresh(holder).crashes, fresh(holder).error) == (State.RETRYING, 1, sentence)
    # Where nothing shows which of them it is, it may be any.
    assert fresh(neighbour).crashes == (0 if is_known else 1)
    assert kills == [signal.SIGKILL]


def test_the_last_crash_fails_the_job(
    alice: User, overseer: Overseer, busy: Busy, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    job = claimed(alice)
    Job.objects.update(crashes=2)
    clock.advance(59)
    overseer.look(59.0)
    assert (fresh(job).state, fresh(job).crashes) == (State.FAILED, 3)
    assert [record.levelname for record in caplog.records if "job_failed" in record.getMessage()] == ["ERROR"]


def test_a_process_that_goes_on_in_the_last_moment_is_left_alone(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claimed(alice)
    monkeypatch.setattr("core.attempt.watcher.select.select", lambda *_: ([0], [], []))
    clock.advance(59)
    overseer.look(59.0)
    assert (fresh(job).state, kills) == (State.RUNNING, [])


def test_jobs_of_other_processes_are_none_of_its_business(
    alice: User, overseer: Overseer, busy: Busy, kills: list[int], clock: Clock
) -> None:
    job = submit_job(alice)
    claim(job, worker="here:2")
    clock.advance(59)
    overseer.look(59.0)
    assert (fresh(job).state, kills) == (State.RUNNING, [])


def test_a_thread_is_called_after_its_job_in_what_the_system_has_room_for() -> None:
    assert watcher.thread_name(7) == "job-7"
    assert len(watcher.thread_name(2**63 - 1)) == 15


def test_the_program_ends_with_its_worker_and_not_by_a_signal_to_the_group() -> None:
    process = subprocess.Popen([sys.executable, "-P", watcher.__file__], stdin=subprocess.PIPE)
    assert process.stdin is not None
    first = {"path": sys.path, "worker": WORKER, "pid": os.getpid()}
    process.stdin.write(json.dumps(first).encode() + b"\n...")
    process.stdin.flush()
    ignored = 1 << (signal.SIGTERM - 1)
    status = Path(f"/proc/{process.pid}/status")
    wait_until(lambda: int(status.read_text().split("SigIgn:")[1].split()[0], 16) & ignored, what="it to have begun")
    process.send_signal(signal.SIGTERM)
    process.stdin.close()
    assert process.wait(PATIENCE_SECONDS) == 0
