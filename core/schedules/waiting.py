"""Runs that wait until the job before them has ended: oldest first, one at a time for each schedule."""

from __future__ import annotations

import logging
import random

from django.db import transaction

from core.database.clock import database_now
from core.errors import Refused
from core.life import requests
from core.logs import log
from core.models import Schedule, ScheduledRun
from core.schedules import runs
from core.schedules.runs import Outcome

#: Runs of a schedule that may wait; further ones are left out.
WAITING_LIMIT = 100
#: Schedules that one call handles.
SCHEDULES_LIMIT = 500


def go_on() -> int:
    """Submit, for each schedule with waiting runs, the next one if the job before it has ended; return how many."""
    waiting = ScheduledRun.objects.filter(outcome=Outcome.WAITING)
    ids = list(waiting.order_by().values_list("schedule_id", flat=True).distinct())
    # When there are too many, the next call takes others.
    random.shuffle(ids)
    return sum(_go_on_safely(schedule_id) for schedule_id in ids[:SCHEDULES_LIMIT])


def _go_on_safely(schedule_id: int) -> int:
    try:
        return _go_on(schedule_id)
    except runs.AWAY:
        raise
    except Exception as error:  # noqa: BLE001  one schedule that can't be run must not keep the others back
        log("schedule_failed", level=logging.ERROR, exc_info=True, schedule=schedule_id)
        text = f"It could not be started: {type(error).__name__}: {error}"[:500]
        first = runs.waiting(schedule_id).values("pk")[:1]
        ScheduledRun.objects.filter(pk__in=first).update(outcome=Outcome.REFUSED, text=text)
        return 0


def _go_on(schedule_id: int) -> int:
    overlap = Schedule.objects.filter(pk=schedule_id).values_list("overlap", flat=True).first()
    if overlap == Schedule.Overlap.CANCEL:
        _cancel_live(schedule_id)
    if runs.live_jobs(schedule_id).exists():
        return 0
    with transaction.atomic():
        schedule = runs.lock(schedule_id)
        # Checked again under the lock: another process may have been faster.
        if schedule is None or runs.live_jobs(schedule_id).exists():
            return 0
        waiting_runs = runs.waiting(schedule_id).filter(runs.runnable_here(database_now(), "due_at"))
        run = waiting_runs.last() if schedule.overlap == Schedule.Overlap.CANCEL else waiting_runs.first()
        if run is None:
            return 0
        return int(runs.start(schedule, run))


def _cancel_live(schedule_id: int) -> None:
    """Cancel the live jobs, each in a transaction of its own, after which what it made is deleted."""
    for job in runs.live_jobs(schedule_id).filter(cancel_requested_at=None):
        try:
            requests.cancel(job, by=f"schedule {schedule_id}")
        except Refused:
            # The job has ended at this very moment.
            continue
