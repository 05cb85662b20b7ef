"""The relay publishes what is due, marks what was confirmed, and finds what was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

from actors.runtime import relay as relay_module
from actors.runtime.relay import Relay
from actors.runtime.windows import SMALLEST
from core.life import outbox
from core.models import Job
from core.models.job import Priority
from core.operation import metrics
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.actors.runtime.conftest import ListBroker
from tests.unit.core.acts import claim, fresh, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def poll(relay: Relay) -> bool:
    return relay._poll(was_woken=True)


def unpublished() -> int:
    return Job.objects.filter(published_at__isnull=True).count()


def test_what_is_due_is_published_and_then_marked(alice: User, list_broker: ListBroker) -> None:
    jobs = [submit_job(alice) for _ in range(3)]
    assert poll(Relay())
    assert list_broker.job_ids == [job.pk for job in jobs]
    assert unpublished() == 0
    assert not poll(Relay())
    assert len(list_broker.published) == 3


def test_a_job_is_marked_only_after_the_broker_has_it(
    alice: User, list_broker: ListBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_job(alice)
    at_publish: list[int] = []
    publish = list_broker.publish_jobs

    def watched(jobs: Any) -> None:
        at_publish.append(unpublished())
        publish(jobs)

    monkeypatch.setattr(list_broker, "publish_jobs", watched)
    poll(Relay())
    assert (at_publish, unpublished()) == ([1], 0)


@pytest.mark.parametrize("fault", [ConnectionRefusedError("no"), ValueError("odd")])
def test_a_failed_publish_marks_nothing_and_is_tried_again(
    alice: User, list_broker: ListBroker, clock: Clock, fault: Exception
) -> None:
    job = submit_job(alice)
    relay = Relay()
    list_broker.fault = fault
    poll(relay)
    assert (list_broker.published, unpublished()) == ([], 1)
    assert list_broker.lets_go == 1
    list_broker.fault = None
    clock.advance(outbox.HOLD_SECONDS + 1)
    poll(relay)
    assert list_broker.job_ids == [job.pk]
    assert unpublished() == 0


def test_unpublishable_jobs_are_left_to_other_processes_at_once(alice: User, list_broker: ListBroker) -> None:
    job = submit_job(alice)
    list_broker.fault = ConnectionRefusedError("no")
    poll(Relay())
    assert [due.job_id for due in outbox.take_due()] == [job.pk]


def test_a_job_claimed_before_it_was_marked_keeps_its_state(
    alice: User, list_broker: ListBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(alice)
    monkeypatch.setattr(list_broker, "publish_jobs", lambda _: claim(job))
    poll(Relay())
    assert (fresh(job).state, fresh(job).published_at) == ("running", None)


def test_more_than_a_batch_is_published_in_one_look(
    alice: User, list_broker: ListBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    for _ in range(5):
        submit_job(alice)
    poll(Relay())
    assert len(list_broker.published) == 5
    assert list_broker.asked == 3


def test_a_limited_queue_gets_only_its_room_urgent_first(alice: User, list_broker: ListBroker) -> None:
    list_broker.is_shared = False
    first, second, third = (submit_job(alice) for _ in range(3))
    urgent = submit_job(alice, priority=Priority.URGENT)
    poll(Relay(ahead=2))
    assert list_broker.job_ids == [urgent.pk, first.pk]
    list_broker.waiting["default"] = 0
    poll(Relay(ahead=2))
    assert list_broker.job_ids == [urgent.pk, first.pk, second.pk, third.pk]


@pytest.mark.parametrize("is_shared", [True, False])
def test_urgent_jobs_do_not_wait_for_room_in_a_full_queue(
    alice: User, list_broker: ListBroker, is_shared: bool
) -> None:
    list_broker.is_shared = is_shared
    low = [submit_job(alice, priority=Priority.LOW) for _ in range(SMALLEST)]
    relay = Relay(ahead=SMALLEST)
    poll(relay)
    normal = submit_job(alice)
    urgent = [submit_job(alice, priority=Priority.URGENT) for _ in range(2)]
    submit_job(alice, priority=Priority.LOW)
    poll(relay)
    poll(relay)
    assert list_broker.job_ids == [job.pk for job in [*low, *urgent, normal]]


def test_urgent_jobs_overtake_only_up_to_the_smallest_window(alice: User, list_broker: ListBroker) -> None:
    for _ in range(SMALLEST):
        submit_job(alice)
    poll(Relay())
    for _ in range(2 * SMALLEST):
        submit_job(alice, priority=Priority.URGENT)
    for _ in range(3):
        poll(Relay())
    assert [job.priority for job in list_broker.published] == [1] * SMALLEST + [2] * SMALLEST


def test_a_full_queue_does_not_hold_up_another(
    alice: User, list_broker: ListBroker, define: Callable[..., str]
) -> None:
    def heavy(ctx: object) -> None: ...

    list_broker.is_shared = False
    list_broker.waiting["default"] = 1
    submit_job(alice)
    heavy_job = submit_job(alice, define(heavy, queue="cpu"))
    poll(Relay(ahead=1))
    assert list_broker.job_ids == [heavy_job.pk]


# -- lost messages ----------------------------------------------------------------------------------


def test_messages_that_the_broker_lost_are_published_again(alice: User, list_broker: ListBroker, clock: Clock) -> None:
    jobs = [submit_job(alice) for _ in range(3)]
    clock.stop()
    relay = Relay(polls=True)
    poll(relay)
    list_broker.published.clear()
    list_broker.waiting = {"default": 1}  # the broker's disk was wiped but for one
    clock.advance(60)
    relay._recover_at = 0
    poll(relay)
    poll(relay)
    assert list_broker.job_ids == [jobs[0].pk, jobs[1].pk]


def test_messages_that_the_broker_has_are_left_alone(alice: User, list_broker: ListBroker, clock: Clock) -> None:
    submit_job(alice)
    relay = Relay(polls=True)
    poll(relay)
    clock.advance(600)
    relay._recover_at = 0
    poll(relay)
    assert len(list_broker.published) == 1


def test_young_messages_are_not_called_lost(alice: User, list_broker: ListBroker, clock: Clock, conf: OwnConf) -> None:
    relay = Relay(polls=True)
    poll(relay)  # the broker is known to be there
    submit_job(alice)
    poll(relay)
    list_broker.waiting.clear()
    clock.advance(conf.REPUBLISH_SECONDS - 5)
    relay._recover_at = 0
    poll(relay)
    assert unpublished() == 0
    clock.advance(10)
    relay._recover_at = 0
    poll(relay)
    assert unpublished() == 1


def test_a_returned_broker_is_checked_for_losses_at_once(alice: User, list_broker: ListBroker, clock: Clock) -> None:
    relay = Relay(polls=True)
    submit_job(alice)
    poll(relay)
    list_broker.fault = ConnectionResetError("gone")
    poll(relay)
    list_broker.fault = None
    list_broker.waiting.clear()
    clock.advance(relay_module.RECOVER_AGE_SECONDS + 1)
    relay._recover_at = 0
    poll(relay)
    assert unpublished() == 1


def test_a_web_process_looks_for_no_lost_messages(alice: User, list_broker: ListBroker, clock: Clock) -> None:
    submit_job(alice)
    relay = Relay()
    poll(relay)
    list_broker.waiting.clear()
    clock.advance(600)
    poll(relay)
    assert unpublished() == 0


# -- trouble ----------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_logged_once_and_retried_slower(
    alice: User, list_broker: ListBroker, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    submit_job(alice)
    relay = Relay()
    list_broker.fault = ConnectionRefusedError("no")
    pauses = []
    for _ in range(6):
        poll(relay)
        pauses.append(relay._pause)
        clock.advance(11)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert caplog.text.count("broker_unreachable") == 1
    assert metrics.registry.get_sample_value("headway_relay_broker_up") == 0
    list_broker.fault = None
    poll(relay)
    assert relay._pause == 0
    assert "relay_recovered" in caplog.text
    assert metrics.registry.get_sample_value("headway_relay_broker_up") == 1


def test_a_database_that_is_away_does_not_end_the_relay(
    list_broker: ListBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(queue: str) -> float | None:
        raise OperationalError("away")

    monkeypatch.setattr(outbox, "next_due_seconds", away)
    monkeypatch.setattr(relay_module, "connection", SimpleNamespace(close=lambda: None))
    relay = Relay()
    poll(relay)
    assert "database_unreachable" in caplog.text
    assert relay._pause > 0


# -- the thread -------------------------------------------------------------------------------------


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.stop(timeout=PATIENCE_SECONDS)
    assert not relay.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_woken_relay_publishes_in_its_own_thread(alice: User, list_broker: ListBroker, relay: Relay) -> None:
    job = submit_job(alice)
    relay.wake()
    wait_until(lambda: list_broker.job_ids == [job.pk], what="the publish")
    wait_until(lambda: unpublished() == 0, what="the mark")


@pytest.mark.django_db(transaction=True)
def test_waking_never_waits_for_the_broker(alice: User, list_broker: ListBroker, relay: Relay) -> None:
    blocked, release = threading.Event(), threading.Event()

    def block(jobs: Any) -> None:
        blocked.set()
        release.wait(PATIENCE_SECONDS)

    list_broker.publish_jobs = block  # type: ignore[method-assign]
    submit_job(alice)
    try:
        relay.wake()
        assert blocked.wait(PATIENCE_SECONDS)
        relay.wake()
        relay.wake()
    finally:
        release.set()


@pytest.mark.django_db(transaction=True)
def test_starting_twice_is_one_thread(list_broker: ListBroker, relay: Relay) -> None:
    relay.start()
    thread = relay._thread
    relay.start()
    assert relay._thread is thread


@pytest.mark.django_db(transaction=True)
def test_a_relay_that_stops_publishes_what_is_due_first(alice: User, list_broker: ListBroker, relay: Relay) -> None:
    relay.start()
    wait_until(relay.is_alive)
    job = submit_job(alice)
    relay.stop(timeout=PATIENCE_SECONDS)
    assert list_broker.job_ids == [job.pk]
    assert not relay.is_alive()
    assert list_broker.lets_go >= 1


@pytest.mark.django_db(transaction=True)
def test_an_idle_web_relay_rests_and_starts_again(
    alice: User, list_broker: ListBroker, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(relay_module, "SHARED_POLL_SECONDS", 0.02)
    relay.start()
    wait_until(lambda: not relay.is_alive(), what="the relay to rest")
    job = submit_job(alice)
    relay.wake()
    wait_until(lambda: list_broker.job_ids == [job.pk], what="the publish")


@pytest.mark.django_db(transaction=True)
def test_a_workers_relay_looks_by_itself(alice: User, list_broker: ListBroker, relay: Relay) -> None:
    relay.polls, list_broker.is_shared = True, False
    relay.start()
    job = submit_job(alice)
    wait_until(lambda: list_broker.job_ids == [job.pk], what="the publish")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no number that each commit changes")
@pytest.mark.django_db(transaction=True)
def test_an_embedded_relay_notices_what_others_wrote(
    alice: User, list_broker: ListBroker, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would not look again by the clock.
    monkeypatch.setattr(relay_module, "EMBEDDED_REST_SECONDS", 3600.0)
    relay.polls, list_broker.is_shared = True, False
    relay.start()
    wait_until(lambda: relay._last_mark is not None, what="its first look")
    job = submit_job(alice)
    wait_until(lambda: list_broker.job_ids == [job.pk], what="the publish")


@pytest.mark.django_db(transaction=True)
def test_a_submit_wakes_the_relay_of_its_process(
    alice: User, list_broker: ListBroker, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "relay", relay)
    list_broker.is_shared = False
    submit_job(alice)
    assert not relay.is_alive()  # an embedded web process has nobody to publish to
    list_broker.is_shared = True
    job = submit_job(alice)
    wait_until(lambda: job.pk in list_broker.job_ids, what="the publish")
