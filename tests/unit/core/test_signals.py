"""Signals about ended jobs: written with the end, sent after it, at least once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.dispatch import Signal

from actors.runtime.end_sender import EndSender
from core import jobs
from core.attempt.context import JobContext
from core.errors import JobStopped
from core.life import end_signals, leases, requests
from core.life.families import insert_children
from core.models import EndSignal, Job
from core.models.states import State
from core.pipelines import get
from core.signals import is_listened_to, job_ended, job_failed
from tests.services.waiting import wait_until
from tests.unit.core.acts import begin_attempt, claim, end, fresh, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def connect() -> Iterator[Callable[[Signal, Callable[..., Any]], None]]:
    connected: list[tuple[Signal, Callable[..., Any]]] = []

    def add(signal: Signal, receiver: Callable[..., Any]) -> None:
        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))

    yield add
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture
def ended(connect: Callable[..., None]) -> list[tuple[str, int, str, str]]:
    """What receivers of both signals were called with: the signal, the job, how it ended, how it stands."""
    calls: list[tuple[str, int, str, str]] = []
    for name, signal in (("ended", job_ended), ("failed", job_failed)):

        def receive(job: Job, state: State, name: str = name, **_: Any) -> None:
            calls.append((name, job.pk, state, job.state))

        connect(signal, receive)
    return calls


def test_every_end_of_a_whole_job_is_sent_once(ended: list[Any], alice: User) -> None:
    done, failed, cancelled, queued = [submit_job(alice) for _ in range(4)]
    end(claim(done))
    end(claim(failed), State.FAILED, error="Odd.")
    requests.cancel(cancelled, by="alice")
    end(claim(queued), State.RETRYING, delay=9)
    assert ended == [], "nobody is called in the process that ends a job"
    assert end_signals.send_due() == 3
    assert end_signals.send_due() == 0
    assert ended == [
        ("ended", done.pk, "succeeded", "succeeded"),
        ("ended", failed.pk, "failed", "failed"),
        ("failed", failed.pk, "failed", "failed"),
        ("ended", cancelled.pk, "cancelled", "cancelled"),
    ]
    assert not EndSignal.objects.exists()


def test_an_accepted_cancel_is_the_end_that_is_sent(ended: list[Any], alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    requests.cancel(job, by="alice")
    assert not EndSignal.objects.exists(), "it runs still"
    end(taken)
    end_signals.send_due()
    assert ended == [("ended", job.pk, "cancelled", "cancelled")]


def test_the_end_of_a_job_whose_worker_was_lost_is_sent(ended: list[Any], alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(max_crashes=1)
    claim(job)
    clock.advance(4000)
    assert leases.reap() == [(job.pk, State.FAILED)]
    end_signals.send_due()
    assert [call[:3] for call in ended] == [("ended", job.pk, "failed"), ("failed", job.pk, "failed")]


def test_an_end_that_a_zombie_writes_late_is_none(ended: list[Any], alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(max_crashes=1)
    zombie = claim(job)
    clock.advance(4000)
    leases.reap()
    end_signals.send_due()
    ended.clear()
    assert end(zombie) is None
    assert end_signals.send_due() == 0


def test_a_job_that_is_tried_again_ends_again(ended: list[Any], alice: User) -> None:
    job = submit_job(alice)
    end(claim(job), State.FAILED)
    requests.retry(job, by="alice")
    # Not sent yet when it was tried again: the state it ended in is sent, beside the job as it stands.
    end_signals.send_due()
    end(claim(job))
    end_signals.send_due()
    assert [(name, *rest) for name, _, *rest in ended] == [
        ("ended", "failed", "queued"),
        ("failed", "failed", "queued"),
        ("ended", "succeeded", "succeeded"),
    ]


def test_parts_send_nothing_and_their_parent_does(ended: list[Any], alice: User) -> None:
    parent = submit_job(alice)
    spec = get("noop")
    insert_children(
        parent.pk, key="parts", title="Parts", spec=spec, task="", queue="default", items=[{}, {}], weights=[1, 1]
    )
    one, other = Job.objects.filter(parent=parent)
    end(claim(one))
    requests.cancel(other, by="alice")
    end(claim(parent))
    end_signals.send_due()
    assert ended == [("ended", parent.pk, "succeeded", "succeeded")]


def test_what_the_site_orders_itself_is_nobodys_to_follow(
    ended: list[Any], alice: User, define: Callable[..., str]
) -> None:
    def post(ctx: JobContext) -> None: ...

    job = submit_job(alice, define(post, role="post"))
    end(claim(job))
    end_signals.send_due()
    assert ended == []
    assert not EndSignal.objects.exists()


def test_an_end_of_a_worker_that_died_before_it_was_sent_is_sent_by_another(
    ended: list[Any], alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(alice)
    end(claim(job))

    def die(_: EndSignal) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(end_signals, "_send", die)
        with pytest.raises(SystemExit):
            end_signals.send_due()
    assert end_signals.send_due() == 0, "it may be sending still"
    clock.advance(end_signals.HOLD_SECONDS + 1)
    assert end_signals.send_due() == 1
    assert ended == [("ended", job.pk, "succeeded", "succeeded")]


def test_an_end_that_another_worker_took_meanwhile_is_left_to_it(
    ended: list[Any], alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, next_one = submit_job(alice), submit_job(alice)
    end(claim(slow))
    end(claim(next_one))
    real = end_signals._send

    def send_slowly(each: EndSignal) -> None:
        real(each)
        if len(ended) == 1:
            clock.advance(end_signals.HOLD_SECONDS + 1)
            end_signals.send_due()

    monkeypatch.setattr(end_signals, "_send", send_slowly)
    end_signals.send_due()
    calls = [job for _, job, *_ in ended]
    assert calls.count(slow.pk) == 2, "at least once"
    assert calls.count(next_one.pk) == 1, "by one of the two"


def test_a_receiver_that_raises_is_logged_and_stops_no_other(
    connect: Callable[..., None], ended: list[Any], alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(**_: Any) -> None:
        raise ValueError("no such shop")

    connect(job_ended, break_down)
    job = submit_job(alice)
    end(claim(job), State.FAILED)
    assert end_signals.send_due() == 1
    assert [name for name, *_ in ended] == ["ended", "failed"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info
    assert f"receiver_failed job={job.pk}" in caplog.text
    assert not EndSignal.objects.exists(), "it is not called again"


def test_nothing_is_written_where_nobody_listens(alice: User) -> None:
    assert not is_listened_to()
    end(claim(submit_job(alice)))
    assert not EndSignal.objects.exists()


def test_a_job_that_is_gone_is_nothing_to_send(ended: list[Any], alice: User) -> None:
    job = submit_job(alice)
    end(claim(job))
    fresh(job).delete()
    assert end_signals.send_due() == 0


@pytest.mark.django_db(transaction=True)
def test_a_workers_thread_calls_the_receivers(connect: Callable[..., None], alice: User) -> None:
    threads: list[str] = []

    def note_thread(**_: Any) -> None:
        threads.append(threading.current_thread().name)

    connect(job_ended, note_thread)
    job = submit_job(alice)
    sender = EndSender()
    sender.start()
    try:
        end(claim(job))
        wait_until(lambda: threads == ["end-signals"])
    finally:
        sender.stop(timeout=30)
    assert not EndSignal.objects.exists()


# -- one pipeline runs another --------------------------------------------------------------------------


def test_the_end_of_a_pipeline_that_another_runs_is_its_parents(
    ended: list[Any], alice: User, define: Callable[..., str]
) -> None:
    def outer(ctx: JobContext) -> None:
        ctx.run("noop")

    job = submit_job(alice, define(outer))
    attempt = begin_attempt(job)
    with pytest.raises(JobStopped):
        attempt.call(attempt.context)
    child = Job.objects.get(parent=job)
    end(claim(child))
    end_signals.send_due()
    assert ended == []
    jobs.cancel(child.parent_id or 0)
