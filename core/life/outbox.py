"""The outbox: which jobs' messages are to be sent, and which must have been lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Count, F

from core.conf import conf
from core.database import statements
from core.life.messages import DueJob
from core.models import Job
from core.models.job import Priority
from core.models.states import CLAIMABLE

#: Jobs that one batch publishes.
BATCH = 500
#: Seconds for which a relay that took jobs has them to itself.
HOLD_SECONDS = 10.0


def take_due(*, limit: int = BATCH, queue: str = "default", lowest: Priority = Priority.LOW) -> list[DueJob]:
    """Take due jobs of the queue whose message is not on its way: the urgent first, then owners in turn.

    Those of a priority below `lowest` are left.
    """
    params = {"limit": limit, "hold": HOLD_SECONDS, "queue": queue, "lowest": int(lowest)}
    rows = statements.run("take_due", params)
    due = sorted((DueJob(*row) for row in rows), key=lambda job: job.job_id)
    turns: Counter[tuple[int, Any]] = Counter()
    placed = []
    for job in due:
        turns[job.priority, job.owner_id] += 1
        placed.append((-job.priority, turns[job.priority, job.owner_id], job))
    return [job for *_, job in sorted(placed, key=lambda entry: entry[:2])]


def take_before_others(*, limit: int, queue: str = "default") -> list[DueJob]:
    """Take due jobs that overtake published ones of a lower priority: as many as make `limit` messages of theirs."""
    published = Job.objects.filter(queue=queue, published_at__isnull=False, state__in=CLAIMABLE).order_by()
    for lowest in (Priority.URGENT, Priority.NORMAL):
        if not published.filter(priority__lt=lowest).exists():
            continue
        room = limit - published.filter(priority__gte=lowest)[:limit].count()
        if room > 0 and (jobs := take_due(limit=room, queue=queue, lowest=lowest)):
            return jobs
    return []


def next_due_seconds(queue: str = "default") -> float | None:
    """Return the seconds until the queue's next job is to be published, 0 when one is due, None when there is none."""
    seconds = statements.run("next_due", {"queue": queue, "lowest": int(Priority.LOW)})[0][0]
    return None if seconds is None else max(0.0, float(seconds))


def change_mark() -> int | None:
    """Return a number that changes when another connection writes; None on a database without one.

    SQLite has one, and answers in microseconds.
    """
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        return int(cursor.execute("PRAGMA data_version").fetchone()[0])


def give_back(job_ids: Iterable[int]) -> None:
    """Give these jobs back to other relays at once: this process could not publish them."""
    Job.objects.filter(pk__in=list(job_ids), published_at__isnull=True).update(publish_at=F("run_at"))


def take_back(job_id: int) -> None:
    """Have the job published anew: its message was taken by a process that can't claim it."""
    Job.objects.filter(pk=job_id, published_at__isnull=False, state__in=CLAIMABLE).update(
        published_at=None, publish_at=F("run_at")
    )


def mark_published(job_ids: Iterable[int]) -> int:
    """Note that the broker has confirmed these jobs' messages; return how many were not yet noted."""
    return len(statements.run("mark_published", {"ids": statements.id_list(job_ids)}))


def unclaimed() -> dict[str, int]:
    """Return, by queue, how many published jobs nobody has claimed."""
    rows = (
        Job.objects.filter(published_at__isnull=False, state__in=CLAIMABLE)
        .values_list("queue")
        .annotate(count=Count("pk"))
    )
    return dict(rows)


def publish_again(queue: str, *, limit: int, older_seconds: float | None = None) -> int:
    """Make up to `limit` of the queue's published jobs due for publishing again; return how many."""
    age = conf.REPUBLISH_SECONDS if older_seconds is None else older_seconds
    if limit <= 0:
        return 0
    return len(statements.run("unpublish", {"queue": queue, "older": age, "limit": limit}))
