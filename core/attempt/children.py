"""Child processes: for work that holds the interpreter or must be stopped hard.

A worker process has a pool of them, as many as may be at work at once. An attempt borrows one until it ends; then the
process waits for the next attempt, with all that it has imported and loaded. It is ended when a function failed or was
stopped in it, when it has grown large, and after a number of uses. A new one is forked in milliseconds from a process
that has imported what the work needs (`fork_server`); `child_work` is what it runs.
"""

from __future__ import annotations

import logging
import multiprocessing.connection
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from core import formatting
from core.attempt.forked import GONE_SECONDS, Forked, ForkServer
from core.conf import conf
from core.errors import PermanentError
from core.logs import log

#: What a child's function reports with: `report(done, total=None, note="")`.
Report = Callable[..., None]

#: Seconds between two checks of the child: the longest delay until a cancel or a limit takes effect.
POLL_SECONDS = 0.2
#: Resident bytes above which a child is not used again.
KEEP_BYTES = 192 * 1024**2
#: Largest number of functions that one child runs.
USES = 100
#: Seconds without work after which a child is ended.
IDLE_SECONDS = 300.0


class ChildLost(RuntimeError):
    """Raised when the child died without an answer: killed by the kernel, or by a fault of a library."""


class ChildTraceback(Exception):
    """The cause of an error that was raised in a child: its traceback there, as text."""

    def __str__(self) -> str:
        return f"in the child process\n{self.args[0]}"


class Child:
    """A child process that runs one function after the other; started when it is first needed.

    It is ended when a function fails or is stopped, and when one has left it large: the next begins in a fresh one.
    """

    def __init__(self) -> None:
        self._process: Forked | None = None
        self._uses = 0
        self._has_django = False
        #: Whether it has only rehearsed so far: such a child stays however long it is idle.
        self.is_spare = False
        #: When it was last given back, by the process's monotonic clock.
        self.idle_since = 0.0

    @property
    def is_warm(self) -> bool:
        """Whether there is a process that may be used again."""
        return self._process is not None and self._uses < USES

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
        needs_django: bool = False,
        memory_bytes: int | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Run `function(report, **kwargs)` in the child and return its result; kill the child when `check` raises.

        Errors of the function are raised here. Going over the memory limit is a PermanentError, a lost child
        ChildLost.
        """
        order = _order(function, kwargs)
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

        def check_child(pid: int) -> None:
            check()
            _enforce(pid, memory_bytes=memory_bytes, deadline=deadline, seconds=timeout_seconds)

        is_done = False
        try:
            process = self._ready(check_child, needs_django=needs_django)
            with _lost_at_its_end(process):
                process.connection.send((_name_of(function), needs_django, order))
            kind, answer, *where = _await(process, check_child, on_report)
            is_done = kind == "result"
            if is_done:
                return answer
            raise answer from ChildTraceback(*where)
        finally:
            if not is_done or self._process is None or _resident_bytes(self._process.pid) > KEEP_BYTES:
                self.close()

    def close(self) -> None:
        """End the child, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            server.kill(process.number)
            process.is_over(GONE_SECONDS)
            process.close()

    def _ready(self, check_child: Callable[[int], None], *, needs_django: bool) -> Forked:
        """Return a usable process: the present one, or a new one."""
        process = self._process
        # With Django by chance, a function would work that fails in the next process.
        if process is None or not self.is_warm or process.is_over() or (self._has_django and not needs_django):
            self.close()
            process = self._start(check_child)
            self._uses, self._has_django = 0, False
        self._uses += 1
        self._has_django = self._has_django or needs_django
        return process

    def _start(self, check_child: Callable[[int], None]) -> Forked:
        # A dead server is noticed only by its silence. Nothing has begun yet, so one more try does no harm.
        for _ in range(2):
            try:
                process = self._process = server.fork()
            except OSError as error:
                raise ChildLost(f"no child process could be started: {error}") from error
            while not process.is_begun(POLL_SECONDS):
                check_child(0)
            if process.pid:
                return process
            self.close()
        raise ChildLost("no child process could be started: the worker's log says why")


