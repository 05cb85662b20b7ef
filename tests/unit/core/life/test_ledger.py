"""Claims and ends: one conditional update each, committed in groups."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError

from core.database import statements
from core.database.clock import database_now
from core.errors import Refused
from core.life import leases, requests
from core.life.ledger import Claim, End, Ledger, _Request
from core.models import Job, JobEvent
from core.models.states import State
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import (
    begin,
    claim,
    end,
    fresh,
    in_threads,
    progress_of,
    submit_job,
    timeline,
    try_claim,
)
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


# -- claim ------------------------------------------------------------------------------------------


def test_a_claim_takes_the_job_and_raises_attempt_and_fence(alice: User) -> None:
    job = submit_job(alice, "count", params={"count": 3})
    taken = claim(job, worker="there:7")
    assert taken == Claim(
        job_id=job.pk,
        fence=1,
        attempt=1,
        pipeline="count",
        owner_id=alice.pk,
        params={"count": 3},
        max_attempts=5,
        crashes=0,
        max_crashes=3,
    )
    job = fresh(job)
    assert (job.state, job.worker, job.attempt, job.fence) == (State.RUNNING, "there:7", 1, 1)
    assert job.lease_until is not None
    assert job.started_at is not None
    assert dt.timedelta(seconds=50) < job.lease_until - database_now() <= dt.timedelta(seconds=60)
    assert timeline(job) == ["submitted", "claimed"]


def test_a_claimed_job_is_not_claimed_again(alice: User) -> None:
    job = submit_job(alice)
    claim(job)
    assert try_claim(job, worker="there:7") is None
    assert fresh(job).fence == 1


@pytest.mark.django_db(transaction=True)
def test_of_claims_at_the_same_time_one_wins(alice: User) -> None:
    job = submit_job(alice)
    taken = in_threads(*[lambda n=n: try_claim(job, worker=f"w:{n}") for n in range(6)])
    winners = [each for each in taken if each is not None]
    assert len(winners) == 1
    assert fresh(job).worker == f"w:{taken.index(winners[0])}"
    assert (fresh(job).fence, fresh(job).attempt) == (1, 1)
    assert timeline(job) == ["submitted", "claimed"]


@pytest.mark.django_db(transaction=True)
def test_of_claims_by_threads_of_one_process_one_wins(alice: User) -> None:
    job = submit_job(alice)
    ledger = Ledger(worker="here:1")
    taken = in_threads(*[lambda: ledger.claim(job.pk)] * 6)
    assert sum(each is not None for each in taken) == 1


def test_a_claim_before_run_at_is_refused(alice: User, clock: Clock) -> None:
    job = submit_job(alice, delay_seconds=60)
    assert try_claim(job) is None
    assert fresh(job).state == State.SCHEDULED
    clock.advance(61)
    assert claim(job).fence == 1


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.WAITING])
def test_a_job_that_is_not_claimable_is_not_claimed(alice: User, state: State) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=state)
    assert try_claim(job) is None
    assert fresh(job).state == state


def test_a_job_that_does_not_exist_is_not_claimed(db: None) -> None:
    assert Ledger(worker="here:1").claim(404) is None


def test_the_start_is_that_of_the_first_attempt(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    first = claim(job)
    started_at = fresh(job).started_at
    end(first, State.RETRYING)
    clock.advance(100)
    claim(job)
    assert fresh(job).started_at == started_at


# -- end --------------------------------------------------------------------------------------------


def test_a_success_has_its_result_and_no_lease(alice: User) -> None:
    job = submit_job(alice)
    assert end(claim(job), result='{"rows": 3}') == State.SUCCEEDED
    job = fresh(job)
    assert (job.state, job.result, job.error, job.worker) == (State.SUCCEEDED, {"rows": 3}, "", "")
    assert job.lease_until is None
    assert job.finished_at is not None
    assert timeline(job) == ["submitted", "claimed", "succeeded"]


@pytest.mark.parametrize(
    "result", ["null", "[1, 2]", '"text"', "0", "false", '{"big": 123456789012345678901234567890}']
)
def test_any_json_is_a_result(alice: User, result: str) -> None:
    job = submit_job(alice)
    end(claim(job), result=result)
    assert fresh(job).state == State.SUCCEEDED
    assert fresh(job).result == json.loads(result)


def test_a_failure_has_its_sentence_and_its_traceback_for_staff(alice: User) -> None:
    job = submit_job(alice)
    end(claim(job), State.FAILED, error="line 3 is wrong\x00", detail="Traceback …")
    job = fresh(job)
    assert (job.state, job.error, job.result) == (State.FAILED, "line 3 is wrong\ufffd", None)
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert (event.kind, event.text, event.detail, event.attempt) == (
        "failed",
        "line 3 is wrong\ufffd",
        "Traceback …",
        1,
    )


@pytest.mark.parametrize("delay", [0.0, 1e-05, 0.25, 90.0])
def test_a_retry_is_due_after_its_delay(alice: User, clock: Clock, delay: float) -> None:
    job = submit_job(alice)
    end(claim(job), State.RETRYING, error="ValueError: once", delay=delay)
    job = fresh(job)
    assert (job.state, job.error) == (State.RETRYING, "ValueError: once")
    assert job.published_at is None
    assert job.run_at <= job.publish_at < job.run_at + dt.timedelta(milliseconds=5)
    assert abs(job.run_at - database_now() - dt.timedelta(seconds=delay)) < dt.timedelta(seconds=5)
    clock.advance(delay + 1)
    again = claim(job)
    assert (again.attempt, again.fence) == (2, 2)
    assert fresh(job).error == ""


def test_handing_back_counts_no_attempt_but_keeps_the_fence(alice: User) -> None:
    job = submit_job(alice)
    assert end(claim(job), State.QUEUED, kind="released", error="stopping") == State.QUEUED
    assert (fresh(job).attempt, fresh(job).fence, fresh(job).published_at) == (0, 1, None)
    again = claim(job)
    assert (again.attempt, again.fence) == (1, 2)
    assert timeline(job) == ["submitted", "claimed", "released", "claimed"]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.RETRYING, State.QUEUED, State.CANCELLED])
def test_a_stale_fence_ends_nothing(alice: User, clock: Clock, state: State) -> None:
    job = submit_job(alice)
    zombie = claim(job)
    clock.advance(61)
    leases.reap()
    clock.advance(4000)
    claim(job, worker="there:7")
    before = Job.objects.filter(pk=job.pk).values().get()
    told = timeline(job)
    assert end(zombie, state, result='"stale"', progress=_shown(zombie, done=99)) is None
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert timeline(job) == told
    assert progress_of(job).version == 0


def test_a_reaped_attempt_ends_nothing_even_before_a_new_claim(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    zombie = claim(job)
    clock.advance(61)
    leases.reap()
    assert end(zombie, progress=_shown(zombie, done=99)) is None
    assert fresh(job).state == State.RETRYING
    assert progress_of(job).done == 0


def test_an_attempt_ends_once(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    assert end(taken, result="1") == State.SUCCEEDED
    assert end(taken, State.FAILED, error="late") is None
    assert fresh(job).result == 1


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.RETRYING, State.QUEUED, State.CANCELLED])
def test_an_accepted_cancel_beats_every_other_end(alice: User, state: State) -> None:
    job = submit_job(alice)
    taken = claim(job)
    requests.cancel(fresh(job), by="alice")
    assert end(taken, state, result='{"rows": 3}', error="too late", detail="…") == State.CANCELLED
    job = fresh(job)
    assert (job.state, job.result, job.error) == (State.CANCELLED, None, "")
    assert job.finished_at is not None
    assert timeline(job) == ["submitted", "claimed", "cancel_requested", "cancelled"]
    ended = JobEvent.objects.filter(job=job).last()
    assert ended is not None
    assert ended.text == ""


@pytest.mark.django_db(transaction=True)
def test_cancel_and_success_at_the_same_time_agree_on_one_end(alice: User) -> None:
    def cancel(job: Job) -> str:
        try:
            return requests.cancel(fresh(job), by="alice")
        except Refused:
            return "refused"

    for _ in range(8):
        job = submit_job(alice)
        taken = claim(job)
        acts: list[Callable[[], Any]] = [partial(end, taken, result='"here"'), partial(cancel, job)]
        ended, cancelled = in_threads(*acts)
        job = fresh(job)
        if cancelled == "refused":
            assert (ended, job.state, job.result) == (State.SUCCEEDED, State.SUCCEEDED, "here")
        else:
            assert (ended, job.state, job.result) == (State.CANCELLED, State.CANCELLED, None)


def test_the_last_progress_is_written_with_the_end(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    end(taken, progress=_shown(taken, done=7, total=7))
    shown = progress_of(job)
    assert (shown.done, shown.total, shown.version) == (7, 7, 1)


def _shown(attempt: Claim, *, done: int, total: int | None = None) -> dict[str, Any]:
    shown = {"stages": [], "done": done, "total": total, "unit": "rows", "note": "", "rate": None, "is_whole": True}
    return {"id": attempt.job_id, "fence": attempt.fence, **shown}


# -- groups -----------------------------------------------------------------------------------------


def in_one_batch(ledger: Ledger, *acts: Callable[[], Any]) -> list[Any]:
    """Do the acts in threads so that one commit takes them all; return their answers, or the errors they raised."""
    batches: list[int] = []
    write, settle, has_begun = ledger._write, ledger._settle, threading.Event()

    def counted(batch: list[Any]) -> None:
        batches.append(len(batch))
        write(batch)

    def settled(batch: list[Any]) -> None:
        # Nothing more comes into this batch.
        has_begun.set()
        settle(batch)

    def act(do: Callable[[], Any]) -> Any:
        try:
            return do()
        except Exception as error:  # noqa: BLE001  an answer too, for the test to look at
            return error

    counting, telling = mock.patch.object(ledger, "_write", counted), mock.patch.object(ledger, "_settle", settled)
    with counting, telling, ThreadPoolExecutor(len(acts) + 1) as pool:
        with ledger._writing:
            ledger.start()
            # One request holds the ledger's thread at the lock; the others gather behind it.
            ledger._gathered.put(_Request(job_id=404))
            assert has_begun.wait(PATIENCE_SECONDS)
            answers = [pool.submit(act, do) for do in acts]
            wait_until(lambda: ledger._gathered.qsize() == len(acts), what="all to gather", every=0.002)
        found = [answer.result(PATIENCE_SECONDS) for answer in answers]
    ledger.stop()
    assert max(batches) >= len(acts), "they were not in one batch"
    return found


@pytest.mark.django_db(transaction=True)
def test_claims_and_ends_share_a_commit_with_separate_answers(alice: User) -> None:
    ledger = Ledger(worker="here:1")
    running = [submit_job(alice) for _ in range(2)]
    taken = [ledger.claim(job.pk) for job in running]
    queued = submit_job(alice)
    assert all(taken)
    ends = [
        End(job_id=each.job_id, fence=each.fence, state=State.SUCCEEDED, result=f"{n}")
        for n, each in enumerate(taken)
        if each
    ]
    answers = in_one_batch(
        ledger,
        lambda: ledger.end(ends[0]),
        lambda: ledger.end(ends[1]),
        lambda: ledger.claim(queued.pk),
        lambda: ledger.claim(404),
    )
    assert answers[:2] == [State.SUCCEEDED, State.SUCCEEDED]
    assert answers[2].job_id == queued.pk
    assert answers[3] is None
    assert [fresh(job).result for job in running] == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_two_messages_of_one_job_in_a_batch_are_one_claim(alice: User) -> None:
    ledger = Ledger(worker="here:1")
    job = submit_job(alice)
    answers = in_one_batch(ledger, lambda: ledger.claim(job.pk), lambda: ledger.claim(job.pk))
    assert sorted(answer is None for answer in answers) == [False, True]
    assert fresh(job).attempt == 1


@pytest.mark.django_db(transaction=True)
def test_one_bad_request_does_not_fail_its_neighbours(alice: User) -> None:
    ledger = Ledger(worker="here:1", patience_seconds=0)
    job, other = submit_job(alice), submit_job(alice)
    good, bad = ledger.claim(job.pk), ledger.claim(other.pk)
    assert good is not None
    assert bad is not None
    waiting = submit_job(alice)
    answers = in_one_batch(
        ledger,
        lambda: ledger.end(End(job_id=good.job_id, fence=good.fence, state=State.SUCCEEDED, result="1")),
        lambda: ledger.end(End(job_id=bad.job_id, fence=bad.fence, state=State.SUCCEEDED, crashed=-1)),
        lambda: ledger.claim(waiting.pk),
    )
    assert answers[0] == State.SUCCEEDED
    # No database takes a negative count.
    assert isinstance(answers[1], IntegrityError)
    assert answers[2].job_id == waiting.pk
    assert fresh(job).result == 1
    assert fresh(other).state == State.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_stale_end_in_a_batch_is_answered_as_stale(alice: User, clock: Clock) -> None:
    ledger = Ledger(worker="here:1")
    job = submit_job(alice)
    zombie = claim(job)
    clock.advance(61)
    leases.reap()
    clock.advance(4000)
    live = claim(job)
    answers = in_one_batch(
        ledger,
        lambda: ledger.end(End(job_id=job.pk, fence=zombie.fence, state=State.FAILED, error="stale")),
        lambda: ledger.end(End(job_id=job.pk, fence=live.fence, state=State.SUCCEEDED, result="1")),
    )
    assert answers == [None, State.SUCCEEDED]
    assert fresh(job).state == State.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_is_asked_again(alice: User) -> None:
    job = submit_job(alice)
    ledger = Ledger(worker="here:1", patience_seconds=30)
    run, faults = statements.run_together, [OperationalError("away"), OperationalError("still away")]

    def flaky(parts: Any) -> Any:
        if faults:
            raise faults.pop()
        return run(parts)

    with mock.patch.object(statements, "run_together", flaky):
        taken = ledger.claim(job.pk)
    assert taken is not None
    assert faults == []


@pytest.mark.django_db(transaction=True)
def test_a_database_away_too_long_is_an_error(alice: User) -> None:
    job = submit_job(alice)
    ledger = Ledger(worker="here:1", patience_seconds=0.2)
    with (
        mock.patch.object(statements, "run_together", side_effect=OperationalError("away")),
        pytest.raises(OperationalError, match="away"),
    ):
        ledger.claim(job.pk)
    assert fresh(job).state == State.QUEUED


def test_a_claim_by_the_context_helper_has_the_jobs_parameters(alice: User) -> None:
    ctx = begin(submit_job(alice, "count", params={"count": 2}))
    assert (ctx.params, ctx.attempt, ctx.fence) == ({"count": 2}, 1, 1)
