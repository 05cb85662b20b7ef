"""Work in a child process: what holds the interpreter, and what must be stopped hard."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import django
import pebble

from core.errors import PermanentError

#: What a child's function reports with: `report(done, total=None, note="")`.
Report = Callable[..., None]

#: Seconds between two looks at the child: bounds how late a cancel, a limit or a report is seen.
LOOK_SECONDS = 0.2
#: Seconds between two reports that a child sends.
REPORT_SECONDS = 0.1
#: Seconds the parent waits for a killed child to be gone.
GONE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class ChildLost(RuntimeError):
    """Raised when the child died without an answer: killed by the kernel, or by a fault of a library."""


def run(
    function: Callable[..., Any],
    kwargs: dict[str, Any],
    *,
    on_report: Callable[[int, int | None, str], None],
    check: Callable[[], None],
    memory_bytes: int | None = None,
    timeout_seconds: float | None = None,
) -> Any:
    """Run `function(report, **kwargs)` in a fresh process and return its result; kill it when `check` raises.

    Errors of the function are raised here. Going over the memory limit is a PermanentError, a lost child ChildLost.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    pool = pebble.ProcessPool(
        max_workers=1,
        # Spawned, not forked: the worker has threads, and a fork would copy their locks.
        context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(theirs, os.getpid()),
    )
    try:
        future = pool.schedule(_call, args=(function, kwargs))
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        try:
            pid = 0
            while True:
                pid = _hear(ours, on_report) or pid
                check()
                _enforce(pid, memory_bytes=memory_bytes, deadline=deadline, seconds=timeout_seconds)
                try:
                    answer = future.result(timeout=LOOK_SECONDS)
                except FutureTimeoutError:
                    if future.done():
                        raise
                    continue
                _hear(ours, on_report)
                return answer
        except (pebble.ProcessExpired, CancelledError) as error:
            raise ChildLost(f"the child process died: {error}") from error
        finally:
            future.cancel()
    finally:
        pool.stop()
        pool.join(timeout=GONE_SECONDS)
        ours.close()
        theirs.close()


def _hear(pipe: Connection, on_report: Callable[[int, int | None, str], None]) -> int:
    """Pass the latest report on; return the child's process id when it has just told it."""
    pid, latest = 0, None
    while pipe.poll():
        try:
            kind, *rest = pipe.recv()
        except (EOFError, OSError):
            break
        if kind == "pid":
            pid = rest[0]
        else:
            latest = rest
    if latest is not None:
        on_report(*latest)
    return pid


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