@dataclass
class Pool:
    """The child processes of one worker process. Safe to use from all its threads."""

    #: Children that may be at work at once; None for the setting.
    size: int | None = None
    #: What a process runs before it waits for its first work.
    rehearsals: tuple[Callable[[Report], object], ...] = ()
    _idle: list[Child] = field(default_factory=list)
    _lent: list[Child] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    #: The thread that rehearses, and when it may be tried again after a failure.
    _rehearsing: threading.Thread | None = None
    _rehearse_at: float = 0.0
    _is_ended: bool = False

    def warm_up(self, modules: Iterable[str], rehearsals: Iterable[Callable[[Report], object]] = ()) -> None:
        """Start preparing the first child: import these modules in the server, or rehearse. Returns at once."""
        server.preload = tuple(modules)
        self.rehearsals, self._is_ended = tuple(rehearsals), False
        try:
            server.start()
        except OSError as error:
            # It is tried again when a child is needed, and whoever needs it gets the error.
            log("fork_server_failed", level=logging.ERROR, error=str(error))
        else:
            self._keep_warm()

    def tend(self) -> None:
        """End the children that nobody has used for long; have one that has rehearsed wait. Returns at once."""
        self.close_idle()
        self._keep_warm()

    def borrow(self, check: Callable[[], None]) -> Child:
        """Return a child for this thread alone, when one is free; `check` is called while it waits, and may raise."""
        while True:
            with self._changed:
                if len(self._lent) < (self.size or conf.CPU_THREADS):
                    # The one used last: the others grow old, and are ended.
                    child = self._idle.pop() if self._idle else Child()
                    child.is_spare = False
                    self._lent.append(child)
                    return child
                self._changed.wait(POLL_SECONDS)
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

    def take_away(self, child: Child) -> None:
        """End a child that a thread has borrowed and will not give back."""
        with self._changed:
            if child not in self._lent:
                return
            self._lent.remove(child)
            self._changed.notify()
        child.close()

    def close_idle(self, *, after_seconds: float = IDLE_SECONDS) -> None:
        """End the children that were idle for so long; with 0 also those that wait for their first work."""
        now = time.monotonic()
        with self._changed:
            old = [
                child
                for child in self._idle
                if now - child.idle_since >= after_seconds and not (child.is_spare and after_seconds)
            ]
            self._idle = [child for child in self._idle if child not in old]
        for child in old:
            child.close()

    def end(self) -> None:
        """End all children, also those at work, and their fork server: this process is about to end."""
        self._is_ended = True
        server.stop()
        if self._rehearsing is not None:
            self._rehearsing.join(GONE_SECONDS)
            # The thread may have started another server before it noticed the end.
            server.stop()
        self.close_idle(after_seconds=0)

    def forget(self) -> None:
        """Reset the pool in a forked process: the children belong to its parent."""
        self._idle, self._lent, self._rehearsing = [], [], None
        # A thread of the parent, which does not exist here, may have held it.
        self._changed = threading.Condition()

    def _keep_warm(self) -> None:
        """Start a rehearsing thread when no child is ready and there is room for one."""
        with self._changed:
            is_free = not self._idle and len(self._lent) < (self.size or conf.CPU_THREADS)
            if not self.rehearsals or not is_free or self._rehearsing or time.monotonic() < self._rehearse_at:
                return
            self._rehearsing = threading.Thread(target=self._rehearse, name="rehearsal", daemon=True)
            self._rehearsing.start()

    def _rehearse(self) -> None:
        child = Child()
        try:
            for function in self.rehearsals:
                child.run(function, {}, on_report=lambda *_: None, check=self._check_end)
        except Exception as error:  # noqa: BLE001 - whatever it is, no job needs a rehearsal
            child.close()
            self._rehearse_at = time.monotonic() + IDLE_SECONDS
            if not self._is_ended:
                log("rehearsal_failed", level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])
        with self._changed:
            self._rehearsing = None
            if child.is_warm:
                child.is_spare, child.idle_since = True, time.monotonic()
                # At the bottom: children that have worked already are used first.
                self._idle.insert(0, child)

    def _check_end(self) -> None:
        if self._is_ended:
            raise ChildLost("the process ends")


class BorrowedChild:
    """The child process of one attempt: one of the pool's, borrowed when it is first needed; its steps share it."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._child: Child | None = None

    def run(self, function: Callable[..., Any], kwargs: dict[str, Any], **options: Any) -> Any:
        """Run a function in it; see `Child.run`."""
        if self._child is None:
            # One that is written off borrows none: nobody would give it back.
            self._check()
            self._child = pool.borrow(self._check)
        return self._child.run(function, kwargs, check=self._check, **options)

    def give_back(self) -> None:
        """Give it back to the pool, if one is borrowed."""
        child, self._child = self._child, None
        if child is not None:
            pool.give_back(child)

    def abandon(self) -> None:
        """End the child, if one is borrowed: its attempt does not end by itself."""
        child, self._child = self._child, None
        if child is not None:
            pool.take_away(child)


#: What the children of this process are forked from, and the pool of them.
server = ForkServer()
pool = Pool()
os.register_at_fork(after_in_child=server.forget)
os.register_at_fork(after_in_child=pool.forget)


def _name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"


def _order(function: Callable[..., Any], kwargs: dict[str, Any]) -> bytes:
    """Return the call as bytes for the child."""
    if function.__module__ == "__main__":
        raise TypeError(f"{_name_of(function)} is not in a module: a child process can't import it")
    try:
        return pickle.dumps((function, kwargs))
    except Exception as error:
        # Each kind of object that can't be pickled raises another kind of error.
        raise TypeError(f"{_name_of(function)} can't be handed to a child process: {error}") from error


def _await(
    process: Forked, check_child: Callable[[int], None], on_report: Callable[[int, int | None, str], None]
) -> tuple[Any, ...]:
    """Return the function's answer; pass its reports on, the latest where there are several."""
    while True:
        check_child(process.pid)
        multiprocessing.connection.wait([process.connection, process.status], POLL_SECONDS)
        answer, latest = None, None
        with _lost_at_its_end(process):
            while answer is None and process.connection.poll():
                message: tuple[Any, ...] = process.connection.recv()
                if message[0] == "report":
                    latest = message[1:]
                elif message[0] == "log":
                    _log(message[1])
                else:
                    answer = message
            if answer is None and process.is_over():
                raise EOFError("it ended, and what it had started holds its connection open")
        if latest is not None:
            on_report(*latest)
        if answer is not None:
            return answer


def _log(fields: dict[str, Any]) -> None:
    """Log what was logged in a child, in the thread of its attempt: it belongs to the job."""
    logger = logging.getLogger(fields["name"])
    if logger.isEnabledFor(fields["levelno"]):
        logger.handle(logging.makeLogRecord(fields))


@contextmanager
def _lost_at_its_end(process: Forked) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        process.is_over(GONE_SECONDS)
        raise ChildLost(f"the child process died: {process.end}") from error


def _enforce(pid: int, *, memory_bytes: int | None, deadline: float | None, seconds: float | None) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise PermanentError(f"This took longer than the {seconds:,.0f} seconds it may take, and was stopped.")
    if memory_bytes is not None and pid and _resident_bytes(pid) > memory_bytes:
        raise PermanentError(
            f"This needed more than the {formatting.size(memory_bytes)} of memory it may use, and was stopped."
        )


def _resident_bytes(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
