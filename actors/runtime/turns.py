"""Whose turn it is on the event loop: each job's tasks say so when they go on, and when they wait again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from core.attempt.async_run import AsyncRun, run_of_task
from core.attempt.pulse import name_thread


class Turns:
    """The turns of one loop."""

    def __init__(self) -> None:
        #: The run whose task is at work at this moment.
        self.current: AsyncRun | None = None
        self._named: int | None = None

    def make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """Return the task of a coroutine, as a loop's task factory does; that of a job says when it is at work."""
        run = run_of_task.get()
        if run is None or not asyncio.iscoroutine(coroutine):
            return asyncio.Task(coroutine, loop=loop, **options)
        task = asyncio.Task(_Turned(coroutine, run, self), loop=loop, **options)
        run.adopt(task, coroutine)
        return task

    def begin(self, run: AsyncRun) -> None:
        self.current = run
        job_id = run.attempt.claim.job_id
        if job_id != self._named:
            # It keeps this name until another job's turn: the watcher looks when nothing goes on any more.
            self._named = job_id
            name_thread(job_id)

    def end(self) -> None:
        self.current = None


class _Turned(Coroutine[Any, Any, Any]):
    """A coroutine that says when it is at work."""

    __slots__ = ("_coroutine", "_run", "_turns")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], run: AsyncRun, turns: Turns) -> None:
        self._coroutine = coroutine
        self._run = run
        self._turns = turns

    def send(self, value: Any) -> Any:
        self._turns.begin(self._run)
        try:
            return self._coroutine.send(value)
        finally:
            self._turns.end()

    def throw(self, *error: Any) -> Any:
        self._turns.begin(self._run)
        try:
            return self._coroutine.throw(*error)
        finally:
            self._turns.end()

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        # What looks into a task's coroutine (a debugger, anyio) sees the one that it runs.
        return getattr(self._coroutine, name)
