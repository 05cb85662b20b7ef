"""What a process runs, and how each attempt ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.attempts import Attempts
from core.attempt.children import ChildLost
from core.attempt.context import JobContext
from core.attempt.outcomes import backoff_seconds
from core.database.clock import database_now
from core.errors import LeaseLost, PermanentError
from core.life import leases, outbox, requests
from core.models import Artifact, Job, JobEvent, JobStep
from core.models.states import State
from core.operation import metrics
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import begin_attempt, claim, fresh, progress_of, submit_job, timeline
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(worker="here:1")


def run(attempts: Attempts, job: Job) -> Job:
    attempts.run(job.pk)
    assert len(attempts) == 0
    return fresh(job)


# -- ends -------------------------------------------------------------------------------------------


def test_a_function_that_returns_ends_the_job_as_succeeded(alice: User, attempts: Attempts) -> None:
    job = run(attempts, submit_job(alice, "count", params={"count": 3, "seconds": None}))
    assert (job.state, job.result) == (State.SUCCEEDED, {"headline": "Counted to 3"})
    shown = progress_of(job)
    assert (shown.done, shown.total, shown.unit) == (3, 3, "numbers")
    assert [stage["state"] for stage in shown.stages] == ["done"]


def test_a_stage_that_was_passed_over_is_done_in_a_succeeded_job(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def quick(ctx: JobContext) -> None: ...

    job = run(attempts, submit_job(alice, define(quick, stages=("read", "write"))))
    assert [stage["state"] for stage in progress_of(job).stages] == ["done", "done"]


def test_a_permanent_error_fails_at_once_with_its_sentence(alice: User, attempts: Attempts) -> None:
    job = run(attempts, submit_job(alice, "fail", params={"count": 0, "seconds": None}))
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error == "line 3: this can't be read; mend it and upload it again"
    event = JobEvent.objects.filter(job=job).last()
    assert event is not None
    assert "Traceback" in event.detail
    assert "Traceback" not in event.text


def test_any_other_error_is_retried_until_attempts_run_out(alice: User, attempts: Attempts, clock: Clock) -> None:
    job = submit_job(alice, "fail", params={"count": 9, "seconds": None})
    for attempt in (1, 2):
        assert run(attempts, job).state == State.RETRYING
        assert fresh(job).error == f"ValueError: attempt {attempt} went wrong"
        clock.advance(3600)
    job = run(attempts, job)
    assert (job.state, job.attempt, job.crashes) == (State.FAILED, 3, 0)
    assert job.error == "All 3 attempts failed. The last one: ValueError: attempt 3 went wrong"
    assert timeline(job)[-2:] == ["claimed", "failed"]


def test_a_job_that_recovers_succeeds(alice: User, attempts: Attempts, clock: Clock) -> None:
    job = submit_job(alice, "fail", params={"count": 2, "seconds": None})
    for _ in range(2):
        run(attempts, job)
        clock.advance(3600)
    assert run(attempts, job).state == State.SUCCEEDED
    assert fresh(job).error == ""


def test_a_lost_child_is_a_crash_and_the_third_fails_the_job(
    alice: User, attempts: Attempts, clock: Clock, define: Callable[..., str]
) -> None:
    def eats_memory(ctx: JobContext) -> None:
        raise ChildLost("the child process died: killed")

    job = submit_job(alice, define(eats_memory))
    for crashes in (1, 2):
        assert run(attempts, job).state == State.RETRYING
        assert fresh(job).crashes == crashes
        clock.advance(3600)
    job = run(attempts, job)
    assert (job.state, job.crashes, job.attempt) == (State.FAILED, 3, 3)
    assert job.error.startswith("The child process was lost 3 times while it ran this job.")


def test_a_result_that_is_too_large_fails_once_with_a_sentence(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def returns_much(ctx: JobContext) -> str:
        return "x" * 300_000

    job = run(attempts, submit_job(alice, define(returns_much)))
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error == "The result is 300,002 bytes long, more than 262,144; keep it in a file"


def test_a_result_that_is_no_json_fails_once_with_a_sentence(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def returns_object(ctx: JobContext) -> object:
        return object()

    job = run(attempts, submit_job(alice, define(returns_object)))
    assert job.state == State.FAILED
    assert "can't be kept as JSON" in job.error


def test_what_no_database_stores_in_a_result_is_replaced(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def returns_nul(ctx: JobContext) -> dict[str, Any]:
        return {"facts": [["nul\x00", "half \ud83d of a pair"]], "whole": "😀"}

    job = run(attempts, submit_job(alice, define(returns_nul)))
    assert job.state == State.SUCCEEDED
    assert job.result == {"facts": [["nul\ufffd", "half \ufffd of a pair"]], "whole": "😀"}


def test_an_error_with_bytes_that_no_database_stores_is_written(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def raises_nul(ctx: JobContext) -> None:
        raise PermanentError("a\x00b\udcff")

    assert run(attempts, submit_job(alice, define(raises_nul))).error == "a\ufffdb\ufffd"


def test_a_very_long_error_is_cut(alice: User, attempts: Attempts, define: Callable[..., str]) -> None:
    def raises_much(ctx: JobContext) -> None:
        raise PermanentError("x" * 1_000_000)

    assert len(run(attempts, submit_job(alice, define(raises_much))).error) == 2000


def test_progress_that_cannot_be_counted_stops_nobody(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def miscounts(ctx: JobContext) -> None:
        ctx.progress(float("nan"), float("inf"), unit="x" * 50)  # type: ignore[arg-type]
        attempts.write_progress()
        ctx.progress(2**70, None)
        attempts.write_progress()

    job = run(attempts, submit_job(alice, define(miscounts)))
    assert job.state == State.SUCCEEDED
    assert (progress_of(job).done, progress_of(job).total) == (2**63 - 1, None)


def test_an_unknown_pipeline_is_retried_until_attempts_run_out(
    alice: User, attempts: Attempts, conf: OwnConf, clock: Clock
) -> None:
    conf.RETRY_BASE_SECONDS = 20.0
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(pipeline="gone", max_attempts=3)
    for longest in (20, 40):
        job = run(attempts, job)
        assert job.state == State.RETRYING
        assert job.error == "There is no pipeline 'gone' in this version of the site. It is tried again."
        # A deploy takes its time: never less than half of the longest wait.
        assert longest / 2 - 1 < (job.run_at - database_now()).total_seconds() <= longest
        clock.advance(longest)
    job = run(attempts, job)
    assert job.state == State.FAILED
    assert job.error == "There is no pipeline 'gone' in this version of the site. Ask an operator."


def test_parameters_that_no_longer_fit_fail_at_once(alice: User, attempts: Attempts) -> None:
    job = run(attempts, submit_job(alice, "noop", params={"old": 1}))
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error == (
        "Old is no field of the form any more: it has changed since. Edit the parameters, or run it again with "
        "changes, and fill that in."
    )


def test_a_job_that_is_not_to_be_had_runs_nothing(alice: User, attempts: Attempts) -> None:
    job = submit_job(alice)
    claim(job, worker="there:7")
    attempts.run(job.pk)
    attempts.run(404)
    assert fresh(job).worker == "there:7"


def test_run_times_are_observed_by_pipeline_and_end(
    alice: User, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        metrics.run_seconds,
        "observe",
        lambda *, pipeline, state, **_: seen.append((pipeline, str(state))),
    )
    run(attempts, submit_job(alice))
    run(attempts, submit_job(alice, "fail", params={"count": 0, "seconds": None}))
    assert seen == [("noop", "succeeded"), ("fail", "failed")]


@pytest.mark.parametrize(("failures", "longest"), [(0, 15), (1, 30), (2, 60), (7, 1920), (8, 3600), (500, 3600)])
def test_the_back_off_doubles_up_to_its_cap_with_full_jitter(failures: int, longest: float) -> None:
    delays = [backoff_seconds(failures) for _ in range(300)]
    assert all(0 <= delay <= longest for delay in delays)
    assert min(delays) < longest * 0.2
    assert max(delays) > longest * 0.8


def test_a_failed_attempt_waits_within_its_back_off(alice: User, attempts: Attempts, conf: OwnConf) -> None:
    conf.RETRY_BASE_SECONDS = 1000.0
    job = run(attempts, submit_job(alice, "fail", params={"count": 1, "seconds": None}))
    assert 0 <= (job.run_at - job.created_at).total_seconds() <= 1200


def test_a_pipeline_may_say_how_long_its_jobs_wait(
    alice: User, attempts: Attempts, clock: Clock, define: Callable[..., str]
) -> None:
    def break_down(ctx: JobContext) -> None:
        raise ValueError("odd")

    job = submit_job(alice, define(break_down, retry_seconds=[100, 1000], max_attempts=4))
    for seconds in (100, 1000, 1000):
        job = run(attempts, job)
        assert job.state == State.RETRYING
        assert seconds - 60 < (job.run_at - database_now()).total_seconds() < seconds * 1.1
        clock.advance(seconds * 1.1)
    assert run(attempts, job).state == State.FAILED


# -- in the middle of the work ----------------------------------------------------------------------


def test_a_cancel_ends_the_attempt_and_discards_its_results(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    reached: list[str] = []

    def works(ctx: JobContext) -> str:
        ctx.stage("half")
        path = ctx.folder / "half.txt"
        path.write_text("half")
        ctx.add_artifact(path)
        ctx.step("first", int)
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        attempts.notice_cancels()
        ctx.progress(1)
        reached.append("too far")
        return "a result"

    job = run(attempts, submit_job(alice, define(works)))
    assert (job.state, job.result, reached) == (State.CANCELLED, None, [])
    assert not Artifact.objects.exists()
    assert not JobStep.objects.exists()
    assert [stage["state"] for stage in progress_of(job).stages] == ["cancelled"]


@pytest.mark.parametrize("duty", ["notice_cancels", "renew", "write_progress"])
def test_each_duty_of_the_keeper_tells_an_attempt_of_its_cancel(
    alice: User, attempts: Attempts, define: Callable[..., str], duty: str
) -> None:
    def works(ctx: JobContext) -> None:
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        ctx.progress(1)
        getattr(attempts, duty)()
        ctx.check()
        raise AssertionError("went on")

    assert run(attempts, submit_job(alice, define(works))).state == State.CANCELLED


def test_an_accepted_cancel_beats_a_deaf_functions_success(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def stubborn(ctx: JobContext) -> str:
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        return "a result"

    job = run(attempts, submit_job(alice, define(stubborn)))
    assert (job.state, job.result) == (State.CANCELLED, None)


def test_an_attempt_that_lost_its_lease_learns_it_writes_nothing(
    alice: User, attempts: Attempts, clock: Clock, define: Callable[..., str]
) -> None:
    def slow(ctx: JobContext) -> str:
        ctx.progress(5)
        clock.advance(61)
        leases.reap()
        clock.advance(4000)
        claim(Job.objects.get(pk=ctx.job_id), worker="there:7")
        attempts.renew()
        ctx.check()
        return "a stale result"

    job = run(attempts, submit_job(alice, define(slow)))
    assert (job.state, job.worker, job.result) == (State.RUNNING, "there:7", None)
    assert progress_of(job).version == 0


def test_stopping_hands_every_job_back_at_its_next_call(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def long(ctx: JobContext) -> None:
        ctx.stage("working")
        attempts.stop_all()
        ctx.progress(1)

    job = run(attempts, submit_job(alice, define(long)))
    assert (job.state, job.attempt, job.crashes) == (State.QUEUED, 0, 0)
    assert job.error == "The worker is being restarted; the job goes on by itself."
    assert timeline(job) == ["submitted", "claimed", "released"]
    assert [stage["state"] for stage in progress_of(job).stages] == ["pending"]
    assert [due.job_id for due in outbox.take_due()] == [job.pk]


def test_an_attempt_begun_on_a_stopping_worker_is_handed_back(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    ran: list[int] = []

    def works(ctx: JobContext) -> None:
        ran.append(1)

    attempts.stop_all()
    assert run(attempts, submit_job(alice, define(works))).state == State.QUEUED
    assert ran == []


def test_a_cancel_is_heard_by_an_attempt_that_is_being_stopped(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def long(ctx: JobContext) -> None:
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        attempts.stop_all()
        ctx.check()

    assert run(attempts, submit_job(alice, define(long))).state == State.CANCELLED


def test_a_stuck_threads_job_is_handed_back_under_its_fence(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    reached: list[str] = []

    def never_calls(ctx: JobContext) -> str:
        ctx.stage("working")
        ctx.step("first", int)
        # What the end of the process does, from another thread, while this one hangs.
        assert attempts.hand_back_all() == 1
        job = Job.objects.get(pk=ctx.job_id)
        assert (job.state, job.attempt, job.crashes, job.worker, job.lease_until) == (State.QUEUED, 0, 0, "", None)
        assert len(attempts) == 0
        claim(job, worker="there:7")
        with pytest.raises(LeaseLost):
            ctx.step("second", int)
        reached.append("the end")
        return "a stale result"

    job = run(attempts, submit_job(alice, define(never_calls)))
    assert reached == ["the end"]
    assert (job.state, job.worker, job.fence, job.result) == (State.RUNNING, "there:7", 2, None)
    assert timeline(job) == ["submitted", "claimed", "step", "released", "claimed"]
    assert list(JobStep.objects.values_list("key", flat=True)) == ["first"]
    assert [stage["state"] for stage in progress_of(job).stages] == ["pending"]


def test_an_end_that_was_written_first_is_not_taken_back(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def works(ctx: JobContext) -> None:
        requests.cancel(Job.objects.get(pk=ctx.job_id), by="alice")
        attempts.hand_back_all()

    # An accepted cancel wins over handing back, too.
    assert run(attempts, submit_job(alice, define(works))).state == State.CANCELLED
    assert attempts.hand_back_all() == 0


def test_an_attempt_whose_end_cannot_be_made_is_let_go(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def odd(ctx: JobContext) -> None:
        ctx._display.progress.stages = None  # type: ignore[assignment]

    job = submit_job(alice, define(odd))
    with pytest.raises(TypeError):
        attempts.run(job.pk)
    # Not held: its lease runs out, and it is tried again.
    assert len(attempts) == 0


@pytest.mark.django_db(transaction=True)
def test_an_end_that_cannot_be_written_is_let_go(
    alice: User, attempts: Attempts, define: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def works(ctx: JobContext) -> None: ...

    job = submit_job(alice, define(works))
    attempts.ledger.start()

    write = attempts.ledger._write

    def refuse_ends(batch: list[Any]) -> None:
        if any(request.end for request in batch):
            raise TypeError("not to be written")
        write(batch)

    monkeypatch.setattr(attempts.ledger, "_write", refuse_ends)
    try:
        attempts.run(job.pk)
        wait_until(lambda: len(attempts) == 0, what="the attempt to be let go")
    finally:
        attempts.ledger.stop()
    assert fresh(job).state == State.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_started_ledger_ends_many_attempts_and_each_is_let_go(alice: User, attempts: Attempts) -> None:
    jobs = [submit_job(alice, "count", params={"count": 1, "seconds": None}) for _ in range(10)]
    attempts.ledger.start()
    for job in jobs:
        attempts.run(job.pk)
    attempts.ledger.stop()
    assert {fresh(job).state for job in jobs} == {State.SUCCEEDED}
    assert len(attempts) == 0


# -- progress ---------------------------------------------------------------------------------------


def test_progress_is_written_only_when_it_has_changed(
    alice: User, attempts: Attempts, define: Callable[..., str], django_assert_num_queries: Any
) -> None:
    versions: list[int] = []

    def works(ctx: JobContext) -> None:
        job = Job.objects.get(pk=ctx.job_id)
        ctx.stage("one")
        for done in range(1000):
            ctx.progress(done, 1000)
        attempts.write_progress()
        versions.append(progress_of(job).version)
        with django_assert_num_queries(0):
            attempts.write_progress()
        ctx.progress(1000, 1000)
        attempts.write_progress()
        versions.append(progress_of(job).version)

    job = run(attempts, submit_job(alice, define(works)))
    assert versions == [1, 2]
    assert progress_of(job).done == 1000


def test_progress_of_many_attempts_is_written_in_one_statement(alice: User, attempts: Attempts) -> None:
    contexts = []
    for number in range(3):
        attempt = begin_attempt(submit_job(alice))
        attempt.context.progress(number, 10)
        attempts._hold(attempt)
        contexts.append(attempt.context)
    attempts.write_progress()
    assert [progress_of(Job.objects.get(pk=ctx.job_id)).done for ctx in contexts] == [0, 1, 2]


def test_the_last_progress_is_never_lost(alice: User, attempts: Attempts, define: Callable[..., str]) -> None:
    def works(ctx: JobContext) -> None:
        ctx.progress(1, 3)
        attempts.write_progress()
        ctx.progress(3, 3, note="the last line")

    job = run(attempts, submit_job(alice, define(works)))
    shown = progress_of(job)
    assert (shown.done, shown.note) == (3, "the last line")


def test_a_stale_fence_writes_no_progress(alice: User, attempts: Attempts, clock: Clock) -> None:
    job = submit_job(alice)
    attempt = begin_attempt(job)
    zombie = attempt.context
    attempts._hold(attempt)
    clock.advance(61)
    leases.reap()
    zombie.progress(7, 10)
    attempts.write_progress()
    clock.advance(4000)
    claim(job, worker="there:7")
    zombie.progress(8, 10)
    attempts.write_progress()
    shown = progress_of(job)
    assert (shown.done, shown.total, shown.version) == (0, None, 0)


@pytest.mark.django_db(transaction=True)
def test_keeper_progress_and_an_attempts_end_do_not_deadlock(alice: User) -> None:
    attempts = Attempts(worker="here:1")
    stop = threading.Event()

    def keep() -> None:
        from django.db import connection

        try:
            while not stop.wait(0.001):
                attempts.write_progress()
                attempts.renew()
        finally:
            connection.close()

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        jobs = [submit_job(alice, "count", params={"count": 20, "seconds": None}) for _ in range(20)]
        for job in jobs:
            attempts.run(job.pk)
    finally:
        stop.set()
        keeper.join(PATIENCE_SECONDS)
    assert {fresh(job).state for job in jobs} == {State.SUCCEEDED}
