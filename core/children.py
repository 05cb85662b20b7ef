"""Work in child processes: what holds the interpreter, and what must be stopped hard.

A worker process has a pool of them, as many as it may have at work at once. An attempt borrows one for as long as it
lasts; afterwards the process waits, with what it has imported and loaded, for the next. It is ended when a function
failed or was stopped in it, when it has grown large, and after so many uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import django
import pebble
from django.conf import settings

from core.errors import PermanentError

#: What a child's function reports with: `report(done, total=None, note="")`.
Report = Callable[..., None]

#: Seconds between two looks at the child: bounds how late a cancel, a limit or a report is seen.
LOOK_SECONDS = 0.2
#: Seconds between two reports that a child sends.
REPORT_SECONDS = 0.1
#: Seconds the parent waits for a killed child to be gone.
GONE_SECONDS = 10.0
#: Resident bytes above which a child is not used again.
KEEP_BYTES = 400 * 1024**2
#: Functions that one child runs at most.
USES = 100
#: Seconds without work after which a child is ended.
IDLE_SECONDS = 300.0
_PR_SET_PDEATHSIG = 1


class ChildLost(RuntimeError):
    """Raised when the child died without an answer: killed by the kernel, or by a fault of a library."""


class Child:
    """A child process that runs one function after the other; started when it is first needed.

    It is ended when a function fails or is stopped, and when one has left it large: the next begins in a fresh one.
    """

    def __init__(self) -> None:
        self._pool: pebble.ProcessPool | None = None
        self._pid = 0
        self._uses = 0
        #: When it was last given back, by the process's monotonic clock.
        self.idle_since = 0.0

    @property
    def is_warm(self) -> bool:
        """Whether there is a process that may be used again."""
        return self._pool is not None and self._uses < USES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        function: Callable[..., Any],
        kwargs: dict[str, Any],
        *,
        on_report: Callable[[int, int | None, str], None],
        check: Callable[[], None],
        memory_bytes: int | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Run `function(report, **kwargs)` in the child and return its result; kill the child when `check` raises.

        Errors of the function are raised here. Going over the memory limit is a PermanentError, a lost child
        ChildLost.
        """
        pool = self._pool if self._pool is not None and self._uses < USES else self._start()
        self._uses += 1
        is_done = False
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        try:
            future = pool.schedule(_call, args=(function, kwargs))
            while not is_done:
                self._hear(on_report)
                check()
                _enforce(self._pid, memory_bytes=memory_bytes, deadline=deadline, seconds=timeout_seconds)
                try:
                    answer = future.result(timeout=LOOK_SECONDS)
                    is_done = True
                except FutureTimeoutError:
                    if future.done():
                        raise
            self._hear(on_report)
            return answer
        except (pebble.ProcessExpired, CancelledError) as error:
            raise ChildLost(f"the child process died: {error}") from error
        finally:
            if not is_done or _resident_bytes(self._pid) > KEEP_BYTES:
                self.close()

    def kill(self) -> None:
        """Kill the child's process, from any thread; the thread that uses it finds it lost."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child, whatever it does."""
        if self._pool is None:
            return
        self._pool.stop()
        self._pool.join(timeout=GONE_SECONDS)
        self._ours.close()
        self._theirs.close()
        self._pool, self._pid = None, 0

    def _start(self) -> pebble.ProcessPool:
        self.close()
        self._uses = 0
        self._ours, self._theirs = multiprocessing.Pipe(duplex=False)
        self._pool = pebble.ProcessPool(
            max_workers=1,
            # Spawned, not forked: the worker has threads, and a fork would copy their locks.
            context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._theirs, os.getpid()),
        )
        return self._pool

    def _hear(self, on_report: Callable[[int, int | None, str], None]) -> None:
        """Pass the latest report on, and note the child's process id when it tells it."""
        latest = None
        while self._ours.poll():
            try:
                kind, *rest = self._ours.recv()
            except (EOFError, OSError):
                break
            if kind == "pid":
                self._pid = rest[0]
            else:
                latest = rest
        if latest is not None:
            on_report(*latest)


@dataclass
class Pool:
    """The child processes of one worker process. Safe to use from all its threads."""

    #: Children that may be at work at once; None for the setting.
    size: int | None = None
    _idle: list[Child] = field(default_factory=list)
    _lent: list[Child] = field(default_factory=list)
    _pid: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def borrow(self, check: Callable[[], None]) -> Child:
        """Return a child for this thread alone, when one is free; `check` is called while it waits, and may raise."""
        while True:
            with self._changed:
                if self._pid != os.getpid():
                    # A process that ends first waits for its children: these would wait for work.
                    multiprocessing.util.Finalize(None, self.end, exitpriority=100)
                    self._pid = os.getpid()
                if len(self._lent) < (self.size or settings.CPU_THREADS):
                    # The one used last: the others grow old, and are ended.
                    child = self._idle.pop() if self._idle else Child()
                    self._lent.append(child)
                    return child
                self._changed.wait(LOOK_SECONDS)
            check()

    def give_back(self, child: Child) -> None:
        """Let others use the child."""
        keep = child.is_warm
        with self._changed:
            self._lent.remove(child)
            if keep:
                child.idle_since = time.monotonic()
                self._idle.append(child)
            self._changed.notify()
        if not keep:
            child.close()

    def close_idle(self, *, after_seconds: float = IDLE_SECONDS) -> None:
        """End the children that nobody has used for so long."""
        now = time.monotonic()
        with self._changed:
            old = [child for child in self._idle if now - child.idle_since >= after_seconds]
            self._idle = [child for child in self._idle if child not in old]
        for child in old:
            child.close()

    def end(self) -> None:
        """End all children, also those at work: the process ends."""
        with self._changed:
            lent = list(self._lent)
        for child in lent:
            child.kill()
        self.close_idle(after_seconds=0)


#: The pool of this process.
pool = Pool()


def _enforce(pid: int, *, memory_bytes: int | None, deadline: float | None, seconds: float | None) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise PermanentError(f"This took longer than the {seconds:,.0f} seconds it may take, and was stopped.")
    if memory_bytes is not None and pid and _resident_bytes(pid) > memory_bytes:
        raise PermanentError(
            f"This needed more than the {memory_bytes // 1024**2:,} MiB of memory it may use, and was stopped."
        )


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


# -- in the child -----------------------------------------------------------------------------------

_pipe: Connection | None = None


def _begin(pipe: Connection, parent: int) -> None:
    global _pipe
    _pipe = pipe
    # A worker that is killed takes its child along: nobody would read its answer.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # Ctrl-C goes to the whole group; the worker decides what becomes of its child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A pipeline's modules import models and settings.
    django.setup()
    pipe.send(("pid", os.getpid()))


def _call(function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    reporter = _Reporter()
    try:
        return function(reporter, **kwargs)
    finally:
        reporter.flush()


class _Reporter:
    """Sends at most ten reports a second, and never loses the last."""

    def __init__(self) -> None:
        self._next = 0.0
        self._unsent: tuple[int, int | None, str] | None = None

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        self._unsent = (done, total, note)
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        if self._unsent is not None and _pipe is not None:
            with contextlib.suppress(OSError):
                _pipe.send(("report", *self._unsent))
            self._unsent = None
            self._next = time.monotonic() + REPORT_SECONDS
