"""The outbox: which messages are to be sent, and which must have been lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core.life import outbox, requests
from core.life.messages import DueJob
from core.models import Job
from core.models.job import Priority
from core.models.states import State
from tests.unit.core.acts import claim, end, fresh, in_threads, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def publish_all() -> list[int]:
    ids = [job.job_id for queue in ("default", "cpu") for job in outbox.take_due(queue=queue)]
    outbox.mark_published(ids)
    return ids


def test_a_due_job_is_taken_with_what_its_message_says(alice: User) -> None:
    job = submit_job(alice, "count", priority=Priority.URGENT)
    assert outbox.next_due_seconds() == 0
    assert outbox.take_due() == [
        DueJob(job_id=job.pk, queue="default", priority=2, pipeline="count", owner_id=alice.pk, attempt=1)
    ]


def test_a_taken_job_is_passed_over_until_its_relay_must_be_dead(alice: User, clock: Clock) -> None:
    submit_job(alice)
    clock.stop()
    assert len(outbox.take_due()) == 1
    assert outbox.take_due() == []
    assert outbox.next_due_seconds() == pytest.approx(outbox.HOLD_SECONDS, abs=0.01)
    clock.advance(outbox.HOLD_SECONDS + 1)
    assert outbox.next_due_seconds() == 0
    assert len(outbox.take_due()) == 1


def test_a_published_job_is_not_taken_again(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    assert publish_all() == [job.pk]
    assert fresh(job).published_at is not None
    clock.advance(3600)
    assert outbox.take_due() == []


def test_the_urgent_go_first_then_the_oldest(alice: User) -> None:
    low = submit_job(alice, priority=Priority.LOW)
    first, second = submit_job(alice), submit_job(alice)
    urgent = submit_job(alice, priority=Priority.URGENT)
    assert [job.job_id for job in outbox.take_due(limit=3)] == [urgent.pk, first.pk, second.pk]
    assert [job.job_id for job in outbox.take_due()] == [low.pk]


def test_a_queue_is_taken_by_itself(alice: User, define: Callable[..., str]) -> None:
    def heavy(ctx: object) -> None: ...

    submit_job(alice)
    heavy_job = submit_job(alice, define(heavy, queue="cpu"))
    assert outbox.take_due(queue="gpu") == []
    assert [job.job_id for job in outbox.take_due(queue="cpu")] == [heavy_job.pk]
    assert outbox.take_due(queue="cpu") == []
    assert len(outbox.take_due()) == 1


def test_a_scheduled_job_is_taken_when_its_time_has_come(alice: User, clock: Clock) -> None:
    job = submit_job(alice, delay_seconds=60)
    assert outbox.take_due() == []
    clock.advance(61)
    assert publish_all() == [job.pk]
    assert fresh(job).state == State.SCHEDULED
    claim(job)


def test_a_retry_is_taken_after_its_delay_as_its_next_attempt(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    publish_all()
    end(claim(job), State.RETRYING, error="x", delay=30)
    assert outbox.take_due() == []
    clock.advance(31)
    assert [due.attempt for due in outbox.take_due()] == [2]


def test_a_single_job_does_not_wait_behind_anothers_many(alice: User, bob: User) -> None:
    many = [submit_job(alice).pk for _ in range(20)]
    publish = [job.job_id for job in outbox.take_due(limit=6)]
    outbox.mark_published(publish)
    assert publish == many[:6]
    one = submit_job(bob)
    # Alice has six in hand, Bob none: his is the first, however little room there is.
    assert [job.job_id for job in outbox.take_due(limit=1)] == [one.pk]
    assert [job.job_id for job in outbox.take_due(limit=1)] == [many[6]]


def test_owners_with_as_much_in_hand_take_turns(alice: User, bob: User) -> None:
    of_alice = [submit_job(alice).pk for _ in range(5)]
    of_bob = [submit_job(bob).pk for _ in range(5)]
    taken = [job.job_id for job in outbox.take_due(limit=6)]
    assert taken == [of_alice[0], of_bob[0], of_alice[1], of_bob[1], of_alice[2], of_bob[2]]


def test_the_urgent_of_one_go_before_the_turn_of_another(alice: User, bob: User) -> None:
    first = submit_job(bob)
    urgent = [submit_job(alice, priority=Priority.URGENT).pk for _ in range(3)]
    assert [job.job_id for job in outbox.take_due(limit=4)] == [*urgent, first.pk]


def test_a_held_job_is_not_taken(alice: User) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(is_held=True)
    assert outbox.take_due() == []
    assert outbox.next_due_seconds() is None


@pytest.mark.django_db(transaction=True)
def test_relays_at_the_same_time_take_different_jobs(alice: User) -> None:
    jobs = {submit_job(alice).pk for _ in range(20)}
    taken = in_threads(*[lambda: [job.job_id for job in outbox.take_due(limit=5)]] * 4)
    ids = [job_id for part in taken for job_id in part]
    assert len(ids) == len(set(ids))
    assert set(ids) <= jobs


def test_marking_tells_how_many_were_still_waiting_for_it(alice: User, clock: Clock) -> None:
    job, other = submit_job(alice), submit_job(alice)
    clock.stop()
    outbox.take_due()
    claim(other)
    assert outbox.mark_published([job.pk, other.pk]) == 1
    assert outbox.mark_published([job.pk]) == 0
    assert fresh(other).published_at is None


def test_a_later_retry_is_not_marked_by_its_earlier_message(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    outbox.take_due()
    # The message was quicker than the relay: claimed, failed and waiting before the relay could mark it.
    end(claim(job), State.RETRYING, error="x", delay=30)
    assert outbox.mark_published([job.pk]) == 0
    clock.advance(31)
    assert [due.job_id for due in outbox.take_due()] == [job.pk]


def test_a_cancelled_job_is_not_taken(alice: User) -> None:
    job = submit_job(alice)
    requests.cancel(job, by="alice")
    assert outbox.take_due() == []


def test_published_unclaimed_jobs_are_counted_by_queue(alice: User, define: Callable[..., str]) -> None:
    def heavy(ctx: object) -> None: ...

    name = define(heavy, queue="cpu")
    jobs = [submit_job(alice), submit_job(alice), submit_job(alice, name)]
    assert outbox.unclaimed() == {}
    publish_all()
    assert outbox.unclaimed() == {"default": 2, "cpu": 1}
    claim(jobs[0])
    assert outbox.unclaimed() == {"default": 1, "cpu": 1}


def test_lost_messages_are_published_again_the_oldest_first(alice: User, clock: Clock) -> None:
    old = submit_job(alice)
    publish_all()
    clock.advance(20)
    young = submit_job(alice)
    publish_all()
    clock.advance(20)
    assert outbox.publish_again("default", limit=0) == 0
    assert outbox.publish_again("other", limit=5) == 0
    # 30 seconds is the default age.
    assert outbox.publish_again("default", limit=5) == 1
    assert fresh(old).published_at is None
    assert fresh(young).published_at is not None
    assert [due.job_id for due in outbox.take_due()] == [old.pk]


def test_publishing_again_takes_no_more_than_were_lost(alice: User) -> None:
    for _ in range(3):
        submit_job(alice)
    publish_all()
    assert outbox.publish_again("default", limit=2, older_seconds=0) == 2
    assert Job.objects.filter(published_at__isnull=True).count() == 2


def test_a_running_job_is_not_published_again(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    publish_all()
    claim(job)
    clock.advance(31)
    assert outbox.publish_again("default", limit=5) == 0


def test_a_priority_changed_in_a_relays_hand_is_published(alice: User) -> None:
    job = submit_job(alice)
    outbox.take_due()
    requests.reprioritise(job, Priority.URGENT, by="alice")
    # The message that the relay has sent meanwhile carries the old one.
    assert outbox.mark_published([job.pk]) == 0
    assert [due.priority for due in outbox.take_due()] == [Priority.URGENT]
