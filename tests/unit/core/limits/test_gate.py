"""The gate lets held jobs go: as many as their limits allow, in order, owners in turn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.contrib.auth.models import User

from core.database.clock import database_now
from core.errors import RetryAfter
from core.forms import NobodysForm
from core.life import outbox, requests
from core.life.submission import Order, submit_many
from core.limits import Concurrent, Rate, gate
from core.limits.remote import MOST_DEFERRALS
from core.models import Job, JobEvent, LimitBucket
from core.models.job import Priority
from core.models.states import State
from tests.unit.core.acts import claim, end, fresh, in_threads, submit_job, timeline, try_claim
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db
Define = Callable[..., str]


def work(ctx: object, **params: object) -> None: ...


def gone() -> list[int]:
    """The jobs that were let go, in the order of their times."""
    return list(Job.objects.filter(is_held=False).order_by("run_at", "pk").values_list("pk", flat=True))


def begin_all() -> None:
    """Workers take up, and end, what was let go."""
    Job.objects.filter(is_held=False).update(state=State.SUCCEEDED)


def gaps(jobs: list[Job]) -> list[float]:
    times = [fresh(job).run_at for job in jobs]
    return [(later - sooner).total_seconds() for sooner, later in pairwise(times)]


def test_a_job_with_limits_is_held_until_the_gate_lets_it_go(alice: User, define: Define) -> None:
    job = submit_job(alice, define(work, limits=[Concurrent(1)]))
    assert fresh(job).is_held
    assert outbox.take_due() == []
    assert try_claim(job) is None
    assert gate.let_go().count == 1
    assert [due.job_id for due in outbox.take_due()] == [job.pk]
    assert claim(job).attempt == 1


def test_a_job_without_limits_never_waits_at_the_gate(alice: User) -> None:
    job = submit_job(alice)
    assert (fresh(job).is_held, fresh(job).lane) == (False, "")
    assert gate.let_go() == gate.Passed()


def test_a_rate_gives_each_job_the_exact_time_of_its_start(alice: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Rate("10/s")])
    jobs = [submit_job(alice, name) for _ in range(25)]
    clock.stop()
    first = gate.let_go()
    # One second is planned ahead: one now, and one each tenth of the second.
    assert first.count in (10, 11)
    assert first.next_seconds == pytest.approx(0.1, abs=0.1)
    for _ in range(3):
        begin_all()
        clock.advance(0.5)
        gate.let_go()
    assert gone() == [job.pk for job in jobs]
    assert gaps(jobs) == pytest.approx([0.1] * 24, abs=0.002)


def test_no_claim_is_accepted_before_its_time(
    alice: User, define: Define, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "HORIZON_SECONDS", 120.0)
    name = define(work, limits=[Rate("1/m")])
    first, second = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    claim(first)
    assert not fresh(second).is_held
    assert try_claim(second) is None
    clock.advance(61)
    claim(second)


def test_a_burst_after_a_quiet_time_keeps_the_average(alice: User, define: Define, clock: Clock) -> None:
    jobs = [submit_job(alice, define(work, limits=[Rate("6/m", burst=3)])) for _ in range(5)]
    clock.stop()
    gate.let_go()
    assert gone() == [job.pk for job in jobs[:3]]
    begin_all()
    clock.advance(9.5)
    gate.let_go()
    clock.advance(10)
    gate.let_go()
    assert gaps(jobs) == pytest.approx([0, 0, 10, 10], abs=0.3)


def test_starts_not_taken_by_workers_do_not_become_a_burst(alice: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Rate("10/s")])
    for _ in range(100):
        submit_job(alice, name)
    for _ in range(40):
        gate.let_go()
        clock.advance(0.5)
    assert len(gone()) <= 22


def test_a_place_is_free_again_when_a_job_ends_however_it_ends(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(2)])
    jobs = [submit_job(alice, name) for _ in range(6)]
    gate.let_go()
    assert gone() == [jobs[0].pk, jobs[1].pk]
    end(claim(jobs[0]))
    gate.let_go()
    assert jobs[2].pk in gone()
    end(claim(jobs[1]), State.FAILED, error="x")
    requests.cancel(fresh(jobs[2]), by="alice")
    gate.let_go()
    assert {jobs[3].pk, jobs[4].pk} <= set(gone())
    assert jobs[5].pk not in gone()


def test_a_parent_that_waits_for_its_parts_keeps_its_place(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    first, second = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    end(claim(first), State.WAITING)
    Job.objects.filter(pk=first.pk).update(state=State.WAITING)
    gate.let_go()
    assert fresh(second).is_held


def test_what_is_tried_again_passes_the_gate_anew(alice: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Concurrent(1)])
    first, second = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    end(claim(first), State.RETRYING, error="x", delay=30)
    gate.let_go()
    assert fresh(first).is_held
    # Its place is the next one's meanwhile.
    end(claim(second))
    clock.advance(31)
    gate.let_go()
    assert claim(first).attempt == 2


def test_what_is_handed_back_keeps_its_place(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("1/h"), Concurrent(1)])
    first, second = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    end(claim(first), State.QUEUED, kind=JobEvent.Kind.RELEASED)
    gate.let_go()
    assert not fresh(first).is_held
    assert fresh(second).is_held
    assert claim(first).attempt == 1


def test_owners_take_turns_under_one_limit(alice: User, bob: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Rate("10/s")])
    of_alice = [submit_job(alice, name).pk for _ in range(30)]
    of_bob = [submit_job(bob, name).pk for _ in range(10)]
    for _ in range(4):
        gate.let_go()
        begin_all()
        clock.advance(0.5)
    order = list(Job.objects.filter(is_held=False).order_by("run_at", "pk").values_list("pk", flat=True))[:20]
    assert order[0::2] == of_alice[:10]
    assert order[1::2] == of_bob[:10]


def test_one_place_at_a_time_goes_to_each_owner_in_turn(alice: User, bob: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    owners = [submit_job(owner, name).owner_id for owner in (alice, alice, alice, bob, bob)]
    served = []
    for _ in owners:
        gate.let_go()
        (job,) = Job.objects.filter(is_held=False, state=State.QUEUED)
        served.append(job.owner_id)
        end(claim(job))
    assert served == [alice.pk, bob.pk, alice.pk, bob.pk, alice.pk]


def test_a_shut_lane_does_not_shut_the_owners_others(alice: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Concurrent(1, key="param:host")])
    for host in ("a", "a", "a", "b"):
        submit_job(alice, name, params={"host": host})
    gate.let_go()
    assert sorted(Job.objects.filter(is_held=False).values_list("params__host", flat=True)) == ["a", "b"]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass reads two lanes."""
    monkeypatch.setattr(gate, "LANES", 2)


