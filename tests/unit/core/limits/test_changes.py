"""Staff raises, lowers, pauses and resumes while jobs wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core import pipelines
from core.database.clock import database_now
from core.errors import Refused, UnknownPipeline
from core.forms import NobodysForm
from core.life import outbox, requests
from core.limits import Concurrent, Rate, changes, gate
from core.limits.changes import LimitState, PipelineLimits
from core.limits.projection import forecast
from core.limits.remote import block
from core.models import AuditEntry, Job, LimitBucket
from core.models.states import State
from tests.unit.core.acts import claim, end, fresh, submit_job, try_claim
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db
Define = Callable[..., str]


def work(ctx: object, **params: object) -> None: ...


def shown(name: str) -> PipelineLimits:
    return next(each for each in changes.overview() if each.pipeline.name == name)


def limit_of(name: str) -> LimitState:
    (limit,) = shown(name).limits
    return limit


def seconds_until(job: Job) -> float:
    return (fresh(job).run_at - database_now()).total_seconds()


def test_a_lower_rate_holds_at_once_also_for_what_was_let_go(alice: User, define: Define, clock: Clock) -> None:
    name = define(work, limits=[Rate("10/s")])
    jobs = [submit_job(alice, name) for _ in range(20)]
    clock.stop()
    gate.let_go()
    claim(jobs[0])
    changes.change(name, "rate:pipeline", amount=1, per_seconds=60, by="carol")
    gate.let_go()
    assert Job.objects.filter(is_held=True).count() == 19
    clock.advance(59.5)
    gate.let_go()
    # The next start is a minute after the last one, and is the next in order.
    assert not fresh(jobs[1]).is_held
    assert seconds_until(jobs[1]) == pytest.approx(0.5, abs=0.4)
    assert Job.objects.filter(is_held=True).count() == 18


def test_a_higher_rate_holds_at_once(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("1/h")])
    jobs = [submit_job(alice, name) for _ in range(3)]
    gate.let_go()
    assert fresh(jobs[1]).is_held
    changes.change(name, "rate:pipeline", amount=1000, per_seconds=1, by="carol")
    gate.let_go()
    assert Job.objects.filter(is_held=True).count() == 0
    assert seconds_until(jobs[2]) < 1


def test_fewer_places_let_running_jobs_go_on(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(3)])
    jobs = [submit_job(alice, name) for _ in range(5)]
    gate.let_go()
    running = [claim(job) for job in jobs[:3]]
    changes.change(name, "concurrent:pipeline", amount=1, per_seconds=None, by="carol")
    end(running[0])
    end(running[1])
    gate.let_go()
    assert fresh(jobs[3]).is_held
    end(running[2])
    gate.let_go()
    assert not fresh(jobs[3]).is_held
    assert fresh(jobs[4]).is_held


def test_a_changed_limit_shows_its_declared_one_and_can_be_reset(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("10/s", key="owner")])
    changes.change(name, "rate:owner", amount=5, per_seconds=60, by="carol")
    limit = limit_of(name)
    assert (limit.amount, limit.per_seconds, limit.declared_amount, limit.declared_per_seconds) == (5, 60, 10, 1)
    assert (limit.is_changed, limit.changed_by, limit.text) == (True, "carol", "5 a minute for each owner")
    changes.reset(name, "rate:owner", by="carol")
    assert (limit_of(name).amount, limit_of(name).is_changed) == (10, False)
    with pytest.raises(Refused, match="already"):
        changes.reset(name, "rate:owner", by="carol")


@pytest.mark.parametrize(
    ("amount", "seconds"), [(0, 1), (-1, 1), (10**9, 1), (1, None), (1, 0), (1, float("nan")), (1, float("inf"))]
)
def test_what_is_no_limit_is_refused_with_a_sentence(define: Define, amount: int, seconds: float | None) -> None:
    name = define(work, limits=[Rate("10/s")])
    with pytest.raises(Refused):
        changes.change(name, "rate:pipeline", amount=amount, per_seconds=seconds, by="carol")
    assert not limit_of(name).is_changed


def test_an_unknown_limit_or_pipeline_is_refused_by_name(define: Define) -> None:
    name = define(work, limits=[Rate("10/s")])
    with pytest.raises(Refused, match="rate:pipeline"):
        changes.change(name, "rate:owner", amount=1, per_seconds=1, by="carol")
    with pytest.raises(UnknownPipeline):
        changes.pause("nothing", by="carol")


def test_a_paused_pipeline_starts_nothing_until_it_is_resumed(alice: User, define: Define) -> None:
    name = define(work)
    before = submit_job(alice, name)
    outbox.mark_published([job.job_id for job in outbox.take_due()])
    changes.pause(name, by="carol", note="the printer is on fire")
    after = submit_job(alice, name)
    gate.let_go()
    assert (try_claim(before), try_claim(after), outbox.take_due()) == (None, None, [])
    state = shown(name)
    assert (state.is_paused, state.paused_by, state.note, state.held) == (True, "carol", "the printer is on fire", 2)
    changes.resume(name, by="dave")
    gate.let_go()
    assert [job.job_id for job in outbox.take_due()] == [before.pk, after.pk]
    assert not shown(name).is_paused


def test_a_running_job_survives_a_pause_but_is_not_retried_in_it(alice: User, define: Define, clock: Clock) -> None:
    name = define(work)
    good, bad = submit_job(alice, name), submit_job(alice, name)
    running = claim(good), claim(bad)
    changes.pause(name, by="carol")
    assert end(running[0]) == State.SUCCEEDED
    end(running[1], State.RETRYING, error="x", delay=1)
    clock.advance(2)
    gate.let_go()
    assert fresh(bad).is_held
    changes.resume(name, by="carol")
    gate.let_go()
    assert claim(bad).attempt == 2


def test_what_was_handed_back_has_begun_and_is_not_held_again(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(2)])
    begun, waits = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    end(claim(begun), State.QUEUED, kind="released")
    changes.change(name, "concurrent:pipeline", amount=1, per_seconds=None, by="carol")
    assert (fresh(begun).is_held, fresh(waits).is_held) == (False, True)


@pytest.mark.parametrize("limits", [[], [Concurrent(2)]])
def test_a_persons_retry_is_held_by_a_pause_until_begun(alice: User, define: Define, limits: list[Concurrent]) -> None:
    name = define(work, limits=limits)
    job = submit_job(alice, name)
    gate.let_go()
    end(claim(job), State.FAILED, error="x")
    requests.retry(fresh(job), by="alice")
    gate.let_go()
    changes.pause(name, by="carol")
    gate.let_go()
    assert try_claim(job) is None
    changes.resume(name, by="carol")
    gate.let_go()
    end(claim(job), State.QUEUED, kind="released")
    changes.pause(name, by="carol")
    # Now it has: a stopping worker has handed it back.
    assert not fresh(job).is_held


def test_pausing_twice_and_resuming_what_runs_is_refused(define: Define) -> None:
    name = define(work)
    with pytest.raises(Refused, match="not paused"):
        changes.resume(name, by="carol")
    changes.pause(name, by="carol")
    with pytest.raises(Refused, match="carol"):
        changes.pause(name, by="dave")


def test_a_block_can_be_lifted(alice: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("10/s", key="param:host")])
    block(pipelines.get(name), key="param:host", owner_id=alice.pk, params={"host": "a"}, seconds=600)
    job = submit_job(alice, name, params={"host": "a"})
    gate.let_go()
    assert fresh(job).is_held
    assert [value for value, _ in limit_of(name).blocked] == ["a"]
    changes.unblock(name, "rate:param:host", "a", by="carol")
    gate.let_go()
    assert not fresh(job).is_held
    with pytest.raises(Refused, match="any more"):
        changes.unblock(name, "rate:param:host", "a", by="carol")


def test_a_block_holds_also_for_a_value_that_is_told_by_its_hash(alice: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("10/s", key="param:host")])
    host = "a\tb" * 30
    block(pipelines.get(name), key="param:host", owner_id=alice.pk, params={"host": host}, seconds=600)
    jobs = [submit_job(alice, name, params={"host": text}) for text in (host, host + "c")]
    gate.let_go()
    assert [fresh(job).is_held for job in jobs] == [True, False]


def test_what_no_database_takes_is_no_value_of_a_block(define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("10/s", key="param:host")])
    with pytest.raises(Refused, match="\ufffd"):
        changes.unblock(name, "rate:param:host", "a\x00", by="carol")


def test_every_change_is_audited_with_before_and_after(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("10/s")])
    changes.change(name, "rate:pipeline", amount=5, per_seconds=60, by="carol")
    changes.pause(name, by="dave", note="why")
    changes.resume(name, by="dave")
    changes.reset(name, "rate:pipeline", by="carol")
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [(entry.who, entry.act, entry.pipeline) for entry in entries] == [
        ("carol", "change_limit", name),
        ("dave", "pause", name),
        ("dave", "resume", name),
        ("carol", "reset_limit", name),
    ]
    assert entries[0].before == {"limit": "rate:pipeline", "amount": 10, "per_seconds": 1.0}
    assert entries[0].after == {"limit": "rate:pipeline", "amount": 5, "per_seconds": 60.0}


# -- why a held job waits ---------------------------------------------------------------------------


def test_a_job_over_its_rate_knows_when_it_goes(alice: User, define: Define) -> None:
    name = define(work, limits=[Rate("1/m", key="owner")])
    jobs = [submit_job(alice, name) for _ in range(4)]
    gate.let_go()
    assert forecast(fresh(jobs[0])) is None
    for number, job in enumerate(jobs[1:]):
        told = forecast(fresh(job))
        assert told is not None
        assert (told.kind, told.ahead) == ("rate", number)
        assert told.at is not None
        assert (told.at - database_now()).total_seconds() == pytest.approx(60 * (number + 1), abs=25)
        assert "1 a minute for each owner" in told.text


def test_a_turn_counts_the_jobs_of_others_before_it(alice: User, bob: User, define: Define) -> None:
    name = define(work, limits=[Rate("1/m")])
    for _ in range(10):
        submit_job(alice, name)
    one = submit_job(bob, name)
    told = forecast(fresh(one))
    assert told is not None
    assert told.ahead == 1


def test_a_job_without_a_place_says_so_and_names_no_time(alice: User, define: Define) -> None:
    name = define(work, limits=[Concurrent(1)])
    _, waits = submit_job(alice, name), submit_job(alice, name)
    gate.let_go()
    told = forecast(fresh(waits))
    assert told is not None
    assert (told.kind, told.at, told.ahead) == ("concurrent", None, 0)
    assert "1 at once" in told.text


@pytest.mark.parametrize(
    ("note", "words"), [("moving house", ": moving house."), ("Moving house!", ": Moving house!"), ("", ".")]
)
def test_a_paused_job_names_who_paused_it_and_why(alice: User, define: Define, note: str, words: str) -> None:
    name = define(work, title="Invoices")
    changes.pause(name, by="carol", note=note)
    told = forecast(submit_job(alice, name))
    assert told is not None
    assert (told.kind, told.text) == ("paused", f"Invoices is paused by carol{words}")


def test_a_job_whose_remote_asked_to_wait_names_it(alice: User, define: Define) -> None:
    name = define(work, form=NobodysForm, limits=[Rate("10/s", key="param:host")])
    job = submit_job(alice, name, params={"host": "a.example"})
    LimitBucket.objects.create(
        pipeline=name, limit="rate:param:host", value="a.example", blocked_until=database_now().timestamp() + 60
    )
    told = forecast(fresh(job))
    assert told is not None
    assert told.kind == "remote"
    assert told.text.startswith("a.example asked")
