"""Periodic actors of a site's own: the message says which time it is for, and one message of a time runs."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

import dramatiq
import pytest
from dramatiq.message import Message
from dramatiq.middleware import SkipMessage

from actors.runtime import periodic as module
from actors.runtime.deliveries import read
from actors.runtime.periodic import PeriodicRuns
from core.models import PeriodicRun
from core.schedules import periodic
from core.schedules.periodic import Sending

pytestmark = pytest.mark.django_db
DUE = dt.datetime(2026, 5, 4, 7, 0, tzinfo=dt.UTC)
BROKER = cast(dramatiq.Broker, None)


@pytest.fixture
def run(db: None) -> PeriodicRun:
    return PeriodicRun.objects.create(name="count", cron="0 7 * * MON", due_at=DUE)


def message(**options: Any) -> Any:
    return SimpleNamespace(actor_name="count", options=options)


def test_a_time_runs_once_however_often_it_was_sent(run: PeriodicRun) -> None:
    runs, sent = PeriodicRuns(), message(due_at=DUE.isoformat())
    runs.before_process_message(BROKER, sent)
    with pytest.raises(SkipMessage):
        runs.before_process_message(BROKER, sent)
    runs.after_process_message(BROKER, sent, exception=ValueError("no orders"))
    run.refresh_from_db()
    assert run.error == "ValueError: no orders"
    assert run.ended_at is not None


def test_a_message_that_somebody_sends_by_hand_runs_and_is_nobodys_time(run: PeriodicRun) -> None:
    runs = PeriodicRuns()
    for options in ({}, {"due_at": "soon"}):
        runs.before_process_message(BROKER, message(**options))
        runs.after_process_message(BROKER, message(**options))
    run.refresh_from_db()
    assert (run.began_at, run.ended_at) == (None, None)


def test_without_the_database_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> bool:
        raise OSError("away")

    monkeypatch.setattr(periodic, "begin", away)
    with pytest.raises(SkipMessage):
        PeriodicRuns().before_process_message(BROKER, message(due_at=DUE.isoformat()))


def test_a_message_is_sent_with_its_time_and_what_cant_be_sent_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[dict[str, Any]] = []
    actor = SimpleNamespace(send_with_options=lambda **options: sent.append(options))
    let_go: list[int] = []
    broker = SimpleNamespace(get_actor={"count": actor}.__getitem__, let_go=lambda: let_go.append(1))
    monkeypatch.setattr("actors.runtime.periodic.dramatiq.get_broker", lambda: broker)
    module.send([Sending("count", DUE), Sending("gone", DUE)])
    assert sent == [{"due_at": DUE.isoformat()}]
    assert "periodic_run_unsent" in caplog.text
    assert let_go == [1]


def test_the_time_of_a_delivery_is_kept_and_other_options_are_not() -> None:
    actors = {"count": SimpleNamespace(fn=lambda: None)}
    options = {"due_at": DUE.isoformat(), "eta": 1, "scheduled_at": "soon"}
    body = Message("default", "count", (), {}, options).encode()
    assert read(body, queue="default", job_actors=(), actors=actors).options == {"due_at": DUE.isoformat()}
