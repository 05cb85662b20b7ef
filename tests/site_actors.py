"""An actor with `periodic=` as a site's own code declares one; each test's site names this module."""

from __future__ import annotations

import dramatiq
from django.db import connection
from periodiq import cron


@dramatiq.actor(periodic=cron("* * * * *"), queue_name="reports")
def count_orders() -> None:
    """Count the orders of the shop."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO test_effect (job_id, step, fence) VALUES (0, 'counted', 0)")


@dramatiq.actor(periodic=cron("* * * * *"))
def break_orders() -> None:
    """Break."""
    raise ValueError("no orders")
