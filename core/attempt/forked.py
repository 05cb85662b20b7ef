"""The worker's side of child processes: it orders them from its fork server (`core.attempt.fork_server`)."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import multiprocessing.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

from core.attempt import fork_server

#: Seconds within which a process has to end once it was asked to.
GONE_SECONDS = 10.0


class Forked:
    """A child that was ordered: its connection, and its status as the server reports it."""

    def __init__(self, number: int, connection: Connection, status: Connection) -> None:
        self.number = number
        self.connection = connection
        #: Brings the process id, then the exit code; to be waited for together with the connection.
        self.status = status
        #: 0 until the server has sent it.
        self.pid = 0
        #: How it ended, as `subprocess` counts it; None while it may live.
        self.code: int | None = None
        self._is_over = False

    def is_begun(self, seconds: float) -> bool:
        """Wait at most so long for the process to start or to fail; return whether it has done either."""
        return self.pid != 0 or self._read_status(seconds)

    def is_over(self, seconds: float = 0.0) -> bool:
        """Wait at most so long for the process to end; return whether it has."""
        until = time.monotonic() + seconds
        while not self._is_over and self._read_status(max(0.0, until - time.monotonic())):
            pass
        return self._is_over

    @property
    def end(self) -> str:
        """How the process ended, as a part of a sentence."""
        if self.code is None:
            return "its fork server is gone" if self._is_over else "it does not answer"
        if self.code >= 0:
            return f"exit code {self.code}"
        return next((each.name for each in signal.Signals if each == -self.code), f"signal {-self.code}")

    def close(self) -> None:
        """Let go of it; it ends by itself when it has nothing in hand."""
        self.connection.close()
        self.status.close()

    def _read_status(self, seconds: float) -> bool:
        if self._is_over:
            return True
        if not self.status.poll(seconds):
            return False
        try:
            number = self.status.recv()
        except (EOFError, OSError):
            self._is_over = True
            return True
        if self.pid:
            self.code, self._is_over = number, True
        else:
            self.pid = number
        return True


class ForkServer:
    """The server of this process; started when it is first needed, or before. Safe to use from all threads."""

    def __init__(self) -> None:
        #: Modules that the server imports once, when it starts.
        self.preload: tuple[str, ...] = ()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()

    def forget(self) -> None:
        """Reset in a forked process: the server belongs to its parent, and must end with that."""
        if self._process is not None:
            # Only the parent can wait for it.
            self._process.returncode = 0
            self._control.close()
        self._process = None
        # A thread of the parent, which does not exist here, may have held it.
        self._guard = threading.Lock()

    @property
    def pid(self) -> int:
        """The server's process id; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the server unless it runs. Returns at once: the imports are its own business."""
        with self._guard:
            self._start()

    def fork(self) -> Forked:
        """Order a child and return at once. Raises OSError when no server can be started."""
        ours, theirs = multiprocessing.Pipe()
        status, status_end = multiprocessing.Pipe(duplex=False)
        with theirs, status_end, self._guard:
            number = next(self._numbers)
            try:
                self._send_fork(number, theirs, status_end)
            except ConnectionError:
                # A dead server is noticed here.
                self._drop()
                self._send_fork(number, theirs, status_end)
        return Forked(number, ours, status)

    def kill(self, number: int) -> None:
        """Have the child of this number killed, if it lives."""
        with self._guard, contextlib.suppress(OSError):
            if self._process is not None:
                self._control.send(b"kill %d" % number)

    def stop(self) -> None:
        """End the server and all its children, and wait until they are gone."""
        with self._guard:
            self._drop()

    def _send_fork(self, number: int, *ends: Connection) -> None:
        self._start()
        socket.send_fds(self._control, [b"fork %d" % number], [end.fileno() for end in ends])

    def _start(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._drop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    # Without the program's folder on the path: our modules have names of their own.
                    [sys.executable, "-P", fork_server.__file__, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    # The numeric library would start threads when it is imported, and a fork has one thread alone.
                    # Children share the processors anyway: there is one for each.
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                )
            except OSError:
                ours.close()
                raise
        self._control = ours
        multiprocessing.util.Finalize(None, self.stop, exitpriority=100)
        ours.send(json.dumps({"path": sys.path, "preload": self.preload}).encode())

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._control.close()
        try:
            process.wait(GONE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
