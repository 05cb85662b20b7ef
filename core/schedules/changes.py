"""The acts of a person on schedules. Each is one transaction, with its entry in the audit trail."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from core import pipelines
from core.database.clock import database_now
from core.database.jsontext import dumps, dumps_limited, storable
from core.errors import Refused
from core.files.uploads import StoredUpload
from core.life.submission import Submission
from core.logs import log
from core.models import Schedule, ScheduledRun
from core.models.job import Priority
from core.people import audit
from core.pipelines import Pipeline, secrets
from core.pipelines import cron as crons
from core.pipelines.cron import CronError
from core.schedules import runs

#: Schedules that one owner may have.
OWNER_LIMIT = 500
#: Times that are tried for a run by hand: two at the same millisecond are a millisecond apart.
TRIES = 20


def create(
    pipeline: str,
    *,
    owner_id: Any,
    by: str,
    cron: str,
    zone: str,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, StoredUpload] | None = None,
    label: str = "",
    priority: Priority = Priority.NORMAL,
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
    catch_up: str = Schedule.CatchUp.LATEST,
    overlap: str = Schedule.Overlap.SKIP,
) -> Schedule:
    """Make a schedule that is on. Raise Refused, or UnknownPipeline, with nothing stored.

    `params` and `files` are those of each of its jobs, as a submit takes them.
    """
    spec = pipelines.get(pipeline)
    if Schedule.objects.filter(owner_id=owner_id).count() >= OWNER_LIMIT:
        raise Refused(f"You have {OWNER_LIMIT} schedules, the most there may be. Delete some first.")
    schedule = Schedule(
        owner_id=owner_id, pipeline=pipeline, params=_params(spec, params or {}), files=_files(files or {}),
        label=_label(label), priority=Priority(priority), zone=zone, starts_at=starts_at, ends_at=ends_at,
        catch_up=Schedule.CatchUp(catch_up), overlap=Schedule.Overlap(overlap),
    )  # fmt: skip
    _set_times(schedule, cron)
    with transaction.atomic():
        schedule.save(force_insert=True)
        audit.note(by, "create_schedule", pipeline=pipeline, after=_audit_values(schedule))
    log("schedule_created", schedule=schedule.pk, pipeline=pipeline, owner=owner_id)
    return schedule


def edit(schedule: Schedule, *, by: str, **values: Any) -> Schedule:
    """Give a schedule other values, named as those of `create`; what is not named stays. Raise Refused.

    Its next time is computed again, from now on. Params and files are for future jobs.
    """
    if unknown := values.keys() - _EDITABLE:
        raise TypeError(f"a schedule has no {', '.join(sorted(unknown))} to edit")
    with transaction.atomic():
        row = _lock(schedule)
        before = _audit_values(row)
        for name, value in values.items():
            if name != "cron":
                setattr(row, name, _read(row, name, value))
        _set_times(row, values.get("cron", row.cron))
        if not row.is_on:
            row.next_at = None
        row.changed_at = database_now()
        row.save(update_fields=[*values, "cron", "next_at", "changed_at"])
        audit.note(by, "edit_schedule", pipeline=row.pipeline, before=before, after=_audit_values(row))
    log("schedule_edited", schedule=row.pk, by=by)
    return row


def switch(schedule: Schedule, *, is_on: bool, by: str) -> Schedule:
    """Switch a schedule on, from now on, or off: runs that wait are left out then. Raise Refused.

    A schedule that is already on, or off, stays so.
    """
    with transaction.atomic():
        row = _lock(schedule)
        if row.is_on == is_on:
            return row
        if is_on:
            _refuse_when_off(row)
            _set_times(row, row.cron)
            row.is_on, row.note = True, ""
            Schedule.objects.filter(pk=row.pk).update(is_on=True, next_at=row.next_at, note="", changed_at=Now())
        else:
            runs.switch_off(row)
        act = "switch_on_schedule" if is_on else "switch_off_schedule"
        audit.note(by, act, pipeline=row.pipeline, before={"schedule": row.pk, "on": not is_on}, after={"on": is_on})
    log("schedule_switched", schedule=row.pk, on=is_on, by=by)
    return row


def run_now(schedule: Schedule, *, by: str) -> Submission:
    """Submit a job of the schedule at once, whether it is on or off and whatever runs. Raise Refused, as a submit."""
    with transaction.atomic():
        row = _lock(schedule, may_be_of_code=True)
        _refuse_when_off(row)
        run = _insert_manual(row)
        made = runs.submit_for(row, key=f"schedule-{row.pk}-by-hand-{run.pk}")
        ScheduledRun.objects.filter(pk=run.pk).update(job=made.job_id)
        audit.note(by, "run_schedule", job_id=made.job_id, pipeline=row.pipeline, after={"schedule": row.pk})
    log("schedule_run_by_hand", schedule=row.pk, job=made.job_id, by=by)
    return made


def delete(schedule: Schedule, *, by: str) -> None:
    """Delete a schedule and the list of its runs. Its jobs stay."""
    with transaction.atomic():
        row = _lock(schedule)
        audit.note(by, "delete_schedule", pipeline=row.pipeline, before=_audit_values(row))
        row.delete()
    log("schedule_deleted", schedule=schedule.pk, by=by)


_EDITABLE = frozenset(
    {"cron", "zone", "params", "files", "label", "priority", "starts_at", "ends_at", "catch_up", "overlap"}
)


def _lock(schedule: Schedule, *, may_be_of_code: bool = False) -> Schedule:
    row = Schedule.objects.select_for_update(no_key=True).filter(pk=schedule.pk).first()
    if row is None:
        raise Refused("This schedule is not there any more.")
    if row.code_name is not None and not may_be_of_code:
        raise Refused("This schedule is the site's own: it is as the code declares it.")
    return row


def _refuse_when_off(schedule: Schedule) -> None:
    if note := runs.why_off(schedule):
        raise Refused(note)


def _insert_manual(schedule: Schedule) -> ScheduledRun:
    now = database_now()
    for number in range(TRIES):
        at = now + dt.timedelta(milliseconds=number)
        if run := runs.elect(schedule, at, runs.Outcome.SUBMITTED):
            run.is_manual = True
            run.save(update_fields=["is_manual"])
            return run
    raise Refused("It was started too often at this moment. Try again in a second.")


def _set_times(schedule: Schedule, text: str) -> None:
    """Set the cron and the next time; raise Refused when there is none, or when they can't be read."""
    try:
        schedule.cron = crons.read(text)
        schedule.next_at = runs.next_time(schedule, after=database_now())
    except CronError as error:
        raise Refused(str(error)) from error
    if schedule.next_at is None:
        raise Refused("It would never run: no time of it comes from now until its end.")


