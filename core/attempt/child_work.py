"""The work of a child process: it runs functions one after another. Django is set up only for those that need it.

It is sent (name, needs_django, the pickled function and arguments); it answers with any number of
("report", done, total, note) and ("log", a record's fields), then ("result", value) or ("error", the error, its
traceback as text).
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from core.errors import PermanentError

#: Seconds between two reports that a child sends.
REPORT_SECONDS = 0.1
#: Characters of a line that are sent.
TEXT_LENGTH = 20_000
#: Errors of Django that mean that it was not set up.
_NOT_SET_UP = ("AppRegistryNotReady", "ImproperlyConfigured")


def work(connection: Connection) -> None:
    """Run what is sent until the connection is closed."""
    # Each child would draw the same numbers as its brothers.
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        report = Reporter(connection)
        answer = _answer(report, *order)
        report.end()
        try:
            connection.send(answer)
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - a result can be anything
            connection.send(("error", TypeError(f"{order[0]} returned what can't be sent: {error}"), ""))


class Reporter:
    """Sends at most ten reports a second, and never loses the last. Safe to call from all threads of the function."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0.0
        self._unsent: tuple[int, int | None, str] | None = None
        self._guard = threading.Lock()
        self._is_over = False

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        with self._guard:
            self._unsent = (done, total, note)
            if time.monotonic() >= self._next:
                self._flush()

    def log(self, record: dict[str, Any]) -> None:
        """Send what was logged."""
        with self._guard:
            if not self._is_over:
                with contextlib.suppress(OSError):
                    self._connection.send(("log", record))

    def end(self) -> None:
        """Send what is unsent; a thread that the function has left behind reports no more."""
        with self._guard:
            self._flush()
            self._is_over = True

    def _flush(self) -> None:
        if self._unsent is not None and not self._is_over:
            with contextlib.suppress(OSError):
                self._connection.send(("report", *self._unsent))
            self._unsent = None
            self._next = time.monotonic() + REPORT_SECONDS


class Sending(logging.Handler):
    """Sends what is logged to the worker, whose log and job it belongs to."""

    def __init__(self, report: Reporter) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = record.exc_info[1] if record.exc_info else None
            trace = "".join(traceback.format_exception(error)) if error else None
            fields = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
            where = {"pathname": record.pathname, "lineno": record.lineno, "funcName": record.funcName}
            text = record.getMessage()[:TEXT_LENGTH]
            self._report.log(fields | where | {"created": record.created, "msg": text, "exc_text": trace})
        except Exception:  # noqa: BLE001 - logging's own rule: a line that can't be made must not stop the work
            self.handleError(record)


def _log_by(report: Reporter) -> None:
    """Have all that is logged sent to the worker, which decides what is worth it; also what Django has configured."""
    root = logging.getLogger()
    root.handlers[:] = [Sending(report)]
    root.setLevel(logging.INFO)


def _answer(report: Reporter, name: str, needs_django: bool, order: bytes) -> tuple[Any, ...]:
    try:
        if needs_django:
            import django

            django.setup()
        _log_by(report)
        # Only now: the function's module may import models.
        function, kwargs = pickle.loads(order)  # noqa: S301 - it comes from the worker
        return "result", function(report, **kwargs)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the function's
        if not needs_django and _lacks_django(error):
            failure: BaseException = PermanentError(
                f"{name} needs Django, which its child process does not have ({error}). "
                "Run it with ctx.run_in_child(…, needs_django=True), or put it into a module that imports no models."
            )
        else:
            failure = _portable(error)
        return "error", failure, traceback.format_exc()


def _lacks_django(error: BaseException) -> bool:
    kind = type(error)
    return kind.__module__ == "django.core.exceptions" and kind.__name__ in _NOT_SET_UP


def _portable(error: BaseException) -> BaseException:
    """Return the error, or one that says the same: not all can be sent, and the worker's thread must not exit."""
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")
