"""The minute ticker. A worker's keeper does the same by itself: a dead ticker is harmless."""

import dramatiq
from periodiq import cron

from actors.runtime import keeper, periodic
from core.schedules import static
from core.schedules.fire import fire_due


@dramatiq.actor(queue_name="default", periodic=cron("* * * * *"))
def tick() -> None:
    """Reap expired leases and fire schedules."""
    keeper.reap()
    fire_due()
    periodic.fire_due()
    static.follow()
