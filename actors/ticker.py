"""The minute ticker. A worker's keeper does the same by itself: a dead ticker is harmless."""

import dramatiq
from periodiq import cron

from actors import keeper


@dramatiq.actor(queue_name="default", periodic=cron("* * * * *"))
def tick() -> None:
    """Reap expired leases."""
    keeper.reap()
