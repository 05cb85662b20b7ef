"""The catch-up of a schedule: which of the times that have come are run, and which are missed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from core.models import Schedule
from core.pipelines import cron
from core.schedules.runs import next_time

CatchUp = Schedule.CatchUp

#: Times that one call runs when all of them are to be run; the next call goes on.
ALL_LIMIT = 50
#: Missed times that are recorded, the last ones.
MISSED_LIMIT = 30
#: Seconds after which a time is late: it was missed, unless it is to be caught up.
LATE_SECONDS = 90.0


@dataclass(frozen=True)
class Plan:
    """What to do with the times of a schedule that have come; each list in order."""

    run: list[dt.datetime]
    missed: list[dt.datetime]
    next_at: dt.datetime | None


def plan(schedule: Schedule, *, first: dt.datetime, now: dt.datetime) -> Plan:
    """Return what to do at this moment with a schedule whose time `first` has come. Raise CronError."""
    until = min(now, schedule.ends_at) if schedule.ends_at else now
    if schedule.catch_up == CatchUp.ALL:
        run = [first, *cron.next_times(schedule.cron, schedule.zone, after=first, count=ALL_LIMIT - 1, until=until)]
        return Plan(run=run, missed=[], next_at=next_time(schedule, after=run[-1]))
    after = next(cron.times(schedule.cron, schedule.zone, after=first), None)
    if after is None or after > until:
        # The usual case: one time has come.
        come = [first]
    else:
        count = MISSED_LIMIT + 1
        latest = cron.last_times(schedule.cron, schedule.zone, after=first, until=until, count=count)
        come = [first, *latest][-count:]
    run = come[-1:] if schedule.catch_up == CatchUp.LATEST else [at for at in come if not is_late(at, now=now)]
    missed = come[: len(come) - len(run)][-MISSED_LIMIT:]
    return Plan(run=run, missed=missed, next_at=next_time(schedule, after=now))


def is_late(at: dt.datetime, *, now: dt.datetime) -> bool:
    """Whether the time passed so long ago that nobody looked in time."""
    return (now - at).total_seconds() >= LATE_SECONDS
