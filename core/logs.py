"""The one format of all log lines: a past-tense event and its fields; and whose line it is."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any, Protocol

logger = logging.getLogger("headway")
#: Fields of an event that are attributes of its record as well.
FIELDS = ("job", "pipeline", "attempt")


class Sink(Protocol):
    """Takes the lines of one attempt."""

    @property
    def job_id(self) -> int: ...
    def add(self, at: float, level: str, name: str, text: str) -> None: ...
    def redacted(self, text: str) -> str: ...


#: Where what is logged in this thread or async task is kept beside the log: that of the attempt which runs here.
sink: ContextVar[Sink | None] = ContextVar("sink", default=None)


def log(event: str, *, level: int = logging.INFO, exc_info: bool = False, **fields: Any) -> None:
    """Log one event, e.g. `job_claimed job=7 attempt=2`.

    What says whose it is, as `FIELDS` has it, is also on the record, for what watches errors.
    """
    if logger.isEnabledFor(level):
        words = " ".join(f"{name}={_format(value)}" for name, value in fields.items())
        extra = {name: fields[name] for name in FIELDS if name in fields}
        logger.log(level, "%s %s", event, words, exc_info=exc_info, extra=extra)


class WithJob(logging.Filter):
    """Gives each record the number of the job in whose attempt it was logged, as `job`; empty outside of one.

    For handlers: `"filters": {"job": {"()": "core.logs.WithJob"}}`. A format may then have `{job}`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "job"):
            attempt = sink.get()
            record.job = attempt.job_id if attempt is not None else ""
        return True


class LineFormatter(logging.Formatter):
    """Adds ` job=7` to a line that does not say it itself; for handlers with the filter `WithJob`.

    Whatever is logged in an attempt is written without the job's secrets.
    """

    def format(self, record: logging.LogRecord) -> str:
        line, attempt = super().format(record), sink.get()
        return line if attempt is None else attempt.redacted(line)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        job = getattr(record, "job", "")
        return f"{line} job={job}" if job and record.name != logger.name else line


class Keeping(logging.Handler):
    """Hands what is logged in an attempt to its sink. Headway's own events are on the job's timeline already."""

    def emit(self, record: logging.LogRecord) -> None:
        attempt = sink.get()
        if attempt is None or record.name == logger.name:
            return
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[0]:
                # Its traceback is in the log, for those who run the site.
                text += f"\n{record.exc_info[0].__name__}: {record.exc_info[1]}"
            elif record.exc_text:
                text += f"\n{record.exc_text.strip().splitlines()[-1]}"
            attempt.add(record.created, record.levelname, record.name, text)
        except Exception:  # noqa: BLE001 - logging's own rule: a line that can't be made must not stop the work
            self.handleError(record)


_keeping = Keeping()


def keep_lines() -> None:
    """Have this process keep what its attempts log."""
    root = logging.getLogger()
    if _keeping not in root.handlers:
        root.addHandler(_keeping)


def write_to_stderr() -> None:
    """Have this process log as Headway's own site does, at INFO to stderr, where the site's LOGGING says nothing of it.

    Django configures no root logger: a worker's tracebacks, and what pipelines log, would be nowhere.
    """
    from django.conf import settings

    root = logging.getLogger()
    if any(handler is not _keeping for handler in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter("{asctime} {levelname} {name} {message}", style="{"))
    handler.addFilter(WithJob())
    root.addHandler(handler)
    if "root" not in settings.LOGGING:
        root.setLevel(logging.INFO)
        # Pika logs each reconnect with a traceback; the relay's and the consumer's own lines log it once.
        logging.getLogger("pika").setLevel(logging.CRITICAL)


def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    # What can't be printed, half a character or a line's end, would break the line for who reads the log.
    return repr(text) if " " in text or not text.isprintable() else text
