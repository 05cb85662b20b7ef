"""Which workers are there, by their own word."""

from __future__ import annotations

import pytest

from core.models import Worker
from core.operation import presence
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def test_a_worker_that_has_spoken_has_its_queues_and_threads(clock: Clock) -> None:
    presence.announce("here:1", queues=["io", "default"], threads=4)
    presence.announce("here:2", queues=["default"], threads=8)
    assert [(each.name, each.queues, each.threads) for each in presence.alive()] == [
        ("here:1", ["default", "io"], 4),
        ("here:2", ["default"], 8),
    ]
    assert presence.threads_on("default") == 12
    assert presence.threads_on("io") == 4
    assert presence.threads_on("cpu") == 0


def test_a_worker_that_speaks_again_only_gets_a_later_time(clock: Clock) -> None:
    presence.announce("here:1", queues=["default"], threads=4)
    first = Worker.objects.get()
    clock.advance(20)
    presence.announce("here:1", queues=["default"], threads=4)
    second = Worker.objects.get()
    assert second.started_at == first.started_at
    assert 19 < (second.seen_at - first.seen_at).total_seconds() < 90


def test_a_worker_that_was_not_heard_of_for_three_beats_is_gone(clock: Clock) -> None:
    presence.announce("here:1", queues=["default"], threads=4)
    clock.advance(3 * presence.HEARTBEAT_SECONDS)
    assert presence.threads_on("default") == 4
    clock.advance(6)
    assert presence.alive() == []
    assert presence.threads_on("default") == 0


def test_the_threads_of_a_worker_that_is_stopping_take_no_jobs(clock: Clock) -> None:
    presence.announce("here:1", queues=["default"], threads=4, is_stopping=True)
    assert [each.is_stopping for each in presence.alive()] == [True]
    assert presence.threads_on("default") == 0


def test_a_worker_takes_its_leave(clock: Clock) -> None:
    presence.announce("here:1", queues=["default"], threads=4)
    presence.leave("here:1")
    assert not Worker.objects.exists()


def test_lost_workers_are_forgotten_after_an_hour(clock: Clock) -> None:
    presence.announce("here:1", queues=["default"], threads=4)
    clock.advance(3500)
    assert presence.forget_the_dead() == 0
    clock.advance(200)
    presence.announce("here:2", queues=["default"], threads=4)
    assert presence.forget_the_dead() == 1
    assert [each.name for each in Worker.objects.all()] == ["here:2"]
