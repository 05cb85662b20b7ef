"""Fire what is due: each time of a schedule gets its job once, whoever looks and whatever is killed.

1. A schedule waits for one time, `next_at`. Any process may find that it has come; all of them check all the time.
2. One of them locks the row and checks again. In that transaction it inserts the run of the time, whose
   `UNIQUE(schedule, due_at)` is the election, the run's job, and moves `next_at` on. Killed before the commit, it has
   done nothing, and another one does it; killed after it, it has done all of it.
3. Times that passed while nobody looked are run, or recorded as missed, as the schedule's catch-up says.
4. When the job before has not ended, the overlap decides: the time is left out, or its run waits, or that job is
   cancelled and the run waits for its end. Runs that wait are checked in each call (`waiting.py`).
5. The job's commit wakes the relay, as that of any submit.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction

from core.database.clock import database_now
from core.failpoints import failpoint
from core.logs import log
from core.models import Schedule
from core.pipelines.cron import CronError
from core.schedules import catch_up, runs, waiting
from core.schedules.runs import AWAY, Outcome

CatchUp, Overlap = Schedule.CatchUp, Schedule.Overlap

#: Schedules that one call fires.
BATCH = 100


def fire_due() -> int:
    """Make the jobs of all times that have come, in a bounded batch; return how many jobs were submitted."""
    submitted = sum(_fire_safely(schedule_id) for schedule_id in _due())
    return submitted + waiting.go_on()


def _due() -> list[int]:
    now = database_now()
    due = Schedule.objects.filter(is_on=True, next_at__isnull=False, next_at__lte=now)
    due = due.filter(runs.runnable_here(now, "next_at"))
    return list(due.order_by("next_at").values_list("pk", flat=True)[:BATCH])


def _fire_safely(schedule_id: int) -> int:
    try:
        return _fire(schedule_id)
    except AWAY:
        raise
    except CronError as error:
        with transaction.atomic():
            if schedule := runs.lock(schedule_id):
                runs.switch_off(schedule, note=f"Its times can't be read any more: {error}")
                _log_switched_off(schedule)
        return 0
    except Exception as error:  # noqa: BLE001  one schedule that can't be run must not keep the others back
        log("schedule_failed", level=logging.ERROR, exc_info=True, schedule=schedule_id)
        _pass_over(schedule_id, text=f"It could not be started: {type(error).__name__}: {error}")
        return 0


def _fire(schedule_id: int) -> int:
    with transaction.atomic():
        schedule = runs.lock(schedule_id)
        now = database_now()
        if schedule is None or (first := _due_at(schedule, now)) is None:
            # Another process was faster.
            return 0
        if note := runs.why_off(schedule):
            runs.elect(schedule, first, Outcome.REFUSED, text=note)
            runs.switch_off(schedule, note=note)
            _log_switched_off(schedule)
            return 0
        plan = catch_up.plan(schedule, first=first, now=now)
        failpoint("schedule-insert")
        runs.note_all(schedule, plan.missed, Outcome.MISSED)
        if plan.missed:
            log("schedule_missed", schedule=schedule.pk, count=len(plan.missed), last=plan.missed[-1].isoformat())
        submitted, next_at = 0, plan.next_at
        for at in plan.run:
            began = _begin(schedule, at, is_late=catch_up.is_late(at, now=now))
            if began is None:
                next_at = at
                break
            submitted += began
        Schedule.objects.filter(pk=schedule.pk).update(next_at=next_at)
    failpoint("schedule-inserted")
    return submitted


def _begin(schedule: Schedule, at: dt.datetime, *, is_late: bool) -> int | None:
    """Start or refuse the run of one time; return the jobs submitted, or None when it has to be tried again later.

    When all times are to be run, one that is late, or that comes while late ones still wait, is not left out: it waits
    for its turn.
    """
    queue = runs.waiting(schedule.pk)
    count = queue.count()
    if not count and not runs.live_jobs(schedule.pk).exists():
        run = runs.elect(schedule, at, Outcome.SUBMITTED)
        return int(runs.start(schedule, run)) if run else 0
    overlap, is_full = schedule.overlap, count >= waiting.WAITING_LIMIT
    if schedule.catch_up == CatchUp.ALL and overlap != Overlap.CANCEL and (is_late or count):
        if is_full:
            return None
        overlap = Overlap.QUEUE
    if overlap == Overlap.CANCEL:
        runs.leave_out(queue)
        runs.elect(schedule, at, Outcome.WAITING)
    elif overlap == Overlap.QUEUE and not is_full:
        runs.elect(schedule, at, Outcome.WAITING)
    else:
        text = f"{waiting.WAITING_LIMIT} runs wait for their turn already." if overlap == Overlap.QUEUE else ""
        runs.elect(schedule, at, Outcome.SKIPPED, text=text)
        log("schedule_skipped", schedule=schedule.pk, due=at.isoformat())
    return 0


def _pass_over(schedule_id: int, *, text: str) -> None:
    """Record why a time got no job, and move on to the next one."""
    with transaction.atomic():
        schedule = runs.lock(schedule_id)
        now = database_now()
        if schedule is None or (first := _due_at(schedule, now)) is None:
            return
        runs.elect(schedule, first, Outcome.REFUSED, text=text)
        Schedule.objects.filter(pk=schedule_id).update(next_at=runs.next_time(schedule, after=now))


def _due_at(schedule: Schedule, now: dt.datetime) -> dt.datetime | None:
    at = schedule.next_at
    return at if schedule.is_on and at is not None and at <= now else None


def _log_switched_off(schedule: Schedule) -> None:
    log("schedule_switched_off", level=logging.WARNING, schedule=schedule.pk, reason=schedule.note)
