"""The presence of worker processes: each reports every few seconds, and reports its end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

from core.database import statements
from core.database.clock import database_now
from core.models import Worker

#: Seconds between two reports of a worker.
HEARTBEAT_SECONDS = 10.0
#: Seconds without a report after which a worker counts as gone: three reports were missed.
GONE_SECONDS = 35.0
#: Seconds after which the row of a worker that never reported its end is deleted.
FORGET_SECONDS = 3600.0


def announce(name: str, *, queues: Sequence[str], threads: int, is_stopping: bool = False) -> None:
    """Report this worker, the queues it takes jobs from, and its number of threads."""
    statements.run(
        "heartbeat",
        {"name": name, "queues": json.dumps(sorted(queues)), "threads": threads, "is_stopping": is_stopping},
    )


def leave(name: str) -> None:
    """Report the end of this worker."""
    Worker.objects.filter(pk=name).delete()


def forget_the_dead() -> int:
    """Delete the rows of workers that never reported their end; return how many there were."""
    since = database_now() - dt.timedelta(seconds=FORGET_SECONDS)
    return Worker.objects.filter(seen_at__lt=since).delete()[0]


def alive() -> list[Worker]:
    """Return the workers that have reported lately, by their names."""
    since = database_now() - dt.timedelta(seconds=GONE_SECONDS)
    return list(Worker.objects.filter(seen_at__gte=since).order_by("name"))


def threads_on(queue: str) -> int:
    """Return how many threads take jobs from the queue; those of workers that are stopping don't count."""
    return sum(worker.threads for worker in alive() if not worker.is_stopping and queue in worker.queues)
