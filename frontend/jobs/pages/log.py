"""What a job's function has logged, as its page shows it and as a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from core.models import Job, JobLog

#: Lines that the page shows, the newest ones; the file has all that are kept.
LISTED_LINES = 200


@dataclass(frozen=True)
class Line:
    """One line of the log."""

    at: dt.datetime
    level: str
    logger: str
    text: str


@dataclass(frozen=True)
class Log:
    """The log of one job."""

    listed: tuple[Line, ...] = ()
    #: Lines before those that are still kept, and lines that are kept no longer.
    earlier: int = 0
    dropped: int = 0

    def __bool__(self) -> bool:
        return bool(self.listed)

    @property
    def version(self) -> int:
        """What the page compares: how many lines the job has ever logged."""
        return len(self.listed) + self.earlier + self.dropped


def log_of(job: Job, *, has_log: bool) -> Log:
    """Return the newest lines of the job's log; without a query for a job that is known to have none."""
    if not has_log:
        return Log()
    rows, lines = [], 0
    for row in JobLog.objects.filter(job=job).order_by("-pk").iterator(chunk_size=20):
        rows.append(row)
        lines += row.count
        if lines >= LISTED_LINES:
            break
    if not rows:
        return Log()
    last = rows[0]
    listed = [line for row in rows[::-1] for line in _lines(row)][-LISTED_LINES:]
    total = last.before + last.dropped + last.count
    kept = sum(JobLog.objects.filter(job=job).values_list("count", flat=True))
    return Log(tuple(listed), earlier=kept - len(listed), dropped=total - kept)


def as_text(job: Job) -> Iterator[str]:
    """Yield the lines that are kept, with their times in UTC, and where lines are missing how many."""
    expected = 0
    for row in JobLog.objects.filter(job=job).order_by("pk").iterator(chunk_size=20):
        if missing := row.before + row.dropped - expected:
            yield f"… {missing:,} line{'s' if missing > 1 else ''} not kept\n"
        for line in _lines(row):
            at = line.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            yield f"{at}Z {line.level} {line.logger} {line.text}\n"
        expected = row.before + row.dropped + row.count


def _lines(row: JobLog) -> Iterator[Line]:
    for at, level, logger, text in row.lines:
        yield Line(dt.datetime.fromtimestamp(at, dt.UTC), level, logger, text)
