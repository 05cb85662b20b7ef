"""How a worker process starts, and by when each part of its end has come."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.runtime import worker_boot
from actors.runtime.broker import JobRabbitmqBroker, SafeConsumer, take_no_more
from actors.runtime.worker_boot import WorkerBoot
from core import pipelines
from core.attempt import children
from core.attempt.attempts import Attempts
from core.attempt.forked import ForkServer
from tests.configuration import OwnConf
from tests.unit.actors.runtime.test_broker import Wire, consumer_on
from tests.unit.core.attempt import plain_work


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What would be done, and after how many seconds."""
    planned: dict[str, float] = {}

    def after(seconds: float, act: Callable[[], object]) -> Any:
        planned[act.__name__] = seconds
        return threading.Timer(seconds, act)

    monkeypatch.setattr(worker_boot, "_after", after)
    return planned


@pytest.fixture
def boot() -> WorkerBoot:
    boot = WorkerBoot()
    boot.keeper = cast(Any, SimpleNamespace(note_stop=lambda: None))
    boot.async_jobs = cast(Any, SimpleNamespace(take_no_more=lambda: None))
    return boot


def a_worker(threads: int = 16) -> Any:
    return SimpleNamespace(worker_threads=threads, queue_prefetch=0, consumers={}, work_queue=queue.PriorityQueue())


def stop(boot: WorkerBoot) -> None:
    boot.before_worker_shutdown(SimpleNamespace(is_shared=False), a_worker())


def test_what_runs_jobs_is_there_before_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Attempts(worker="here:1")
    monkeypatch.setattr("actors.runtime.run_job.attempts", lambda: made)
    broker = SimpleNamespace(declare_queue=lambda _: None, add_middleware=lambda _: None)
    boot = WorkerBoot()
    boot.before_worker_boot(cast(Any, broker), a_worker())
    assert made.async_jobs is boot.async_jobs


@pytest.mark.parametrize(("threads", "stock"), [(1, 1), (2, 3), (16, 24)])
def test_a_worker_fetches_half_as_much_again_as_it_runs(threads: int, stock: int) -> None:
    worker = a_worker(threads)
    broker = SimpleNamespace(declare_queue=lambda _: None, add_middleware=lambda _: None)
    WorkerBoot().before_worker_boot(cast(Any, broker), worker)
    assert worker.queue_prefetch == stock


def test_a_stop_lets_short_work_end_and_takes_under_30_seconds(boot: WorkerBoot, timers: dict[str, float]) -> None:
    stop(boot)
    assert timers == {"stop_all": 10.0, "_hand_back": 23.0, "_end_at_once": 26.5}
    # A second for the signal, and one each for the two that the parent process waits with.
    assert timers["_end_at_once"] + 3 <= 30


def test_a_long_grace_leaves_time_to_hand_back(boot: WorkerBoot, timers: dict[str, float], conf: OwnConf) -> None:
    conf.STOP_GRACE_SECONDS = 60.0
    stop(boot)
    assert timers["stop_all"] == 21.0
    conf.STOP_SECONDS = 4.0
    stop(boot)
    assert timers["stop_all"] == 0


def test_the_order_of_a_stop_holds_however_the_settings_are(
    boot: WorkerBoot, timers: dict[str, float], conf: OwnConf
) -> None:
    for conf.STOP_SECONDS in (10.0, 28.0, 120.0):
        stop(boot)
        assert timers["stop_all"] < timers["_hand_back"] < timers["_end_at_once"] < conf.STOP_SECONDS


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    worker_boot._end_at_once()
    assert ended == [worker_boot.EXIT_HUNG]
    assert "process_hangs" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_was_handed_back_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Attempts, "hand_back_all", lambda _: 3)
    worker_boot._hand_back()
    assert "jobs_handed_back count=3" in caplog.text


def test_children_preload_named_modules_and_no_django(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = pipelines.preloads(pipelines.queues())
    assert "actors.reading.detect" in modules
    monkeypatch.setattr(children, "server", server := ForkServer())
    try:
        children.Pool().warm_up(modules)
        with children.Child() as child:
            loaded = child.run(plain_work.loaded, {}, on_report=lambda *_: None, check=lambda: None)
        threads = len(list(Path(f"/proc/{server.pid}/task").iterdir()))
    finally:
        server.stop()
    assert set(modules) <= set(loaded)
    assert {"numpy", "duckdb"} <= set(loaded)
    assert not {"core.settings", "core.models", "django.db", "django.contrib.auth"} & set(loaded)
    assert threads == 1


# -- what was fetched -------------------------------------------------------------------------------


class StoppingWire(Wire):
    """A connection whose consumer can be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.cancels = 0
        self.requeued: list[int] = []

    def cancel(self) -> None:
        self.cancels += 1

    def process_data_events(self, *, time_limit: float) -> None: ...

    def basic_nack(self, tag: int, *, requeue: bool) -> None:
        self.requeued.append(tag)
        assert requeue


def test_a_leaving_consumer_cancels_once_and_only_acks() -> None:
    wire = StoppingWire()
    consumer, (first,) = consumer_on(wire, 1)
    consumer.broker.is_leaving = True
    assert [next(consumer), next(consumer)] == [None, None]
    assert wire.cancels == 1
    consumer.ack(first)
    assert wire.acked == [1]


def test_unstarted_messages_are_put_back_and_running_ones_stay() -> None:
    wire = StoppingWire()
    consumer, (running, fetched) = consumer_on(wire, 1, 2)
    worker = a_worker()
    worker.work_queue.put(SimpleNamespace(message=fetched))
    take_no_more(cast(JobRabbitmqBroker, consumer.broker), worker)
    assert wire.requeued == [2]
    assert worker.work_queue.empty()
    assert isinstance(consumer, SafeConsumer)
    # Its tag is no more ours to ack.
    assert consumer.known_tags == {running._tag}
