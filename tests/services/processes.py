"""Ordinary processes that a test starts, watches and ends for sure.

A process started here is in a session of its own, so that Ctrl-C reaches pytest alone and the order of the
end is ours. On Linux it is tethered: the kernel kills it when the thread that started it is gone, however
that happened (so start processes from the main thread, or from one that lives as long as they should).
"""

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

from tests.services.waiting import PATIENCE_SECONDS, wait_until

#: The ports that this process was given.
_given: set[int] = set()
#: Not the shared one, which each process of the tests seeds alike at each test: they would draw the same ports.
_chance = random.SystemRandom()


class ProcessDied(AssertionError):
    """Raised when a process ended that should have come up. Its message shows the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on at the moment, and that nobody was given before.

    Below those that the system gives to outgoing connections: a server that is down for a while finds its port free.
    Processes that share the tests each take from their own quarter: a port is given some time before it is bound.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}").removeprefix("gw"))
    quarter = range(20_000 + number % 4 * 3_000, 23_000 + number % 4 * 3_000)
    for port in _chance.sample(quarter, 200):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free port between {quarter.start} and {quarter.stop - 1}")


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children_of(pids: Iterable[int]) -> set[int]:
    """All descendants of `pids` (Linux)."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold spaces: the parent is the second word after it.
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):  # it ended while we looked
            continue
    found: set[int] = set()
    wanted = set(pids)
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted} - found
        found |= wanted
    return found


def first_child_of(pid: int) -> int | None:
    """The oldest child of the process's main thread, cheaply (Linux); to be asked again when there is none yet."""
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # a kernel without that file, or the process has ended
        words = [str(child) for child in sorted(children_of([pid]))]
    return int(words[0]) if words else None


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Child(Protocol):
    """What there is to know of a process that was started, as `subprocess.Popen` tells it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Process:
    """One started program, with its log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
        user: str | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        setpriv = shutil.which("setpriv")
        tether = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with log.open("ab") as output:
            self._popen: Child = subprocess.Popen(
                [*tether, *map(str, command)],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                pass_fds=inherited,
            )

    @classmethod
    def adopted(cls, name: str, child: Child, *, log: Path) -> Self:
        """One that somebody else has started."""
        process = cls.__new__(cls)
        process.name, process.log, process._popen = name, log, child
        return process

    def __repr__(self) -> str:
        return f"<{self.name} pid {self.pid} {'running' if self.is_running else 'ended'}>"

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def tail(self, lines: int = 40) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def expect_running(self) -> bool:
        """True, or ProcessDied with the end of the log."""
        if not self.is_running:
            raise ProcessDied(f"{self.name} ended with {self.exit_code}. The end of its log:\n{self.tail()}")
        return True

    def send(self, number: int) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        return self._popen.wait(timeout)

    def stop(self, number: int = signal.SIGTERM, timeout: float = PATIENCE_SECONDS) -> int:
        """Ask to end with `number`, insist with SIGKILL after `timeout` seconds, leave nothing behind."""
        if (ended := self._popen.poll()) is not None:
            # Its id may be another process's by now.
            return ended
        family = {self.pid, *children_of([self.pid])}
        self.send(number)
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            code = self.kill9()
        _kill(family | children_of(family))
        return code

    def kill9(self) -> int:
        """End it and all its descendants at once, as a power cut does."""
        if (ended := self._popen.poll()) is not None:
            return ended
        family = {self.pid, *children_of([self.pid])}
        # Stopped first, so that a parent cannot start another child between two kills.
        for pid in sorted(family):
            _send(pid, signal.SIGSTOP)
        _kill(family | children_of(family))
        return self._popen.wait(PATIENCE_SECONDS)


def _kill(pids: Iterable[int]) -> None:
    pids = [pid for pid in pids if is_alive(pid)]
    for pid in pids:
        _send(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids), what=f"the end of {pids}")


def _send(pid: int, number: int) -> None:
    assert pid > 1, f"a signal to {pid} would go to more than one process"
    with suppress(ProcessLookupError):
        os.kill(pid, number)