def _read(schedule: Schedule, name: str, value: Any) -> Any:
    """Return a value as its column has it."""
    if name == "params":
        return _params(pipelines.get(schedule.pipeline), value)
    return _READERS[name](value) if name in _READERS else value


def _params(spec: Pipeline, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON stores them: dates and decimals as text."""
    stored: dict[str, Any] = json.loads(
        dumps_limited(secrets.seal(spec.form, params), what="The JSON of the parameters")
    )
    return stored


def _files(files: Mapping[str, StoredUpload]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(dumps({name: asdict(file) for name, file in files.items()}))
    return stored


def _label(text: str) -> str:
    return storable(text)[:255]


#: By field: the function that turns an argument into the stored value.
_READERS: dict[str, Callable[[Any], Any]] = {"files": _files, "label": _label}


def _audit_values(schedule: Schedule) -> dict[str, Any]:
    """Return the values of a schedule for an audit entry."""
    return {
        "schedule": schedule.pk,
        "label": schedule.label,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "starts_at": schedule.starts_at,
        "ends_at": schedule.ends_at,
        "catch_up": str(schedule.catch_up),
        "overlap": str(schedule.overlap),
        "params": secrets.hidden(schedule.params),
        "files": {name: file.get("name", "") for name, file in schedule.files.items()},
    }
