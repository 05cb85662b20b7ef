"""Schedules that the code declares: rows that follow it, and ticks that make no jobs.

A pipeline with `every=` has a schedule of the site's own, which nobody edits. What the code runs periodically without a
job (periodiq's actors) is registered with `declare`, so that it can be listed with its next times.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import transaction

from core import pipelines
from core.database.clock import database_now
from core.database.jsontext import dumps
from core.logs import log
from core.models import Schedule
from core.people import users
from core.pipelines import Pipeline, cron
from core.schedules import runs

#: The zone by whose clock the code's schedules are read.
ZONE = "UTC"
GONE = "The code no longer declares it."


@dataclass(frozen=True)
class Tick:
    """Something that the code runs periodically, without a job."""

    name: str
    title: str
    cron: str
    #: The queue that its messages go through; empty for what runs in another way.
    queue: str = ""

    def next_times(self, *, after: dt.datetime, count: int) -> list[dt.datetime]:
        return cron.next_times(self.cron, ZONE, after=after, count=count)


_ticks: dict[str, Tick] = {}


def declare(name: str, title: str, cron_text: str, *, queue: str = "") -> Tick:
    """Register something that runs periodically; raise CronError when its times can't be read.

    With a queue, `core.schedules.periodic` says when it is to be sent there.
    """
    tick = Tick(name=name, title=title, cron=cron.read(cron_text), queue=queue)
    _ticks[name] = tick
    return tick


def declared() -> list[Tick]:
    """Return what was registered, in the order of the titles."""
    return sorted(_ticks.values(), key=lambda tick: tick.title)


def forget(name: str) -> None:
    """Remove what was registered; for tests that register their own."""
    _ticks.pop(name, None)


def follow() -> None:
    """Bring the rows of the code's schedules in line with the code; one query when nothing has changed.

    A row that the code no longer declares is switched off, and on again when it does.
    """
    rows = {str(row.code_name): row for row in Schedule.objects.filter(code_name__isnull=False)}
    wanted = {spec.name: spec for spec in pipelines.every() if spec.every}
    for name, spec in wanted.items():
        row = rows.get(name)
        if row is None:
            _insert(spec)
        elif not _is_as_declared(row, spec):
            _update(row, spec)
    for name, row in rows.items():
        if name not in wanted and row.is_on:
            with transaction.atomic():
                if locked := runs.lock(row.pk):
                    runs.switch_off(locked, note=GONE)
                    log("schedule_switched_off", schedule=row.pk, reason=GONE)


def _insert(spec: Pipeline) -> None:
    row = Schedule(
        owner=users.system_user(), code_name=spec.name, zone=ZONE, pipeline=spec.name, label="",
        params=_params(spec), cron=spec.every, catch_up=Schedule.CatchUp.LATEST,
        overlap=Schedule.Overlap.SKIP,
    )  # fmt: skip
    row.next_at = runs.next_time(row, after=database_now())
    # Another process may have started at the same moment.
    Schedule.objects.bulk_create([row], ignore_conflicts=True)
    log("schedule_declared", name=spec.name, cron=row.cron)


def _is_as_declared(row: Schedule, spec: Pipeline) -> bool:
    is_same = (row.cron, row.zone, row.params) == (spec.every, ZONE, _params(spec))
    return row.is_on and is_same


def _update(row: Schedule, spec: Pipeline) -> None:
    with transaction.atomic():
        locked = runs.lock(row.pk)
        if locked is None:
            return
        # A new cron needs a new next time; new parameters leave a time that is due as it is.
        is_timed = locked.is_on and (locked.cron, locked.zone) == (spec.every, ZONE)
        locked.cron, locked.zone, locked.params = spec.every, ZONE, _params(spec)
        locked.is_on, locked.note, locked.changed_at = True, "", database_now()
        if not is_timed:
            locked.next_at = runs.next_time(locked, after=locked.changed_at)
        locked.save(update_fields=["cron", "zone", "params", "is_on", "note", "changed_at", "next_at"])
    log("schedule_declared", name=spec.name, cron=locked.cron)


def _params(spec: Pipeline) -> dict[str, Any]:
    """Return the initial values of its form."""
    fields = spec.form.base_fields.items()
    values = {
        name: field.initial() if callable(field.initial) else field.initial
        for name, field in fields
        if not isinstance(field, forms.FileField)
    }
    params: dict[str, Any] = json.loads(dumps(values))
    return params
