"""Attempts whose function is `async def`, without a worker: each brings its own event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.async_context import AsyncJobContext
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import JobCancelled, PermanentError, RetryAfter
from core.models import Artifact, Job, JobEvent, JobLog, JobStep
from core.models.states import State
from tests.unit.core.acts import Work, fresh, progress_of, submit_job, timeline
from tests.unit.core.attempt.plain_work import loaded
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db

Define = Callable[..., str]


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(worker="here:1")


def run(attempts: Attempts, job: Job) -> Job:
    attempts.run(job.pk)
    assert len(attempts) == 0
    return fresh(job)


def test_an_async_function_ends_its_job_and_shows_its_progress(alice: User, attempts: Attempts, define: Define) -> None:
    async def counts(ctx: AsyncJobContext, upto: int = 0) -> dict[str, Any]:
        async with ctx.stage("count"):
            async for _ in ctx.track(range(upto), unit="numbers"):
                await asyncio.sleep(0)
        await ctx.stage("end")
        await ctx.note("nearly there")
        await ctx.log("it has counted")
        return {"headline": f"{ctx.job_id} {ctx.owner_id} {ctx.attempt} {ctx.fence} {ctx.params}"}

    job = submit_job(alice, define(counts, stages=("count", "end")), params={"upto": 3})
    job = run(attempts, job)
    assert (job.state, job.result) == (
        State.SUCCEEDED,
        {"headline": f"{job.pk} {alice.pk} 1 1 {{'upto': 3}}"},
    )
    progress = progress_of(job)
    assert [(stage["state"], stage.get("done")) for stage in progress.stages] == [("done", 3), ("done", None)]
    assert progress.note == "nearly there"
    assert JobEvent.objects.filter(job=job, kind=JobEvent.Kind.NOTE).get().text == "it has counted"


def test_its_steps_are_async_or_plain_and_each_is_done_once(
    alice: User, attempts: Attempts, define: Define, clock: Clock
) -> None:
    plain, atomic, lazy = Work(2), Work(3), Work(4)
    awaited = 0

    async def one(of: int) -> int:
        nonlocal awaited
        awaited += 1
        await asyncio.sleep(0)
        return of

    async def steps(ctx: AsyncJobContext) -> list[int]:
        made = [
            await ctx.step("async", one, 1, title="Await"),
            await ctx.step("plain", plain),
            await ctx.step("atomic", atomic, atomic=True),
            await ctx.step("lambda", lambda: one(lazy())),
        ]
        if ctx.attempt == 1:
            raise ValueError("once more")
        return made

    job = submit_job(alice, define(steps))
    assert run(attempts, job).state == State.RETRYING
    clock.advance(3600)
    job = run(attempts, job)
    assert (job.state, job.result) == (State.SUCCEEDED, [1, 2, 3, 4])
    assert (awaited, plain.runs, atomic.runs, lazy.runs) == (2, 1, 1, 1)
    assert list(JobStep.objects.filter(job=job).order_by("pk").values_list("key", "title")) == [
        ("async", "Await"),
        ("plain", ""),
        ("atomic", ""),
        ("lambda", ""),
    ]


@dataclass
class Page:
    address: str
    size: int


def test_a_step_has_a_result_with_a_type(alice: User, attempts: Attempts, define: Define) -> None:
    async def fetch() -> Page:
        return Page("https://example.org", 7)

    async def typed(ctx: AsyncJobContext) -> int:
        return (await ctx.step("fetch", fetch, returns=Page)).size

    assert run(attempts, submit_job(alice, define(typed))).result == 7


def test_steps_that_run_at_the_same_time_are_each_kept(alice: User, attempts: Attempts, define: Define) -> None:
    async def one(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def gathers(ctx: AsyncJobContext) -> list[int]:
        return await asyncio.gather(*(ctx.step(f"step-{number}", one, number) for number in range(5)))

    job = run(attempts, submit_job(alice, define(gathers)))
    assert job.result == [0, 1, 2, 3, 4]
    assert JobStep.objects.filter(job=job).count() == 5


def test_an_atomic_step_can_not_be_async(alice: User, attempts: Attempts, define: Define) -> None:
    async def one() -> int:
        return 1

    async def atomic(ctx: AsyncJobContext) -> int:
        return await ctx.step("one", one, atomic=True)

    assert "an atomic step is a plain function" in run(attempts, submit_job(alice, define(atomic))).error


def test_its_files_are_read_and_published(alice: User, attempts: Attempts, define: Define) -> None:
    async def publishes(ctx: AsyncJobContext) -> str:
        (ctx.scratch / "work").write_text("temporary")
        path = ctx.folder / "made.txt"
        path.write_text("made")
        await ctx.add_artifact(path, title="Made")
        await ctx.publish([await ctx.artifact(path, name="again.txt")])
        with pytest.raises(PermanentError, match="No file was given"):
            await ctx.file("file")
        assert ctx.resolve(ctx.key(path)) == path
        return path.name

    job = run(attempts, submit_job(alice, define(publishes)))
    assert job.error == ""
    assert set(Artifact.objects.filter(job=job).values_list("name", flat=True)) == {"made.txt", "again.txt"}


def test_it_runs_what_takes_the_processor_in_a_child_process(alice: User, attempts: Attempts, define: Define) -> None:
    async def child(ctx: AsyncJobContext) -> Any:
        made = await ctx.run_in_child(loaded)
        await ctx.release_child()
        return type(made).__name__

    job = run(attempts, submit_job(alice, define(child)))
    assert (job.error, job.state) == ("", State.SUCCEEDED)


async def async_part(ctx: AsyncJobContext, item: int) -> int:
    await ctx.progress(1, 1)
    return item * 2


def plain_part(ctx: JobContext, item: int) -> int:
    return item + 1


def test_it_fans_out_over_async_and_plain_functions(alice: User, attempts: Attempts, define: Define) -> None:
    async def parent(ctx: AsyncJobContext) -> list[int]:
        doubled = await ctx.fan_out("double", async_part, [1, 2, 3])
        added = await ctx.fan_out("add", plain_part, doubled.values())
        return added.values()

    job = submit_job(alice, define(parent))
    for _ in range(2):
        assert run(attempts, job).state == State.WAITING
        for child in Job.objects.filter(parent=job, state=State.QUEUED):
            run(attempts, child)
    assert run(attempts, job).result == [3, 5, 7]


def test_a_plain_function_fans_out_over_an_async_one(alice: User, attempts: Attempts, define: Define) -> None:
    def parent(ctx: JobContext) -> list[int]:
        return ctx.fan_out("double", async_part, [1, 2]).values()

    job = submit_job(alice, define(parent))
    run(attempts, job)
    for child in Job.objects.filter(parent=job):
        run(attempts, child)
    assert run(attempts, job).result == [2, 4]


@pytest.mark.parametrize("is_grouped", [False, True])
@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (PermanentError("write a number"), State.FAILED, "write a number"),
        (RetryAfter(5, reason="busy"), State.SCHEDULED, "busy"),
        (ValueError("wrong"), State.RETRYING, "wrong"),
    ],
)
def test_what_it_raises_is_the_jobs_end_in_a_group_of_tasks_as_well(
    alice: User, attempts: Attempts, define: Define, error: Exception, state: State, sentence: str, is_grouped: bool
) -> None:
    async def fails() -> None:
        raise error

    async def raises(ctx: AsyncJobContext) -> None:
        if not is_grouped:
            await fails()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(fails())

    job = run(attempts, submit_job(alice, define(raises)))
    assert job.state == state
    if not (is_grouped and isinstance(error, ValueError)):
        assert sentence in job.error


def test_a_cancel_cancels_what_it_awaits_at_once_and_it_may_clean_up(
    alice: User, attempts: Attempts, define: Define
) -> None:
    cleaned: list[str] = []

    async def waits(ctx: AsyncJobContext) -> None:
        threading.Thread(target=stop).start()
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned.append("yes")

    def stop() -> None:
        (attempt,) = attempts._held.values()
        attempt.own.stop = JobCancelled

    job = submit_job(alice, define(waits))
    assert run(attempts, job).state == State.CANCELLED
    assert cleaned == ["yes"]


def test_its_next_call_raises_when_it_swallowed_the_cancel(alice: User, attempts: Attempts, define: Define) -> None:
    went_on: list[str] = []

    async def swallows(ctx: AsyncJobContext) -> None:
        threading.Thread(target=attempts.stop_all).start()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            went_on.append("yes")
        await ctx.check()
        went_on.append("too far")

    job = run(attempts, submit_job(alice, define(swallows)))
    assert (job.state, went_on) == (State.QUEUED, ["yes"])
    assert timeline(job)[-1] == "released"


def test_one_that_cancels_itself_has_gone_wrong(alice: User, attempts: Attempts, define: Define) -> None:
    async def cancels(ctx: AsyncJobContext) -> None:
        raise asyncio.CancelledError

    job = run(attempts, submit_job(alice, define(cancels)))
    assert job.state == State.RETRYING
    assert "its function has ended by asyncio.CancelledError" in job.error


def test_what_it_logs_is_on_its_page(alice: User, attempts: Attempts, define: Define) -> None:
    async def logs(ctx: AsyncJobContext) -> None:
        logging.getLogger("shop").warning("one is missing")
        await ctx.step("plain", logging.getLogger("shop").warning, "another one")

    job = run(attempts, submit_job(alice, define(logs)))
    lines = [line for row in JobLog.objects.filter(job=job) for line in row.lines]
    assert [line[3] for line in lines] == ["one is missing", "another one"]
