"""What code runs periodically without a job: each time once, late times made up for, and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from core.database.clock import database_now
from core.models import PeriodicRun
from core.schedules import periodic, static
from core.schedules.periodic import Sending
from tests.unit.core.acts import in_threads
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = dt.timedelta(minutes=1)
Declare = Callable[..., None]


@pytest.fixture
def declare() -> Iterator[Declare]:
    """`declare(cron)` registers a periodic actor named `count` for this test."""

    def register(cron: str = "* * * * *", queue: str = "default") -> None:
        static.declare("count", "Count", cron, queue=queue)

    yield register
    static.forget("count")


@pytest.fixture(autouse=True)
def stopped(clock: Clock) -> None:
    clock.stop()


def due() -> dt.datetime:
    """The minute that has begun."""
    return database_now().replace(second=0, microsecond=0)


def test_a_new_actor_waits_for_its_next_time(declare: Declare, clock: Clock) -> None:
    declare()
    assert periodic.take_unsent() == []
    assert periodic.take_unsent() == []
    clock.advance(60)
    assert periodic.take_unsent() == [Sending("count", due())]
    assert periodic.take_unsent() == []


def test_of_several_that_look_at_once_one_sends_and_one_runs(declare: Declare, clock: Clock) -> None:
    declare()
    periodic.take_unsent()
    clock.advance(60)
    sent = in_threads(*[periodic.take_unsent] * 4)
    assert sorted(map(len, sent)) == [0, 0, 0, 1]
    at = due()
    began = in_threads(*[lambda: periodic.begin("count", at, worker="here:1")] * 4)
    assert sorted(began) == [False, False, False, True]


def test_of_the_times_that_passed_the_latest_is_run(
    declare: Declare, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    declare("*/5 * * * *")
    periodic.take_unsent()
    clock.advance(3 * 24 * 3600)
    (sending,) = periodic.take_unsent()
    assert dt.timedelta() <= database_now() - sending.due_at < 5 * MINUTE
    assert "periodic_run_missed" in caplog.text
    assert PeriodicRun.objects.get().next_at == sending.due_at + 5 * MINUTE


@pytest.mark.parametrize("cron", ["@weekly", "0 0 * * sun", "30 2 29 2 *"])
def test_times_that_periodiq_never_comes_to_come(declare: Declare, clock: Clock, cron: str) -> None:
    declare(cron)
    periodic.take_unsent()
    next_at = PeriodicRun.objects.get().next_at
    assert next_at is not None
    clock.advance((next_at - database_now()).total_seconds() + 1)
    assert periodic.take_unsent() == [Sending("count", next_at)]


def test_what_nobody_has_begun_is_sent_again_and_what_has_begun_is_not(declare: Declare, clock: Clock) -> None:
    declare("0 0 * * *")
    periodic.take_unsent()
    PeriodicRun.objects.update(next_at=due())
    first = periodic.take_unsent()
    clock.advance(periodic.RESEND_SECONDS + 1)
    assert periodic.take_unsent() == first
    assert periodic.begin("count", first[0].due_at, worker="here:1")
    clock.advance(periodic.RESEND_SECONDS + 1)
    assert periodic.take_unsent() == []


def test_a_message_of_a_time_that_is_over_runs_nothing(declare: Declare, clock: Clock) -> None:
    declare()
    periodic.take_unsent()
    clock.advance(60)
    (old,) = periodic.take_unsent()
    clock.advance(60)
    (new,) = periodic.take_unsent()
    assert not periodic.begin("count", old.due_at, worker="here:1")
    assert periodic.begin("count", new.due_at, worker="here:1")
    periodic.end("count", old.due_at, error="of the time before")
    assert PeriodicRun.objects.get().ended_at is None
    periodic.end("count", new.due_at, error="ValueError: no orders")
    run = periodic.last_runs()["count"]
    assert (run.error, run.worker) == ("ValueError: no orders", "here:1")
    assert run.ended_at is not None


def test_another_cron_is_another_next_time(declare: Declare, clock: Clock) -> None:
    declare("0 0 1 1 *")
    periodic.take_unsent()
    declare("* * * * *")
    periodic.take_unsent()
    assert PeriodicRun.objects.get().next_at == due() + MINUTE


def test_a_process_sends_what_it_listens_to(declare: Declare, clock: Clock) -> None:
    declare(queue="reports")
    assert periodic.take_unsent({"default"}) == []
    assert not PeriodicRun.objects.exists()
    periodic.take_unsent({"reports"})
    clock.advance(60)
    assert periodic.take_unsent({"default"}) == []
    assert len(periodic.take_unsent({"reports"})) == 1