@pytest.mark.usefixtures("narrow")
def test_more_shut_lanes_than_a_pass_reads_hide_no_other(alice: User, bob: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("1/h", key="param:host")])
    first = [submit_job(alice, name, params={"host": host}) for host in "abc" for _ in range(2)][::2]
    other = submit_job(bob, name, params={"host": "d"})
    for _ in range(3):
        gate.let_go()
    assert sorted(gone()) == sorted([*(job.pk for job in first), other.pk])


@pytest.mark.usefixtures("narrow")
def test_many_lanes_that_are_not_due_hide_no_other(alice: User, bob: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Concurrent(9, key="param:host")])
    for host in "abcd":
        submit_job(alice, name, params={"host": host}, delay_seconds=3600)
    due = [submit_job(owner, name, params={"host": "e"}) for owner in (alice, bob)]
    for _ in range(5):
        gate.let_go()
    assert sorted(gone()) == [job.pk for job in due]


def test_each_owner_has_a_limit_of_their_own(alice: User, bob: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1, key="owner")])
    for owner in (alice, alice, bob, bob):
        submit_job(owner, name)
    gate.let_go()
    assert sorted(Job.objects.filter(is_held=False).values_list("owner_id", flat=True)) == [alice.pk, bob.pk]


def test_all_limits_have_to_allow_a_job(alice: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Concurrent(3), Rate("1/h", key="param:host")])
    for host in ("a", "a", "b"):
        submit_job(alice, name, params={"host": host})
    gate.let_go()
    assert sorted(Job.objects.filter(is_held=False).values_list("params__host", flat=True)) == ["a", "b"]


def test_the_urgent_go_first_and_each_priority_in_its_order(alice: User, bob: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(2)])
    low = submit_job(alice, name, priority=Priority.LOW)
    normal = submit_job(alice, name)
    urgent = submit_job(bob, name, priority=Priority.URGENT)
    gate.let_go()
    assert set(gone()) == {urgent.pk, normal.pk}
    assert fresh(low).is_held


