"""supervisord as our child, and nothing left behind when it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
#: Seconds that a process whose part has died is given to end by itself.
_ORPHAN_SECONDS = 5.0


class Supervisor:
    """Starts supervisord on a written plan and ends it with all its parts.

    On Linux this process adopts what the parts leave behind: when a part is killed, its own children would
    live on, holding the port or a job. They are asked to end, then killed.
    """

    def __init__(self, plan: Path, *, checkout: Path, lock: int) -> None:
        self._plan = plan
        self._checkout = checkout
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        #: When each orphan was asked to end, on the monotonic clock.
        self._orphans: dict[int, float] = {}
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.operation.supervision.tethered", "--nodaemon", "-c", str(self._plan)],
            cwd=self._checkout,
            stdin=subprocess.DEVNULL,
            pass_fds=[self._lock],
            # Signals of the terminal come to us alone; we pass on the one that means stop.
            start_new_session=True,
        )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, seconds: float) -> None:
        """Stop all parts in order, within `seconds`; then kill what is left."""
        if self._process is not None:
            if self.is_running:
                self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.kill_the_rest()

    def kill_the_rest(self) -> None:
        """Kill every child that is left, and the children that those leave in turn."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and (left := list(self._adopted())):
            for pid in left:
                _send(pid, signal.SIGKILL)
                _collect(pid)
            time.sleep(0.02)
        self._orphans.clear()

    def sweep_orphans(self) -> None:
        """End the processes of parts that have died; to be called now and then."""
        now = time.monotonic()
        for pid in self._adopted():
            if _collect(pid):
                self._orphans.pop(pid, None)
            elif pid in self._orphans:
                if now - self._orphans[pid] > _ORPHAN_SECONDS:
                    _send(pid, signal.SIGKILL)
            elif _has_lost_its_leader(pid):
                self._orphans[pid] = now
                _send(pid, signal.SIGTERM)

    def _adopted(self) -> Iterator[int]:
        own = self._process.pid if self.is_running and self._process else 0
        for children in Path("/proc/self/task").glob("*/children"):
            for word in children.read_text().split():
                if int(word) != own:
                    yield int(word)


def _has_lost_its_leader(pid: int) -> bool:
    """Each part leads a process group; what was detached on purpose leads its own, and is left alone."""
    try:
        leader = os.getpgid(pid)
        os.kill(leader, 0)
    except ProcessLookupError:
        return True
    return False


def _collect(pid: int) -> bool:
    """Whether the child has ended; it is then forgotten by the kernel."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
