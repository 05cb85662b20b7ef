"""The worker's side of its watcher: a beat a second that says that the interpreter is not held.

The watcher is a process of its own, as whoever holds the interpreter holds up every thread of this one. Its story is
told in `core.attempt.watcher`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import subprocess
import sys
import threading

from core.attempt import watcher
from core.logs import log

#: Seconds that the watcher gets to end when its worker does.
END_SECONDS = 5.0
_PR_SET_NAME = 15  # prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Pulse:
    """Beats for this process while it lives."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the watcher and beat for it."""
        self._start_watcher()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watcher, and wait until it has ended."""
        self._ending.set()
        self._thread.join(END_SECONDS)
        self._close()

    def _run(self) -> None:
        while not self._ending.wait(watcher.BEAT_SECONDS):
            try:
                self._beat()
            except OSError:
                log("watcher_ended", level=logging.WARNING, worker=self._worker)
                self._close()
                with contextlib.suppress(OSError):
                    self._start_watcher()

    def _beat(self) -> None:
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError
        # A watcher that is held up itself reads them later; there is room for hours of them.
        with contextlib.suppress(BlockingIOError):
            os.write(self._process.stdin.fileno(), b".")

    def _start_watcher(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", watcher.__file__],
            stdin=subprocess.PIPE,
            # A signal to the whole group is for the worker: it decides when its watcher ends.
            start_new_session=True,
        )
        if self._process.stdin is not None:
            first = {"path": sys.path, "worker": self._worker, "pid": os.getpid()}
            self._process.stdin.write(json.dumps(first).encode() + b"\n")
            self._process.stdin.flush()
            os.set_blocking(self._process.stdin.fileno(), False)

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def name_thread(job_id: int) -> None:
    """Let the system call this thread after its job: `top -H` shows it, and the watcher knows whose it is."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, watcher.thread_name(job_id).encode())
