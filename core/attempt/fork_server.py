"""The fork server: a process that has imported what heavy work needs, and forks child processes from itself.

A process that has children has one server of its own. Its life:

1. The process starts it with one end of a socket, and names the modules that it imports. It has no thread but one, no
   connection and no Django, so that it may be forked at any time.
2. For each child it is sent two descriptors: the connection by which the child gets its work, and the status pipe, on
   which the server writes the child's process id and later its exit code. The fork takes milliseconds.
3. A child is killed through the server: it knows how long a process id still belongs to that child.
4. The other end of the socket is closed when the process ends, however it ends: the server kills its children and
   goes. When the server itself is killed, the kernel takes its children along.

The server of `multiprocessing` would not do: its children keep it alive, so that both outlive a worker that is killed;
each child runs the worker's main module again; and a killed worker leaves its folder behind.

This file is its program. It imports nothing of ours before it has received the path. The worker's side is
`core.attempt.forked`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

#: Bytes of an order at most: the first one names the modules.
ORDER_BYTES = 1 << 17
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(descriptor: int) -> None:
    """Serve the process at the other end of this socket until that closes it."""
    # The worker decides what becomes of its children, also when a signal goes to the whole group.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _do_nothing)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with socket.socket(fileno=descriptor) as control:
        control.set_inheritable(False)
        if first := control.recv(ORDER_BYTES):
            setup = json.loads(first)
            sys.path[:] = setup["path"]
            # First what each child needs, then what its work needs.
            preload(["core.attempt.child_work", *setup["preload"]])
            _Server(control).serve()


def preload(modules: Iterable[str]) -> None:
    """Import these modules; one that can't be imported, or that starts threads, is logged and passed over."""
    from core.logs import log

    for name in modules:
        before = _threads()
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - the child that needs it raises it again, in its job
            log("preload_failed", level=logging.WARNING, module=name, error=f"{type(error).__name__}: {error}")
        if _threads() > before:
            log("preload_started_threads", level=logging.WARNING, module=name, threads=_threads() - before)
    gc.collect()
    # Objects that no collection touches stay in memory that is shared.
    gc.freeze()


class _Server:
    """Forks, kills and collects children by their numbers."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        #: By number: the process id and its status pipe.
        self._children: dict[int, tuple[int, Connection]] = {}
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serve orders until the other end is closed; then kill all children and return."""
        poll = select.poll()
        for readable in (self._control.fileno(), self._woken):
            poll.register(readable, select.POLLIN)
        while True:
            ready = [readable for readable, _ in poll.poll()]
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._collect()
            if self._control.fileno() in ready:
                order, ends, *_ = socket.recv_fds(self._control, ORDER_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
                if not order:
                    break
                self._obey(order.decode(), [Connection(end) for end in ends])
        for number, (pid, _) in self._children.items():
            self._kill(number)
            os.waitpid(pid, 0)

    def _obey(self, order: str, ends: list[Connection]) -> None:
        word, _, number = order.partition(" ")
        if word == "fork":
            self._fork(int(number), *ends)
        else:
            self._kill(int(number))

    def _fork(self, number: int, connection: Connection, tells: Connection) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            from core.logs import log

            log("fork_failed", level=logging.ERROR, error=str(error))
            tells.close()
        else:
            if not pid:
                self._become_child(connection, tells, parent)
            self._children[number] = pid, tells
            _send(tells, pid)
        connection.close()

    def _kill(self, number: int) -> None:
        if number in self._children:
            os.kill(self._children[number][0], signal.SIGKILL)

    def _collect(self) -> None:
        """Report the exit codes of the children that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for number, (existing, tells) in list(self._children.items()):
                if existing == pid:
                    _send(tells, os.waitstatus_to_exitcode(status))
                    tells.close()
                    del self._children[number]

    def _become_child(self, connection: Connection, tells: Connection, parent: int) -> NoReturn:
        """Work, and never return: what is above on the stack is the server's."""
        code = 1
        try:
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                self._let_go(tells)
                from core.attempt.child_work import work

                work(connection)
                code = 0
        except BaseException:  # noqa: BLE001 - nobody is there to catch it
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _let_go(self, tells: Connection) -> None:
        """Close the server's descriptors in a child: processes that its work leaves behind would hold them open."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        for pipe in (tells, *(other for _, other in self._children.values())):
            pipe.close()
        for descriptor in (self._woken, self._wakes):
            os.close(descriptor)


def _send(tells: Connection, number: int) -> None:
    # The process that ordered it may be gone.
    with contextlib.suppress(OSError):
        tells.send(number)


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _do_nothing(*_: object) -> None:
    """Unlike SIG_IGN, a handler is not handed down to the programs that a child starts."""


if __name__ == "__main__":
    main(int(sys.argv[1]))
    sys.stderr.flush()
    # Modules that were frozen complain when they are taken down in order; nothing in here needs that.
    os._exit(0)
