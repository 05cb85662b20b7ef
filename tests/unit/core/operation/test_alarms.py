"""Counts of what should not happen."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import DatabaseError

from core.database import statements
from core.models import AlarmCount
from core.operation import alarms
from tests.unit.core.acts import in_threads
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "_counts", Counter())


def counts() -> dict[tuple[str, str], int]:
    return {(row.name, row.place): row.count for row in AlarmCount.objects.all()}


def test_what_was_counted_is_added_to_the_sums_at_the_next_flush() -> None:
    for _ in range(2):
        alarms.count("unknown_actor", "default", body="b'x'")
    alarms.count("unknown_actor", "cpu")
    assert counts() == {}
    alarms.flush()
    alarms.flush()
    alarms.count("unknown_actor", "cpu")
    alarms.flush()
    assert counts() == {("unknown_actor", "default"): 2, ("unknown_actor", "cpu"): 2}


def test_the_last_time_is_kept(clock: Clock) -> None:
    alarms.count("a")
    alarms.flush()
    first = AlarmCount.objects.get().last_at
    clock.advance(100)
    alarms.count("a")
    alarms.flush()
    assert 99 < (AlarmCount.objects.get().last_at - first).total_seconds() < 199


def test_an_alarm_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alarms.count("unknown_actor", "default", body="b'x'")
    assert [(line.levelname, line.message) for line in caplog.records] == [
        ("ERROR", "alarm name=unknown_actor place=default body=b'x'")
    ]


def test_alarms_are_counted_and_kept_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as broken:
        broken.setattr(statements, "run", away)
        alarms.count("a")
        with pytest.raises(DatabaseError):
            alarms.flush()
        alarms.count("a")
    alarms.flush()
    assert counts() == {("a", ""): 2}


@pytest.mark.django_db(transaction=True)
def test_concurrent_counting_and_flushing_loses_nothing() -> None:
    def work() -> None:
        for _ in range(10):
            alarms.count("a", "x")
            alarms.count("b", "x")
            alarms.flush()

    in_threads(work, work, work)
    alarms.flush()
    assert counts() == {("a", "x"): 30, ("b", "x"): 30}
