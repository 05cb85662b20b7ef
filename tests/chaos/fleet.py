"""Workers that are killed and come back: each place of the fleet always has one."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.services.processes import Process, children_of, is_alive
from tests.services.site import Site

#: The whole worker at once; only the process that runs jobs (Dramatiq's master then ends by itself); only the
#: master (the process that runs jobs is an orphan, notices, and hands its jobs back).
How = Literal["group", "child", "master"]


@dataclass
class Worker:
    """One started worker: Dramatiq's master and its child."""

    process: Process
    #: What its connections call themselves in the database.
    name: str
    #: What was added to its environment.
    environment: Mapping[str, str] | None = None
    _frozen: set[int] = field(default_factory=set)

    def family(self) -> set[int]:
        return {self.process.pid, *children_of([self.process.pid])} if self.process.is_running else set()

    def freeze(self) -> None:
        """SIGSTOP all its processes."""
        self._frozen = self.family()
        _send_all(self._frozen, signal.SIGSTOP)

    def thaw(self) -> None:
        _send_all(self._frozen, signal.SIGCONT)


@dataclass
class Fleet:
    """Starts workers from the thread that calls it; a process ends with the thread that started it."""

    site: Site
    threads: int = 4
    forks: bool = True
    kills: dict[How, int] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    started: int = 0
    _orphans: set[int] = field(default_factory=set)

    def start(self, environment: Mapping[str, str] | None = None) -> Worker:
        """Start a worker; `environment` is added to that of its site, and to that of whoever takes its place.

        The first is started as an operator does; the others are forked from a process that has imported the same,
        unless `forks` says no or the environment has to be there from the beginning.
        """
        self.started += 1
        name = f"worker-{self.started}"
        arguments = ("--processes", "1", "--threads", str(self.threads))
        added = {**(environment or {}), "PGAPPNAME": name}
        if self.forks and not environment and self.started > 1:
            process = self.site.fork_worker(*arguments, name=name, environment=added)
        else:
            known = dict(self.site.environment)
            self.site.environment |= added
            try:
                (process,) = self.site.start_worker(1, *arguments)
            finally:
                self.site.environment = known
        worker = Worker(process, name, environment)
        self.workers.append(worker)
        return worker

    def tend(self) -> None:
        """Start a worker in the place of each that has ended."""
        for worker in [worker for worker in self.workers if not worker.process.is_running]:
            self.workers.remove(worker)
            self.start(worker.environment)

    def with_pids(self, pids: set[int]) -> Iterator[tuple[Worker, int]]:
        """Yield the workers to which these processes belong, each with the process."""
        for worker in self.workers:
            for pid in worker.family() & pids:
                yield worker, pid

    def kill(self, worker: Worker, pid: int, how: How) -> None:
        """kill -9. `pid` is the worker's process that runs jobs."""
        match how:
            case "group":
                worker.process.kill9()
            case "child":
                os.kill(pid, signal.SIGKILL)
            case "master":
                self._orphans |= worker.family() - {worker.process.pid}
                os.kill(worker.process.pid, signal.SIGKILL)
                worker.process.wait()
        self.kills[how] = self.kills.get(how, 0) + 1

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """While this lasts, nobody works."""
        pids = self.orphans().union(*(worker.family() for worker in self.workers))
        _send_all(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _send_all(pids, signal.SIGCONT)

    def orphans(self) -> set[int]:
        """Processes whose master was killed and that still run."""
        return {pid for pid in self._orphans if is_alive(pid) and self._is_ours(pid)}

    def retire(self, worker: Worker) -> None:
        """Kill a worker that shall not come back."""
        self.workers = [each for each in self.workers if each is not worker]
        if worker.process.is_running:
            worker.process.kill9()

    def stop(self) -> None:
        for worker in list(self.workers):
            self.retire(worker)
        _send_all(self.orphans(), signal.SIGKILL)
        # The ids of those that have ended may be other processes' by now: nobody is to signal them again.
        self.site.processes[:] = [process for process in self.site.processes if process.is_running]

    def _is_ours(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"HEADWAY_HOME={self.site.home}\0".encode() in environment


def _send_all(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
