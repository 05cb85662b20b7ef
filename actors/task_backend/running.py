"""The run of a task's job: what its pipeline's function does beside calling the task's."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal
from django.utils import timezone

from actors.task_backend.api import Task, TaskResultStatus, normalize_json, task_finished, task_started
from actors.task_backend.arguments import call_of
from actors.task_backend.tasks import HeadwayTaskContext
from core.database.jsontext import dumps_limited
from core.errors import InvalidParams, JobStopped, PermanentError, RetryAfter, TimeLimitReached
from core.logs import sink

if TYPE_CHECKING:
    from core.attempt.async_context import AsyncJobContext
    from core.attempt.context import JobContext


def perform(task: Task, ctx: JobContext, params: dict[str, Any]) -> Any:
    """Call the task's function between the signals of its start and its end, and return its result as JSON has it."""
    attempt = _Attempt(task, ctx.job_id)
    args, kwargs = attempt.call(ctx, params)
    attempt.send(task_started)
    try:
        value = attempt.succeed(task.func(*args, **kwargs))
    except BaseException as error:
        if attempt.fail(error):
            # While the error is being handled: receivers log it.
            attempt.send(task_finished)
        raise
    attempt.send(task_finished)
    return value


async def perform_async(task: Task, ctx: AsyncJobContext, params: dict[str, Any]) -> Any:
    """Do what `perform` does, for a task that is `async`."""
    # Reads the database, as its context does: beside the loop.
    attempt = await ctx._call(partial(_Attempt, task, ctx.job_id))
    args, kwargs = attempt.call(ctx, params)
    await attempt.asend(task_started)
    try:
        value = attempt.succeed(await task.func(*args, **kwargs))
    except BaseException as error:
        if attempt.fail(error):
            await attempt.asend(task_finished)
        raise
    await attempt.asend(task_finished)
    return value


@contextmanager
def _out_of_the_jobs_log() -> Iterator[None]:
    whose = sink.set(None)
    try:
        yield
    finally:
        sink.reset(whose)


class _Attempt:
    """One attempt of a task, and its result so far."""

    def __init__(self, task: Task, job_id: int) -> None:
        from actors.task_backend import results
        from core.models import Job

        job = Job.objects.get(pk=job_id)
        self._task = task
        self._is_last = job.attempt >= job.max_attempts
        self._result = results.of(job, results.as_enqueued(task, job))

    def send(self, signal: Signal) -> None:
        """Send one of Django's signals. What receivers log, Django's own to begin with, is not of the job's log."""
        with _out_of_the_jobs_log():
            signal.send_robust(**self._of_signal)

    async def asend(self, signal: Signal) -> None:
        """Do what `send` does, for a task that is `async`."""
        with _out_of_the_jobs_log():
            await signal.asend_robust(**self._of_signal)

    @property
    def _of_signal(self) -> dict[str, Any]:
        return {"sender": type(self._result.task.get_backend()), "task_result": self._result}

    def call(self, ctx: JobContext | AsyncJobContext, params: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments to call the function with, its context first if it takes one."""
        args, kwargs = call_of(self._task, params)
        if self._task.takes_context:
            args.insert(0, HeadwayTaskContext(task_result=self._result, job=ctx))
        return args, kwargs

    def succeed(self, value: Any) -> Any:
        """Return what the function has returned as it is kept; raise PermanentError when it can't be."""
        from actors.task_backend import results

        try:
            kept = normalize_json(value)
        except (TypeError, ValueError) as error:
            raise results.ResultIsNoJSON(f"The task has returned what can't be kept as JSON: {error}.") from error
        dumps_limited(kept, what="The result")
        results.change(self._result, status=TaskResultStatus.SUCCESSFUL, finished_at=timezone.now(), _return_value=kept)
        return kept

    def fail(self, error: BaseException) -> bool:
        """Note the error, and return whether the task has ended by it."""
        from actors.task_backend import results

        if not self._ends_by(error):
            return False
        text = "".join(traceback.format_exception(error))
        results.change(
            self._result,
            status=TaskResultStatus.FAILED,
            finished_at=timezone.now(),
            errors=[*self._result.errors, results.error_of(error, text)],
        )
        return True

    def _ends_by(self, error: BaseException) -> bool:
        if isinstance(error, (PermanentError, InvalidParams, TimeLimitReached)):
            return True
        # It was cancelled, goes on elsewhere, or waits for its parts or for a time.
        if isinstance(error, (JobStopped, RetryAfter, asyncio.CancelledError)):
            return False
        return self._is_last
