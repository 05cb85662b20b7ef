"""A few threads that run plain functions for the event loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import connections

T = TypeVar("T")


class Crew:
    """Runs functions in up to `size` threads, which are started as they are needed.

    The standard library's pool would be waited for at the interpreter's end, whatever hangs in it, and can't grow.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0
        self._guard = threading.Lock()

    def submit(self, act: Callable[[], T]) -> Future[T]:
        """Have a thread call this; it may be cancelled until one does."""
        future: Future[T] = Future()
        self._work.put((future, act))
        if not self._idle.acquire(blocking=False):
            self._add_thread()
        return future

    def grow(self) -> None:
        """Let one thread more be: one of them hangs."""
        with self._guard:
            self._size += 1
        self._add_thread()

    def end(self) -> None:
        """End the threads once they have done what they were given."""
        with self._guard:
            threads, self._size = self._threads, 0
        for _ in range(threads):
            self._work.put(None)

    def _add_thread(self) -> None:
        with self._guard:
            if self._threads >= self._size:
                return
            self._threads += 1
            number = self._threads
        threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def _run(self) -> None:
        try:
            while (item := self._work.get()) is not None:
                future, act = item
                if future.set_running_or_notify_cancel():
                    try:
                        future.set_result(act())
                    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                        future.set_exception(error)
                # Nothing of the last job is kept while it waits.
                del item, future, act
                self._idle.release()
        finally:
            connections.close_all()
