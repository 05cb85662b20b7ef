"""Places of a site in which armed processes follow each other: a failpoint kills each, and another takes its place.

That a process was killed at its failpoint is known by its end: it died of signal 9, nothing but its own failpoint
sends it one before that was seen, and the failpoint is armed for that one place.
"""

from __future__ import annotations

import os
import random
import re
import signal
from pathlib import Path

from tests.chaos.stage import Stage
from tests.services.processes import Process, first_child_of, free_port
from tests.services.waiting import wait_until

#: Times that are no settings, short in proportion: for how long a relay has to itself what it took, and for how long
#: one that could not reach broker or database waits at most.
CONSTANTS = {"core.life.outbox.HOLD_SECONDS": 2.0}
#: What Dramatiq's master says of the process that runs jobs.
_EXIT = re.compile(r"Worker with PID \d+ exited unexpectedly \(code (-?\d+)\)")


class Post:
    """Armed processes, one after the other, until `kills` of them are dead; then one that is not armed."""

    def __init__(self, stage: Stage, failpoint: str, *, kills: int, seed: int = 0, latest: int = 3) -> None:
        self.stage = stage
        self.failpoint = failpoint
        self.kills = kills
        self.killed = 0
        #: Sentences about ends that were no kill at the failpoint.
        self.violations: list[str] = []
        self.process: Process | None = None
        self._number = 0
        #: It is killed at the first to the `latest` time it passes the place.
        self._latest = latest
        self._rng = random.Random(f"{seed} {self}")

    def __str__(self) -> str:
        return f"{self.failpoint} of a {type(self).__name__.removesuffix('Post').lower()}"

    @property
    def is_done(self) -> bool:
        return self.killed >= self.kills

    def tend(self) -> bool:
        """Look after the process there; return whether one was found killed at its failpoint."""
        if self.process is None:
            self._start()
            return False
        if self.is_done or (code := self._end_of(self.process)) is None:
            return False
        if code == -signal.SIGKILL:
            self.killed += 1
        else:
            self.violations.append(f"at {self}: a process ended with {code} instead of being killed")
        self.process.kill9()
        self._start()
        return code == -signal.SIGKILL

    def disarm(self) -> None:
        """Have one that is not armed go on there, however many were killed."""
        self.stop()
        self.kills = self.killed
        self._start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill9()

    def _start(self) -> None:
        self._number += 1
        name = f"{self.failpoint}-{id(self)}-{self._number}"
        environment = {"PGAPPNAME": name}
        if not self.is_done:
            environment["FAILPOINT"] = f"{self.failpoint}:kill:{self._rng.randint(1, self._latest)}"
        self.process = self._fork(name, environment)

    def _fork(self, name: str, environment: dict[str, str]) -> Process:
        raise NotImplementedError

    def _end_of(self, process: Process) -> int | None:
        """Return how the process that passes the failpoint ended, or None while it runs."""
        raise NotImplementedError


class WorkerPost(Post):
    """A worker's place. `queues` are all unless named."""

    def __init__(self, *args: object, threads: int = 2, queues: tuple[str, ...] = (), **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._arguments = ["--processes", "1", "--threads", str(threads)]
        if queues:
            self._arguments += ["--queues", *queues]

    def _fork(self, name: str, environment: dict[str, str]) -> Process:
        return self.stage.site.fork_worker(*self._arguments, name=name, environment=environment)

    def _end_of(self, process: Process) -> int | None:
        if found := _EXIT.search(process.log.read_text(errors="replace")):
            return int(found[1])
        return process.exit_code


class WebPost(Post):
    """A web server's place, with a port of its own.

    Granian's master would collect its dead child, and with it the code, and start another one that is armed again: it
    is stopped while a child is armed.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._child = 0

    def _fork(self, name: str, environment: dict[str, str]) -> Process:
        process = self.stage.site.fork_web(port=self.port, name=name, environment=environment)
        if not self.is_done:
            self._child = web_child(process)
            process.send(signal.SIGSTOP)
        return process

    def _end_of(self, process: Process) -> int | None:
        # The name, in parentheses, may hold spaces: state and code are the first and the last word after it.
        words = Path(f"/proc/{self._child}/stat").read_text().rpartition(")")[2].split()
        return os.waitstatus_to_exitcode(int(words[-1])) if words[0] == "Z" else None


def web_child(process: Process) -> int:
    """Wait until granian's master has started the process that serves, and return its id."""

    def look() -> int | None:
        process.expect_running()
        return first_child_of(process.pid)

    return wait_until(look, 20, "granian's child", every=0.005) or 0