def test_the_urgent_of_one_owner_go_before_the_turn_of_another(alice: User, bob: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    submit_job(alice, name)
    urgent = submit_job(bob, name, priority=Priority.URGENT)
    gate.let_go()
    assert gone() == [urgent.pk]


def test_a_parents_parts_do_not_wait_for_their_parents_limit(alice: User, define: Define) -> None:
    from core.life.families import insert_children
    from core.pipelines import get

    name = define(work, limits=[Concurrent(1)])
    other = define(lambda_work, limits=[Concurrent(1)])
    parent = submit_job(alice, name)
    for key, task, spec in (("own", "", get(name)), ("task", "m:f", get(name)), ("other", "", get(other))):
        insert_children(parent.pk, key=key, title=key, spec=spec, task=task, queue="default", items=[{}], weights=[1.0])
    held = dict(Job.objects.filter(parent=parent).values_list("fan_key", "is_held"))
    assert held == {"own": False, "task": False, "other": True}


def lambda_work(ctx: object) -> None: ...


def test_a_remotes_wait_costs_no_attempt_and_holds_its_key(alice: User, define: Define, clock: Clock) -> None:
    from core.attempt.attempts import Attempts

    asked: list[float] = [30.0]

    def fetch(ctx: object, host: str) -> str:
        if asked:
            raise RetryAfter(asked.pop(), key="param:host", reason=f"{host} asked to wait.")
        return "done"

    name = define(fetch, form=NobodysForm, limits=[Rate("100/s", key="param:host")])
    jobs = [submit_job(alice, name, params={"host": host}) for host in ("a", "a", "b")]
    gate.let_go()
    attempts = Attempts()
    attempts.run(jobs[0].pk)
    told = fresh(jobs[0])
    assert (told.state, told.attempt, told.is_held) == (State.SCHEDULED, 0, True)
    assert (told.run_at - database_now()).total_seconds() == pytest.approx(30, abs=25)
    assert told.error == "a asked to wait."
    assert timeline(jobs[0])[-1] == "deferred"
    later = submit_job(alice, name, params={"host": "a"})
    gate.let_go()
    assert fresh(later).is_held
    assert not fresh(jobs[2]).is_held
    clock.advance(31)
    gate.let_go()
    clock.advance(1)
    attempts.run(jobs[0].pk)
    assert fresh(jobs[0]).state == State.SUCCEEDED
    assert not fresh(later).is_held


def test_a_remote_that_always_asks_to_wait_fails_the_job_at_last(alice: User, define: Define) -> None:
    from core.attempt.attempts import Attempts

    def fetch(ctx: object) -> None:
        raise RetryAfter(0)

    job = submit_job(alice, define(fetch))
    JobEvent.objects.bulk_create(JobEvent(job=job, kind=JobEvent.Kind.DEFERRED) for _ in range(MOST_DEFERRALS))
    Attempts().run(job.pk)
    assert fresh(job).state == State.FAILED
    assert str(MOST_DEFERRALS) in fresh(job).error


def test_jobs_of_a_pipeline_that_lost_its_limits_go(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    jobs = [submit_job(alice, name) for _ in range(3)]
    define(work)
    assert gate.let_go().count == 3
    assert gone() == [job.pk for job in jobs]


def test_jobs_of_an_unknown_pipeline_are_first_left_to_others(alice: User, define: Define, clock: Clock) -> None:
    from core import pipelines

    name = define(work, limits=[Concurrent(1)])
    submit_job(alice, name)
    pipelines.forget(name)
    assert gate.let_go().count == 0
    clock.advance(gate.UNKNOWN_SECONDS + 1)
    assert gate.let_go().count == 1


@pytest.mark.django_db(transaction=True)
def test_gates_looked_at_by_many_at_once_let_no_more_go(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("10/s"), Concurrent(5, key="owner")])
    submit_many(name, [Order() for _ in range(50)], owner_id=alice.pk)
    in_threads(*[gate.let_go] * 6)
    assert len(gone()) == 5


def test_many_jobs_go_in_one_look(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(700)])
    submit_many(name, [Order() for _ in range(800)], owner_id=alice.pk)
    assert gate.let_go().count == 700


def test_buckets_that_nobody_uses_are_forgotten(
    alice: User, define: Define, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("10/s", key="param:host")])
    submit_job(alice, name, params={"host": "a"})
    gate.let_go()
    assert LimitBucket.objects.count() == 1
    clock.advance(gate.BUCKET_SECONDS + 10)
    submit_job(alice, name, params={"host": "b"})
    monkeypatch.setattr(gate, "_forget_at", 0.0)
    gate.let_go()
    assert [bucket.value for bucket in LimitBucket.objects.all()] == ["b"]


def test_a_cancelled_job_gives_its_turn_to_the_next(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    first, second = submit_job(alice, name), submit_job(alice, name)
    requests.cancel(first, by="alice")
    gate.let_go()
    assert not fresh(second).is_held
    assert fresh(first).state == State.CANCELLED


def test_a_scheduled_job_is_not_let_go_before_its_time(alice: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Concurrent(1)])
    later = submit_job(alice, name, delay_seconds=60)
    now = submit_job(alice, name)
    gate.let_go()
    assert (fresh(later).is_held, fresh(now).is_held) == (True, False)
    end(claim(now))
    clock.advance(61)
    gate.let_go()
    assert fresh(later).run_at <= database_now() + dt.timedelta(seconds=1)
    claim(later)
