"""What code runs periodically without a job: each time once, whichever process sees that it has come.

1. Code registers it with `static.declare`. Its row waits for one time, `next_at`, read by our own cron.
2. Any process may see that the time has come. One of them moves `next_at` on, by a conditional UPDATE: that is the
   election. Of times that passed while nobody looked the latest is run, and the others are logged as missed.
3. One of them sends it (`take_unsent`). What nobody has begun a minute later is sent again: a broker in memory is gone
   with its process.
4. However often it was sent, `begin` lets one run it. One that is killed meanwhile is not run again: the actor's next
   time comes.
5. `end` writes down what came of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from core.database.clock import database_now
from core.database.jsontext import storable
from core.logs import log
from core.models import PeriodicRun
from core.pipelines import cron
from core.schedules import static
from core.schedules.static import ZONE, Tick

#: Seconds after which what nobody has begun is sent again.
RESEND_SECONDS = 60.0
#: Spans that are searched for the latest time that has passed, the shortest first.
_SPANS = (dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=31), dt.timedelta(days=366))
_ERROR_LENGTH = 2000


@dataclass(frozen=True)
class Sending:
    """A time whose message is to be sent."""

    name: str
    due_at: dt.datetime


def take_unsent(queues: Collection[str] | None = None) -> list[Sending]:
    """Return the times that have come and that this call has to send; of actors on these queues, or on all."""
    ticks = {tick.name: tick for tick in static.declared() if tick.queue and (queues is None or tick.queue in queues)}
    if not ticks:
        return []
    now = database_now()
    rows = {row.name: row for row in PeriodicRun.objects.filter(name__in=ticks)}
    for name, tick in ticks.items():
        _elect(tick, rows.get(name), now)
    old = now - dt.timedelta(seconds=RESEND_SECONDS)
    unsent = PeriodicRun.objects.filter(
        Q(sent_at__isnull=True) | Q(sent_at__lt=old), name__in=ticks, due_at__isnull=False, began_at__isnull=True
    )
    return [
        Sending(row.name, row.due_at)
        for row in unsent
        if row.due_at is not None
        and PeriodicRun.objects.filter(pk=row.pk, due_at=row.due_at, sent_at=row.sent_at).update(sent_at=now)
    ]


def begin(name: str, due_at: dt.datetime, *, worker: str) -> bool:
    """Return whether this call may run the actor's time; for each time it is one."""
    row = PeriodicRun.objects.filter(pk=name, due_at=due_at, began_at__isnull=True)
    return bool(row.update(began_at=database_now(), worker=worker))


def end(name: str, due_at: dt.datetime, *, error: str = "") -> None:
    """Write down that the run of this time has ended, and why it failed if it has."""
    row = PeriodicRun.objects.filter(pk=name, due_at=due_at, ended_at__isnull=True)
    row.update(ended_at=database_now(), error=storable(error)[:_ERROR_LENGTH])


def last_runs() -> dict[str, PeriodicRun]:
    """Return the last run of each, by its name."""
    return {row.name: row for row in PeriodicRun.objects.filter(due_at__isnull=False)}


def _elect(tick: Tick, row: PeriodicRun | None, now: dt.datetime) -> None:
    """Move the row on to its next time; what has come by now is due."""
    next_at = next(iter(tick.next_times(after=now, count=1)), None)
    if row is None:
        # Another process may do so at the same moment.
        PeriodicRun.objects.bulk_create(
            [PeriodicRun(name=tick.name, cron=tick.cron, next_at=next_at)], ignore_conflicts=True
        )
        return
    unmoved = PeriodicRun.objects.filter(pk=row.pk, cron=row.cron, next_at=row.next_at)
    if row.cron != tick.cron:
        unmoved.update(cron=tick.cron, next_at=next_at)
    elif row.next_at is not None and row.next_at <= now:
        due_at = _latest(tick, since=row.next_at, now=now)
        won = unmoved.update(
            next_at=next_at, due_at=due_at, sent_at=None, began_at=None, ended_at=None, error="", worker=""
        )
        if won and due_at != row.next_at:
            log("periodic_run_missed", name=tick.name, first=row.next_at.isoformat(), run=due_at.isoformat())


def _latest(tick: Tick, *, since: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Return the latest of its times from this one until now."""
    for span in _SPANS:
        latest = since
        for at in cron.times(tick.cron, ZONE, after=max(since, now - span)):
            if at > now:
                break
            latest = at
        if latest > since or now - span <= since:
            return latest
    return since
