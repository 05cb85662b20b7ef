"""The event loop of a worker: it holds many jobs at once, ends what does not listen, and names what blocks it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from actors.runtime import async_jobs
from actors.runtime.async_jobs import AsyncJobs
from core.attempt.async_context import AsyncJobContext
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import LeaseLost
from core.life import requests
from core.models import Job, JobStep
from core.models.states import State
from tests.configuration import OwnConf
from tests.services.waiting import PATIENCE_SECONDS, wait_until
from tests.unit.core.acts import fresh, submit_job, timeline

pytestmark = pytest.mark.django_db(transaction=True)

Define = Callable[..., str]


class Gate:
    """Where async functions of a test wait until they may go on; they say when they have begun."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.is_open = threading.Event()

    async def wait(self, ctx: AsyncJobContext) -> None:
        self.begun.append(ctx.job_id)
        while not self.is_open.is_set():
            await asyncio.sleep(0.01)


@pytest.fixture
def attempts(conf: OwnConf) -> Attempts:
    conf.WRITE_OFF_SECONDS = 0.01
    return Attempts(worker="here:1")


@pytest.fixture
def jobs(attempts: Attempts) -> Iterator[AsyncJobs]:
    attempts.async_jobs = jobs = AsyncJobs(attempts)
    yield jobs
    attempts.stop_all()
    jobs.wait_until_idle(PATIENCE_SECONDS)
    assert jobs.stop(timeout=PATIENCE_SECONDS)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def begin(attempts: Attempts, *begun: Job) -> None:
    """Do what a thread of the worker does with the messages of these jobs."""
    for job in begun:
        attempts.run(job.pk)


def wait_for_state(job: Job, state: State) -> None:
    wait_until(lambda: fresh(job).state == state, what=f"{job} to be {state}")


def test_the_threads_that_begin_jobs_are_free_while_these_wait(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate
) -> None:
    async def waits(ctx: AsyncJobContext) -> int:
        await gate.wait(ctx)
        return ctx.job_id

    name = define(waits)
    many = [submit_job(alice, name) for _ in range(20)]
    before = threading.active_count()
    begin(attempts, *many)
    wait_until(lambda: len(gate.begun) == 20, what="all to have begun")
    assert (len(jobs), len(attempts)) == (20, 20)
    assert threading.active_count() - before < 20
    assert set(Job.objects.values_list("state", flat=True)) == {State.RUNNING}
    gate.is_open.set()
    wait_until(lambda: len(jobs) == 0, what="all to have ended")
    assert all(fresh(job).result == job.pk for job in many)


def test_a_job_that_is_not_async_runs_in_the_thread(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define
) -> None:
    ran: list[int] = []

    def plain(ctx: JobContext) -> None:
        ran.append(threading.get_ident())

    begin(attempts, submit_job(alice, define(plain)))
    assert ran == [threading.get_ident()]


def test_more_than_the_setting_allows_are_not_claimed_until_there_is_a_place(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate, conf: OwnConf
) -> None:
    conf.ASYNC_JOBS = 2

    async def waits(ctx: AsyncJobContext) -> None:
        await gate.wait(ctx)

    def plain(ctx: JobContext) -> None: ...

    name = define(waits)
    first, second, third = (submit_job(alice, name) for _ in range(3))
    begin(attempts, first, second)
    waiting = threading.Thread(target=_in_thread, args=[lambda: begin(attempts, third)])
    waiting.start()
    # What is not async needs no place.
    other = submit_job(alice, define(plain))
    begin(attempts, other)
    assert (fresh(other).state, fresh(third).state) == (State.SUCCEEDED, State.QUEUED)
    gate.is_open.set()
    wait_for_state(third, State.SUCCEEDED)
    waiting.join(PATIENCE_SECONDS)


def test_one_that_waits_for_a_place_in_a_process_that_stops_is_published_anew(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate, conf: OwnConf
) -> None:
    conf.ASYNC_JOBS = 1

    async def waits(ctx: AsyncJobContext) -> None:
        await gate.wait(ctx)

    name = define(waits)
    first, second = submit_job(alice, name), submit_job(alice, name)
    Job.objects.filter(pk=second.pk).update(published_at=second.created_at)
    begin(attempts, first)
    jobs.take_no_more()
    begin(attempts, second)
    assert (fresh(second).state, fresh(second).published_at) == (State.QUEUED, None)


