"""The event loop of a worker process: where the jobs run whose function is `async`.

1. A thread of the worker claims the job, as any other, and begins it here. With that the message is done with, and the
   thread takes the next one. From now on lease and fence take care of the job.
2. Its function is a task of the one loop. What of it needs the database goes to a few threads, so hundreds of jobs that
   wait need neither a thread nor a connection each (`core.attempt.async_run`).
3. When it ends, threads of their own write that: nothing a job does can hold up the others' ends.
4. More than `ASYNC_JOBS` at once are not begun: their messages wait in the worker's threads, and the rest in the
   broker and the database.
5. The lookout, a thread, sees when the loop does not turn: a job calls what blocks where it should await. It is named
   in the log. The keeper renews everybody's lease meanwhile. When it has blocked the loop for the length of a lease it
   is ended as a crash, and the process, which can't be mended, is replaced: the other jobs go on elsewhere.

The loop and its threads are started for the first async job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections

from actors.runtime.crew import Crew
from actors.runtime.turns import Turns
from core import pipelines
from core.attempt import outcomes
from core.attempt.async_run import AsyncRun, is_async, run_of_task
from core.attempt.attempt import Attempt
from core.attempt.attempts import Attempts
from core.attempt.outcomes import Failed, Outcome, Retry
from core.conf import conf
from core.life import outbox
from core.life.leases import Held
from core.logs import log
from core.models import Job

T = TypeVar("T")

#: Threads that do for all jobs what needs the database; that wait for child processes; and that write ends.
SHORT_THREADS, LONG_THREADS, END_THREADS = 8, 16, 2
#: Calls that hang in those threads, and tasks that can't be ended, at which the process is replaced.
MOST_HUNG, MOST_DEAF = 8, 100
#: Seconds between two looks at the loop, and after which one that does not turn is called blocked.
LOOK_SECONDS, BLOCKED_SECONDS = 0.25, 1.0
#: Seconds between two looks of a thread that waits for a place.
PLACE_SECONDS = 1.0
#: Seconds that Django's own thread for async calls gets to close its connection at the end.
CLOSE_SECONDS = 1.0
#: Files that a process may have open beside those of its async jobs.
OTHER_FILES = 1024

Settle = Callable[[Attempt, Callable[[], Outcome]], None]


class AsyncJobs:
    """The async jobs of one process. Safe to use from all its threads."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._runs: dict[Held, AsyncRun] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        self._turns = Turns()
        self._short = Crew("async-short", SHORT_THREADS)
        self._long = Crew("async-long", LONG_THREADS)
        self._ends = Crew("async-ends", END_THREADS)
        #: What runs beside the loop now, and for whom; and what of it hangs.
        self._calls: dict[Future[Any], tuple[AsyncRun, Crew]] = {}
        self._hung: set[Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lookout: threading.Thread | None = None
        self._ending = threading.Event()
        #: Looks since the loop was asked to say that it turns, and has not. Counted, not measured: a machine that stood
        #: still has not been silent.
        self._silent_looks = 0
        self._is_asked = False
        self._is_tidying = False

    def __len__(self) -> int:
        return len(self._runs)

    # -- the worker's threads --------------------------------------------------------------------------

    def wait_for_place(self, job_id: int) -> bool:
        """Wait while there is no place for the job, if it is async; return False when the process stops before."""
        if len(self._runs) < conf.ASYNC_JOBS or not _is_async(job_id):
            return True
        with self._changed:
            while len(self._runs) >= conf.ASYNC_JOBS and not self._is_stopping:
                self._changed.wait(PLACE_SECONDS)
            if not self._is_stopping:
                return True
        outbox.take_back(job_id)
        return False

    def begin(self, attempt: Attempt, *, settle: Settle) -> None:
        """Run the attempt's function; at its end `settle` is called, in another thread. Returns at once."""
        loop = self._start()
        run = AsyncRun(attempt, self._beside)
        # The loop's thread is everybody's.
        attempt.thread = None
        with self._changed:
            self._runs[attempt.key] = run
        end = partial(self._end, run, settle)
        try:
            loop.call_soon_threadsafe(lambda: run.start(then=lambda result: self._ends.submit(partial(end, result))))
        except RuntimeError:
            # It is closed: the process stops, and the attempt was told so.
            end(attempt.own.check)

    def take_no_more(self) -> None:
        """Have the threads that wait for a place give their job to another process."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until all jobs have ended, for so long at most; not for a loop that does not turn any more."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._busy() and not self.is_lost and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, PLACE_SECONDS))

    def stop(self, *, timeout: float) -> bool:
        """End the loop and its threads; return whether that worked."""
        self._ending.set()
        for crew in (self._short, self._long, self._ends):
            crew.end()
        if self._loop is not None and self._thread is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    # -- the keeper's thread ---------------------------------------------------------------------------

    @property
    def is_lost(self) -> bool:
        """Whether only the end of the process helps: what was ended goes on and blocks the loop, or too much hangs."""
        if self._thread is None or self._ending.is_set():
            return False
        if not self._thread.is_alive():
            return True
        blocked = self._blocked_seconds
        deaf = [run for run in list(self._runs.values()) if run.attempt.is_written_off]
        current = self._turns.current
        if blocked > BLOCKED_SECONDS and current is not None and current.attempt.is_written_off:
            return True
        if blocked > conf.WRITE_OFF_SECONDS and deaf:
            return True
        return len(self._hung) >= MOST_HUNG or len(deaf) >= MOST_DEAF

    # -- the loop's thread -----------------------------------------------------------------------------

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._changed:
            if self._loop is None:
                _allow_files(conf.ASYNC_JOBS * 2 + OTHER_FILES)
                self._loop = asyncio.new_event_loop()
                self._loop.set_task_factory(cast(Any, self._turns.make_task))
                self._thread = threading.Thread(target=self._run, name="event-loop", daemon=True)
                self._lookout = threading.Thread(target=self._look_out, name="lookout", daemon=True)
                self._thread.start()
                self._lookout.start()
            return self._loop

    def _run(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(loop.shutdown_asyncgens())
            closing = loop.create_task(sync_to_async(connections.close_all)())
            loop.run_until_complete(asyncio.wait([closing], timeout=CLOSE_SECONDS))
            loop.close()

    async def _beside(self, act: Callable[[], T], /, *, is_long: bool = False) -> T:
        """Run a plain function in one of the threads.

        It can't be interrupted there: whoever is cancelled meanwhile waits for its end, or is cut off from it.
        """
        run = run_of_task.get()
        crew = self._long if is_long else self._short
        call = crew.submit(partial(copy_context().run, _with_connections, act))
        if run is not None:
            self._calls[call] = (run, crew)
            call.add_done_callback(self._forget)
        answer = asyncio.wrap_future(call)
        answer.add_done_callback(_hear)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not call.cancel():
                await asyncio.wait([answer])
            raise

    def _forget(self, call: Future[Any]) -> None:
        self._calls.pop(call, None)
        self._hung.discard(call)

    # -- the threads that write ends -------------------------------------------------------------------

    def _end(self, run: AsyncRun, settle: Settle, result: Callable[[], Any]) -> None:
        attempt = run.attempt
        try:
            close_old_connections()
            settle(attempt, partial(attempt.outcome_of, result))
        except Exception:  # noqa: BLE001 - as for a thread: the lease runs out, and the job is tried again
            log("attempt_unwritten", level=logging.ERROR, exc_info=True, job=attempt.claim.job_id)
        finally:
            attempt.run_on_loop = None
            with self._changed:
                self._runs.pop(attempt.key, None)
                self._changed.notify()
            with contextlib.suppress(Exception):
                close_old_connections()
            if self._loop is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._tidy)

    def _tidy(self) -> None:
        """Have the thread of Django's own async calls drop a connection that is broken or too old."""
        if not self._is_tidying and self._loop is not None:
            self._is_tidying = True
            self._loop.create_task(self._close_connections_of_django())

    async def _close_connections_of_django(self) -> None:
        try:
            await sync_to_async(close_old_connections)()
        finally:
            self._is_tidying = False

    # -- the lookout's thread --------------------------------------------------------------------------

    def _look_out(self) -> None:
        named_at = BLOCKED_SECONDS
        while not self._ending.wait(LOOK_SECONDS):
            self._ask()
            blocked = self._blocked_seconds
            if blocked < BLOCKED_SECONDS:
                named_at = BLOCKED_SECONDS
            elif blocked >= named_at:
                # Said again after twice the time.
                named_at = 2 * blocked
                self._name_blocker(blocked)
            if blocked >= conf.LEASE_SECONDS:
                self._end_blocker(blocked)
            self._find_hung()

    @property
    def _blocked_seconds(self) -> float:
        return self._silent_looks * LOOK_SECONDS

    def _ask(self) -> None:
        """Have the loop say that it turns, and count the looks until it does."""
        if self._is_asked:
            self._silent_looks += 1
            return
        self._silent_looks = 0
        if self._loop is not None:
            self._is_asked = True
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._is_asked = False

    def _name_blocker(self, seconds: float) -> None:
        run = self._turns.current
        if run is None or self._thread is None:
            # The machine stands still, most likely.
            return
        claim = run.attempt.claim
        frame = sys._current_frames().get(self._thread.ident or 0)
        log(
            "event_loop_blocked",
            level=logging.WARNING,
            job=claim.job_id,
            pipeline=claim.pipeline,
            seconds=seconds,
            at=_own_place(frame),
        )

    def _end_blocker(self, seconds: float) -> None:
        run = self._turns.current
        if run is not None and not run.attempt.is_written_off:
            try:
                self._attempts.write_off(run.attempt, _crash_of(run.attempt, seconds))
            except Exception:  # noqa: BLE001 - the database is away, most likely; the lookout has to go on
                log("attempt_unwritten", level=logging.ERROR, exc_info=True, job=run.attempt.claim.job_id)
            finally:
                connections.close_all()

    def _find_hung(self) -> None:
        """Make up for threads in which a call hangs whose job was ended."""
        for call, (run, crew) in list(self._calls.items()):
            if run.attempt.is_written_off and call.running() and call not in self._hung:
                self._hung.add(call)
                crew.grow()

    def _busy(self) -> int:
        return sum(1 for run in list(self._runs.values()) if not run.attempt.is_written_off)


def _is_async(job_id: int) -> bool:
    row = Job.objects.filter(pk=job_id).values_list("pipeline", "task").first()
    return row is not None and is_async(pipelines.find(row[0]), row[1])


def _with_connections(act: Callable[[], T]) -> T:
    # The threads stay, and so do their connections: a broken one, or one that is too old, is made anew.
    close_old_connections()
    try:
        return act()
    finally:
        close_old_connections()


def _hear(answer: asyncio.Future[Any]) -> None:
    """Take notice of an error that nobody awaits any more."""
    if not answer.cancelled():
        answer.exception()


def _allow_files(count: int) -> None:
    """Let the process have so many files and connections open, if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _own_place(frame: FrameType | None) -> str:
    """Return file and line of the innermost frame that is no library's."""
    libraries = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    stack = traceback.extract_stack(frame) if frame is not None else []
    own = [entry for entry in stack if not entry.filename.startswith((*libraries, "<"))]
    entry = next(iter(reversed(own or stack)), None)
    return f"{Path(entry.filename).name}:{entry.lineno} {entry.name}" if entry is not None else ""


def _crash_of(attempt: Attempt, seconds: float) -> Failed | Retry:
    """Return the outcome of a job that held up all others, as the loss of a worker counts."""
    claim = attempt.claim
    sentence = f"It held up the event loop for {seconds:,.0f} s: what takes time has to be awaited."
    detail = f"Where it was:\n{attempt.where()}"
    if claim.crashes + 1 >= claim.max_crashes or claim.attempt >= claim.max_attempts:
        log(
            "job_failed",
            level=logging.ERROR,
            job=claim.job_id,
            pipeline=claim.pipeline,
            attempt=claim.attempt,
            error=sentence,
        )
        return Failed(sentence, detail, is_crash=True)
    return Retry(sentence, outcomes.backoff_seconds(claim.crashes), detail, is_crash=True)
