"""One time of a schedule: who gets to run it, and the job that comes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from core import pipelines, policy
from core.errors import HeadwayError, Refused, TooMuch
from core.files import storage
from core.files.uploads import StoredUpload
from core.life import backpressure
from core.life.submission import Submission, submit
from core.logs import log
from core.models import Job, Schedule, ScheduledRun
from core.models.job import Priority
from core.pipelines import cron, fit

Outcome = ScheduledRun.Outcome

#: Errors of a database that is away: another call tries again. Any other is one schedule's own.
AWAY = (OperationalError, InterfaceError)
#: So many of a schedule's latest jobs are checked for whether they have ended.
LOOKED_AT = 20
#: Seconds for which a time is left to a process that has the schedule's pipeline, before that counts as gone: during
#: a deploy old processes run beside new ones.
GONE_SECONDS = 300.0


def lock(schedule_id: int) -> Schedule | None:
    """Return the schedule, locked until the commit; None when it is gone or another process has it in hand."""
    return Schedule.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=schedule_id).first()


def next_time(schedule: Schedule, *, after: dt.datetime) -> dt.datetime | None:
    """Return the schedule's first time after this one, none when it has no more. Raise CronError."""
    if schedule.starts_at is not None:
        # A time that is the start itself counts.
        after = max(after, schedule.starts_at - dt.timedelta(seconds=1))
    times = cron.next_times(schedule.cron, schedule.zone, after=after, count=1, until=schedule.ends_at)
    return times[0] if times else None


def elect(schedule: Schedule, due_at: dt.datetime, outcome: Outcome, *, text: str = "") -> ScheduledRun | None:
    """Insert the run of this time; None when it is there already: whoever inserted it has its job."""
    try:
        with transaction.atomic():
            return ScheduledRun.objects.create(schedule_id=schedule.pk, due_at=due_at, outcome=outcome, text=text[:500])
    except IntegrityError:
        return None


def note_all(schedule: Schedule, times: Iterable[dt.datetime], outcome: Outcome) -> None:
    """Insert runs that get no job."""
    runs = [ScheduledRun(schedule_id=schedule.pk, due_at=at, outcome=outcome) for at in times]
    ScheduledRun.objects.bulk_create(runs, ignore_conflicts=True)


def start(schedule: Schedule, run: ScheduledRun) -> bool:
    """Submit the run's job, in the caller's transaction; return whether there is one, or write why there is none.

    A run that is refused because there is too much to do waits, to be started again in a while.
    """
    try:
        made = submit_for(schedule, key=f"schedule-{schedule.pk}-{int(run.due_at.timestamp())}")
    except TooMuch as error:
        if not run.text:
            log("schedule_held", schedule=schedule.pk, due=run.due_at.isoformat(), reason=str(error)[:300])
        # The refusal asks a person to try again later; here the next call does so.
        _write(run, outcome=Outcome.WAITING, text=str(error).partition(" Nothing was accepted")[0][:500])
        return False
    except HeadwayError as error:
        _write(run, outcome=Outcome.REFUSED, text=str(error)[:500])
        log("schedule_refused", schedule=schedule.pk, due=run.due_at.isoformat(), reason=str(error)[:300])
        return False
    _write(run, outcome=Outcome.SUBMITTED, job_id=made.job_id, text="")
    log("schedule_fired", schedule=schedule.pk, due=run.due_at.isoformat(), job=made.job_id)
    return True


def submit_for(schedule: Schedule, *, key: str) -> Submission:
    """Submit a job of the schedule; raise Refused or another error of a submit, with nothing stored."""
    spec = pipelines.get(schedule.pipeline)
    if sentence := fit.misfit(spec, schedule.params, advice="Edit the schedule, and fill that in."):
        raise Refused(sentence)
    backpressure.check(schedule.owner_id, key=key)
    files = {name: StoredUpload(**file) for name, file in schedule.files.items()}
    for file in files.values():
        # Until the job refers to the file, the housekeeper goes by its age.
        if not storage.touch(file.path):
            raise Refused(f"The file {file.name} is no longer kept. Edit the schedule and give it again.")
    return submit(
        schedule.pipeline,
        owner_id=schedule.owner_id,
        params=schedule.params,
        files=files,
        label=schedule.label,
        key=key,
        priority=Priority(schedule.priority),
    )


def live_jobs(schedule_id: int) -> QuerySet[Job]:
    """Return the schedule's jobs that have not ended, of the latest ones."""
    latest = ScheduledRun.objects.filter(schedule=schedule_id, job__isnull=False).order_by("-due_at")
    return Job.objects.live().filter(pk__in=latest.values("job")[:LOOKED_AT])


def waiting(schedule_id: int) -> QuerySet[ScheduledRun]:
    """Return the schedule's runs that wait, for the run before or until there is less to do, in their order."""
    return ScheduledRun.objects.filter(schedule=schedule_id, outcome=Outcome.WAITING).order_by("pk")


def leave_out(runs: QuerySet[ScheduledRun], *, text: str = "") -> int:
    """Mark waiting runs as left out; return how many."""
    return runs.order_by().update(outcome=Outcome.SKIPPED, text=text[:500])


def why_off(schedule: Schedule) -> str:
    """Return why no job may come of the schedule; empty when one may."""
    spec = pipelines.find(schedule.pipeline)
    if spec is None:
        return f"The pipeline {schedule.pipeline} is no longer installed."
    if schedule.code_name is not None:
        # The account of the site's own schedules never logs in.
        return ""
    name = schedule.owner.get_username()
    if not schedule.owner.is_active:
        return f"The account of {name} is not active."
    if spec.is_for_staff and not policy.operates(schedule.owner):
        return f"{spec.title} is for staff, which {name} does not belong to."
    return ""


def switch_off(schedule: Schedule, *, note: str = "") -> None:
    """Switch the schedule off in the caller's transaction, and leave its waiting runs out; `note` is the reason."""
    schedule.is_on, schedule.next_at, schedule.note = False, None, note[:300]
    Schedule.objects.filter(pk=schedule.pk).update(is_on=False, next_at=None, note=schedule.note, changed_at=Now())
    leave_out(waiting(schedule.pk), text="The schedule was switched off.")


def runnable_here(now: dt.datetime, field: str) -> Q:
    """Return the condition of schedules or runs for this process: it has their pipeline, or no process took them.

    `field` is the time since when another process could have taken them.
    """
    names = [spec.name for spec in pipelines.every()]
    prefix = "" if field == "next_at" else "schedule__"
    return Q(**{f"{prefix}pipeline__in": names}) | Q(**{f"{field}__lt": now - dt.timedelta(seconds=GONE_SECONDS)})


def _write(run: ScheduledRun, **fields: object) -> None:
    for name, value in fields.items():
        setattr(run, name, value)
    run.save(update_fields=[name.removesuffix("_id") for name in fields])
