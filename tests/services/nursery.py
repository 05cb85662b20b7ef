"""A process that has imported the product, and forks web servers and workers from itself.

To start a process costs a second, nearly all of it imports, and chaos kills some hundred. One that is forked here runs
the same command, `manage.py web` or `manage.py worker`, with the product imported already: where the command would
replace itself by Dramatiq's program, that one's entry is called. It has its own session, log, environment and
child processes; only settings that are read at import are those of the nursery.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.services.processes import Process

CHECKOUT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


class Nursery:
    """Forks processes on demand. They end with it, and it ends with the thread that started it.

    `constants` are values of modules, by `module.NAME`, that take the place of the product's: times that are short in
    proportion to those of the settings.
    """

    def __init__(
        self, *, log: Path, environment: Mapping[str, str], constants: Mapping[str, float] | None = None
    ) -> None:
        ours, theirs = socket.socketpair()
        self._talking = threading.Lock()
        self._codes: dict[int, int] = {}
        with theirs:
            self._process = Process(
                "nursery",
                [sys.executable, "-m", "tests.services.nursery", str(theirs.fileno()), json.dumps(constants or {})],
                log=log,
                # A second thread of the numeric library's would not survive a fork.
                environment={**environment, "OPENBLAS_NUM_THREADS": "1", "DJANGO_SETTINGS_MODULE": "core.settings"},
                folder=CHECKOUT,
                inherited=(theirs.fileno(),),
            )
        self._socket = ours
        self._answers = ours.makefile("r")

    def start(self, name: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Process:
        """Fork a process that runs `manage.py` with these arguments."""
        log.touch()
        order = {"arguments": list(arguments), "log": str(log), "environment": dict(environment)}
        return Process.adopted(name, _Ward(self, self._ask({"start": order})["pid"]), log=log)

    def stop(self) -> None:
        """End it, and with it everything it has forked."""
        self._answers.close()
        self._socket.close()
        self._process.stop()

    def code_of(self, pid: int) -> int | None:
        """Return how the process ended, as `subprocess` counts it, or None while it runs."""
        with self._talking:
            if pid in self._codes:
                return self._codes[pid]
        for ended, code in self._ask({})["ended"]:
            self._codes[ended] = code
        return self._codes.get(pid)

    def _ask(self, order: Mapping[str, Any]) -> Any:
        with self._talking:
            try:
                self._socket.sendall(json.dumps(order).encode() + b"\n")
                line = self._answers.readline()
            except OSError:
                line = ""
        if not line:
            self._process.wait(10)
            self._process.expect_running()
        return json.loads(line)


class _Ward:
    """What `Process` asks of a process that it did not start itself."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    def poll(self) -> int | None:
        return self._nursery.code_of(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (timeout if timeout is not None else 1e9)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.01)
        return code


# -- the nursery's own process ----------------------------------------------------------------------


def main(descriptor: int, constants: Mapping[str, float]) -> None:
    import django

    django.setup()
    # All that either command would import by itself.
    from importlib import import_module

    for name in (
        "frontend.wsgi",
        "django_dramatiq.setup",
        "actors.runtime.run_job",
        "actors.runtime.ticker",
        "core.operation.metrics",
        "granian",
    ):
        import_module(name)
    for path, value in constants.items():
        module, _, constant = path.rpartition(".")
        getattr(import_module(module), constant)  # it has to be there
        setattr(import_module(module), constant, value)
    programs = {"dramatiq": import_module("dramatiq.__main__").main}
    channel = socket.socket(fileno=descriptor)
    ended: list[tuple[int, int]] = []
    with channel.makefile("r") as orders:
        while line := orders.readline():
            _collect(ended)
            order = json.loads(line)
            if "start" not in order:
                answer: dict[str, Any] = {"ended": ended}
                ended = []
            elif pid := os.fork():
                answer = {"pid": pid}
            else:
                channel.close()
                _become(programs, **order["start"])
            channel.sendall(json.dumps(answer).encode() + b"\n")


def _collect(ended: list[tuple[int, int]]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _become(
    programs: Mapping[str, Callable[[], object]],
    *,
    arguments: Sequence[str],
    log: str,
    environment: Mapping[str, str],
) -> NoReturn:
    from django.core.management import execute_from_command_line

    from core import failpoints

    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    os.environ.clear()
    os.environ.update(environment)
    # Read at import, which is behind us.
    failpoints._armed = failpoints._parse(environment["FAILPOINT"]) if environment.get("FAILPOINT") else None

    def run(file: str | os.PathLike[str], words: Sequence[str]) -> NoReturn:
        sys.argv = [str(file), *words[1:]]
        sys.exit(programs[Path(file).name]())  # type: ignore[arg-type]

    os.execv = os.execvp = run  # type: ignore[assignment]
    execute_from_command_line(["manage.py", *arguments])
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