def test_a_cancel_ends_what_waits(alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate) -> None:
    async def waits(ctx: AsyncJobContext) -> None:
        await ctx.progress(1, 2)
        await gate.wait(ctx)

    job = submit_job(alice, define(waits))
    begin(attempts, job)
    wait_until(lambda: gate.begun, what="it to have begun")
    requests.cancel(job, by="alice")
    attempts.notice_cancels()
    wait_for_state(job, State.CANCELLED)
    wait_until(lambda: len(jobs) == 0, what="its place to be free")


def test_a_time_limit_ends_what_waits(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate
) -> None:
    async def waits(ctx: AsyncJobContext) -> None:
        await gate.wait(ctx)

    job = submit_job(alice, define(waits, time_limit=0.001))
    begin(attempts, job)
    wait_until(lambda: gate.begun, what="it to have begun")
    attempts.enforce()
    wait_for_state(job, State.FAILED)
    assert "It took longer than its time limit" in fresh(job).error


@pytest.mark.parametrize("is_in_task", [False, True])
def test_one_that_swallows_the_cancel_is_cut_off_and_its_job_ended(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, is_in_task: bool
) -> None:
    swallowed: list[int] = []
    ended: list[str] = []
    begun = threading.Event()

    async def goes_on(ctx: AsyncJobContext) -> None:
        begun.set()
        try:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    swallowed.append(1)
        finally:
            ended.append("closed")

    async def swallows(ctx: AsyncJobContext) -> None:
        if is_in_task:
            await asyncio.create_task(goes_on(ctx))
        else:
            await goes_on(ctx)

    job = submit_job(alice, define(swallows))
    begin(attempts, job)
    wait_until(begun.is_set, what="it to have begun")
    requests.cancel(job, by="alice")
    attempts.notice_cancels()
    wait_until(lambda: swallowed, what="it to have swallowed the cancel")
    attempts.enforce()
    time.sleep(0.02)
    attempts.enforce()
    assert fresh(job).state == State.CANCELLED
    assert timeline(job)[-1] == "cancelled"
    wait_until(lambda: len(jobs) == 0, what="its place to be free")
    assert ended == ["closed"]


def test_one_that_lost_its_lease_writes_nothing_more(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate
) -> None:
    async def waits(ctx: AsyncJobContext) -> None:
        try:
            await gate.wait(ctx)
        except asyncio.CancelledError:
            await ctx.step("late", lambda: 1)

    job = submit_job(alice, define(waits))
    begin(attempts, job)
    wait_until(lambda: gate.begun, what="it to have begun")
    (attempt,) = attempts._held.values()
    attempt.own.stop = LeaseLost
    wait_until(lambda: len(attempts) == 0, what="it to be let go")
    assert fresh(job).state == State.RUNNING
    assert not JobStep.objects.exists()


def test_a_stopping_worker_hands_back_what_waits(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define, gate: Gate
) -> None:
    async def waits(ctx: AsyncJobContext) -> None:
        await gate.wait(ctx)

    name = define(waits)
    many = [submit_job(alice, name) for _ in range(5)]
    begin(attempts, *many)
    attempts.stop_all()
    jobs.wait_until_idle(PATIENCE_SECONDS)
    assert {(fresh(job).state, fresh(job).attempt) for job in many} == {(State.QUEUED, 0)}


def test_tasks_that_it_leaves_behind_end_with_it(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define
) -> None:
    ended = threading.Event()
    left: list[asyncio.Task[None]] = []

    async def leaves(ctx: AsyncJobContext) -> None:
        async def goes_on() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        left.append(asyncio.create_task(goes_on()))
        await asyncio.sleep(0)

    job = submit_job(alice, define(leaves))
    begin(attempts, job)
    wait_for_state(job, State.SUCCEEDED)
    assert ended.wait(PATIENCE_SECONDS)


