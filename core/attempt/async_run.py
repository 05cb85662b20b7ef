"""The run of an attempt whose function is `async def`: a task of an event loop in the place of a thread.

1. The function is called with an `AsyncJobContext` and runs as a task. What of it needs the database, or a plain
   function of a step, runs beside the loop (`Beside`), one call of a job after the other.
2. The moment the attempt may not go on its task is cancelled: what it awaits raises `asyncio.CancelledError`, and so it
   can clean up. What becomes of it is said by the attempt's own reason, not by that error.
3. One that swallows the error is written off as a thread would be (`core.attempt.attempts`). Its coroutine is then
   closed, wherever it stands; what it still does is refused by the fence.
4. Tasks that the function has left behind are cancelled at its end.

Which loop that is, is the caller's: a worker has one for all (`actors.runtime.async_jobs`). Without one, as in tests,
an attempt brings its own, and what runs beside it runs in the thread of the caller (`run_inline`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async

from core.attempt.async_context import AsyncJobContext
from core.errors import JobStopped, PermanentError, RetryAfter
from core.life.fan_out import function_of
from core.logs import sink
from core.pipelines import Pipeline

if TYPE_CHECKING:
    from core.attempt.attempt import Attempt

T = TypeVar("T")


class Beside(Protocol):
    """Runs a plain function beside the loop; `is_long` for one that may take more than a moment."""

    async def __call__(self, act: Callable[[], T], /, *, is_long: bool = False) -> T: ...


class AsyncRun:
    """One attempt on one loop. Everything but `stop` and `cut_off` is called in the loop's thread."""

    def __init__(self, attempt: Attempt, beside: Beside) -> None:
        self.attempt = attempt
        self._beside = beside
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._coroutine: Any = None
        self._task: asyncio.Task[Any] | None = None
        #: Tasks that were started in this run, and have not ended, with their coroutines.
        self._tasks: dict[asyncio.Task[Any], Any] = {}

    def start(self, *, then: Callable[[Callable[[], Any]], object]) -> None:
        """Start the function on the running loop; `then` is called at its end with what returns or raises its end."""
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._coroutine = self._perform()
        whose, mine = sink.set(self.attempt.lines), run_of_task.set(self)
        try:
            self._task = self._loop.create_task(self._coroutine, name=f"job-{self.attempt.claim.job_id}")
        finally:
            run_of_task.reset(mine)
            sink.reset(whose)
        self._task.add_done_callback(lambda task: self._end(task, then))
        self.attempt.run_on_loop = self
        self.attempt.own.on_stop = self.stop
        if self.attempt.own.stop is not None:
            self.stop()

    def stop(self) -> None:
        """Cancel the task: the attempt may not go on. Returns at once, in any thread."""
        self._in_loop(lambda: self._task and self._task.cancel())

    def cut_off(self) -> None:
        """End a task that does not listen, wherever it stands. Returns at once, in any thread."""
        self._in_loop(self._close)

    def adopt(self, task: asyncio.Task[Any], coroutine: Any) -> None:
        """Remember a task that was started in this run: it ends with it."""
        self._tasks[task] = coroutine
        task.add_done_callback(lambda task: self._tasks.pop(task, None))

    def where(self) -> str:
        """Return the place at which the function awaits, or that runs in this moment, as a traceback has it."""
        if getattr(self._coroutine, "cr_running", False):
            frame = sys._current_frames().get(self._thread_id)
            return "".join(traceback.format_stack(frame)) if frame else ""
        return "".join(line for frame in frames_of(self._coroutine) for line in traceback.format_stack(frame, limit=1))

    async def _perform(self) -> Any:
        self.attempt.own.check()
        if self.attempt.claim.fence > 1:
            await self._beside(self.attempt.prepare)
        context = AsyncJobContext(self.attempt, self._beside)
        return await self.attempt.call(context)

    def _end(self, task: asyncio.Task[Any], then: Callable[[Callable[[], Any]], object]) -> None:
        self.attempt.own.on_stop = None
        for left in self._tasks:
            if left is not task:
                left.cancel()
        then(lambda: result_of(task, self.attempt))

    def _close(self) -> None:
        if self._task is None or self._task.done():
            return
        tasks = {self._task: self._coroutine, **self._tasks}
        for coroutine in tasks.values():
            with contextlib.suppress(RuntimeError):
                # Raised when it awaits even then: what it awaits next fails, as nobody waits for it.
                coroutine.close()
        for task in tasks:
            # A closed coroutine can't go on: that ends its task.
            task.cancel()

    def _in_loop(self, act: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: nothing runs there
                self._loop.call_soon_threadsafe(act)


#: The run that the current task belongs to.
run_of_task: ContextVar[AsyncRun | None] = ContextVar("run_of_task", default=None)


def is_async(spec: Pipeline | None, task: str) -> bool:
    """Whether the function of such a job is async: the pipeline's own, or that of a child."""
    try:
        return spec is not None and bool(iscoroutinefunction(function_of(task) if task else spec.run))
    except Exception:  # noqa: BLE001 - there is no such function: the run says so
        return False


def run_inline(attempt: Attempt) -> Any:
    """Run the attempt's async function on a loop of its own, and return or raise what it does."""

    async def run() -> Callable[[], Any]:
        ended: Future[Callable[[], Any]] = Future()
        AsyncRun(attempt, in_callers_thread).start(then=ended.set_result)
        return await asyncio.wrap_future(ended)

    return async_to_sync(run)()()


def result_of(task: asyncio.Task[Any], attempt: Attempt) -> Any:
    """Return what the function has returned, or raise what became of it."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        return task.result()
    # Whatever it raised after it was to stop, the reason for that is what became of it.
    attempt.own.check()
    if isinstance(error, asyncio.CancelledError):
        raise RuntimeError("its function has ended by asyncio.CancelledError, though the job was to go on") from error
    raise _leading(error)


def frames_of(coroutine: Any) -> Iterator[Any]:
    """Yield the frames of a coroutine that is suspended, from the outermost to the innermost."""
    while coroutine is not None:
        for kind in ("cr", "gi", "ag"):
            if (frame := getattr(coroutine, f"{kind}_frame", None)) is not None:
                yield frame
                coroutine = getattr(coroutine, f"{kind}_await", None) or getattr(coroutine, f"{kind}_yieldfrom", None)
                break
        else:
            return


def _leading(error: BaseException) -> BaseException:
    """Return the error of a group, such as a TaskGroup raises, that says what becomes of the job; else the error."""
    if isinstance(error, BaseExceptionGroup):
        for kind in (JobStopped, PermanentError, RetryAfter):
            part: BaseException | None = error.subgroup(kind)
            while isinstance(part, BaseExceptionGroup):
                part = part.exceptions[0]
            if part is not None:
                return part
    return error


async def in_callers_thread(act: Callable[[], T], /, *, is_long: bool = False) -> T:  # noqa: ARG001 - it has one
    made: Awaitable[T] = sync_to_async(act, thread_sensitive=True)()
    return await made