def test_one_that_blocks_the_loop_is_named_with_its_place(
    alice: User,
    attempts: Attempts,
    jobs: AsyncJobs,
    define: Define,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(async_jobs, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(async_jobs, "BLOCKED_SECONDS", 0.1)
    let_go = threading.Event()

    async def blocks(ctx: AsyncJobContext) -> None:
        let_go.wait(PATIENCE_SECONDS)

    job = submit_job(alice, define(blocks))
    begin(attempts, job)

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if "event_loop_blocked" in record.getMessage()]

    wait_until(lines, what="it to be named")
    assert f"job={job.pk} pipeline={fresh(job).pipeline}" in lines()[0]
    assert "test_async_jobs.py" in lines()[0]
    assert " blocks'" in lines()[0]
    assert not jobs.is_lost
    let_go.set()
    wait_for_state(job, State.SUCCEEDED)


def test_one_that_blocks_the_loop_for_a_lease_is_a_crash_and_the_process_is_to_be_replaced(
    alice: User,
    attempts: Attempts,
    jobs: AsyncJobs,
    define: Define,
    gate: Gate,
    conf: OwnConf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(async_jobs, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(async_jobs, "BLOCKED_SECONDS", 0.1)
    conf.LEASE_SECONDS = 0.5
    let_go = threading.Event()

    async def waits(ctx: AsyncJobContext) -> None:
        await gate.wait(ctx)

    async def blocks(ctx: AsyncJobContext) -> None:
        let_go.wait(PATIENCE_SECONDS)

    neighbour, job = submit_job(alice, define(waits)), submit_job(alice, define(blocks))
    begin(attempts, neighbour)
    wait_until(lambda: gate.begun, what="the neighbour to have begun")
    begin(attempts, job)
    wait_for_state(job, State.RETRYING)
    assert "It held up the event loop for" in fresh(job).error
    assert fresh(job).crashes == 1
    wait_until(lambda: jobs.is_lost, what="the loop to be given up")
    jobs.wait_until_idle(PATIENCE_SECONDS)  # it does not wait for it
    assert attempts.hand_back_all() == 1
    assert (fresh(neighbour).state, fresh(neighbour).attempt) == (State.QUEUED, 0)
    let_go.set()


def test_a_call_that_hangs_beside_the_loop_costs_the_others_no_thread(
    alice: User,
    attempts: Attempts,
    define: Define,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(async_jobs, "SHORT_THREADS", 1)
    monkeypatch.setattr(async_jobs, "LOOK_SECONDS", 0.02)
    attempts.async_jobs = jobs = AsyncJobs(attempts)
    let_go, hangs_now = threading.Event(), threading.Event()

    def hang() -> None:
        hangs_now.set()
        let_go.wait(PATIENCE_SECONDS)

    async def hangs(ctx: AsyncJobContext) -> None:
        await ctx.step("hang", hang)

    async def steps(ctx: AsyncJobContext) -> Any:
        return await ctx.step("one", lambda: 1)

    job, other = submit_job(alice, define(hangs)), submit_job(alice, define(steps))
    begin(attempts, job)
    assert hangs_now.wait(PATIENCE_SECONDS)
    begin(attempts, other)
    requests.cancel(job, by="alice")
    attempts.notice_cancels()
    for _ in range(2):
        attempts.enforce()
        time.sleep(0.02)
    assert fresh(job).state == State.CANCELLED
    wait_for_state(other, State.SUCCEEDED)
    let_go.set()
    jobs.wait_until_idle(PATIENCE_SECONDS)
    assert jobs.stop(timeout=PATIENCE_SECONDS)


def test_djangos_own_async_calls_work_beside_it(
    alice: User, attempts: Attempts, jobs: AsyncJobs, define: Define
) -> None:
    async def queries(ctx: AsyncJobContext) -> int:
        return await Job.objects.filter(pk=ctx.job_id).acount()

    job = submit_job(alice, define(queries))
    begin(attempts, job)
    wait_for_state(job, State.SUCCEEDED)
    assert fresh(job).result == 1


def _in_thread(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connection.close()
