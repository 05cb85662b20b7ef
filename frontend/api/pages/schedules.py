"""Schedules as the API shows and makes them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404
from pydantic import BaseModel, ConfigDict, Field

from core import pipelines
from core.errors import InvalidParams, Refused
from core.forms import by_code
from core.models import Schedule, ScheduledRun
from core.models.job import Priority
from core.pipelines import secrets
from core.schedules import entries
from core.schedules.repeat_form import RepeatForm
from frontend.api.access import ApiRequest, changeable_for, rows_for
from frontend.api.links import address, page_of
from frontend.api.pages.jobs import PriorityName
from frontend.api.pages.pipelines import find
from frontend.api.pages.submits import filled_in
from frontend.api.paging import PageQuery
from frontend.api.problems import Problem

CatchUp = Literal["latest", "all", "none"]
Overlap = Literal["skip", "queue", "cancel"]
#: Runs that one schedule's answer lists, the newest first.
LISTED_RUNS = 30


class ScheduleQuery(PageQuery):
    """Which schedules of a list."""

    pipeline: Annotated[str, Field(max_length=80)] = ""


class NewSchedule(BaseModel):
    """A job that is to come again and again."""

    model_config = ConfigDict(extra="forbid")

    pipeline: Annotated[str, Field(max_length=80)]
    params: dict[str, Any] = Field(default={}, description="The parameters of each of its jobs.")
    cron: Annotated[str, Field(max_length=200, description="Five fields, such as `0 7 * * MON`.")]
    zone: Annotated[
        str, Field(max_length=64, description="The IANA zone whose clock it goes by; without one, your own.")
    ] = ""
    starts_at: Annotated[
        str, Field(max_length=40, description="The first time, as the zone's clocks show it: `2027-01-31T07:00`.")
    ] = ""
    ends_at: Annotated[str, Field(max_length=40, description="The last time, likewise.")] = ""
    catch_up: CatchUp = Field("latest", description="What becomes of times that passed while the site was down.")
    overlap: Overlap = Field("skip", description="What becomes of a time at which the job before has not ended.")
    priority: PriorityName = "normal"


class RunBody(BaseModel):
    """One time of a schedule, and what became of it."""

    due_at: dt.datetime
    outcome: Literal["submitted", "waiting", "skipped", "missed", "refused"]
    job: int | None
    text: str
    is_manual: bool = Field(description="Whether a person asked for it.")


class ScheduleBrief(BaseModel):
    """A recurring job."""

    id: int
    pipeline: str
    label: str
    owner: str
    cron: str
    zone: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    catch_up: CatchUp
    overlap: Overlap
    priority: PriorityName
    is_on: bool
    note: str = Field(description="Why it is off, when nobody switched it off.")
    next_at: dt.datetime | None
    created_at: dt.datetime
    url: str
    page: str


class ScheduleList(BaseModel):
    """A page of schedules, the newest first."""

    items: list[ScheduleBrief]
    next: str | None


class ScheduleBody(ScheduleBrief):
    """A recurring job, what each of its jobs gets, and its last times."""

    params: dict[str, Any] = Field(description="A secret is `Hidden`.")
    files: list[str] = Field(description="The names of the files that each job gets.")
    can_change: bool
    runs: list[RunBody] = Field(description="The newest first.")


def visible(request: ApiRequest) -> QuerySet[Schedule]:
    """Return the schedules that the request may see; those of the code are for who operates the site."""
    schedules = Schedule.objects.all() if request.auth.operates else Schedule.objects.filter(code_name__isnull=True)
    return rows_for(request, schedules)


def matching(request: ApiRequest, query: ScheduleQuery) -> QuerySet[Schedule]:
    schedules = visible(request).select_related("owner")
    return schedules.filter(pipeline=query.pipeline) if query.pipeline else schedules


def brief(schedule: Schedule, request: ApiRequest) -> ScheduleBrief:
    return ScheduleBrief(**_facts(schedule, request))


def whole(schedule: Schedule, request: ApiRequest) -> ScheduleBody:
    spec = pipelines.find(schedule.pipeline)
    runs = ScheduledRun.objects.filter(schedule=schedule).order_by("-due_at", "-pk")[:LISTED_RUNS]
    is_changeable = changeable_for(request, Schedule.objects.filter(pk=schedule.pk, code_name__isnull=True)).exists()
    return ScheduleBody(
        **_facts(schedule, request),
        params=secrets.hidden(schedule.params, spec.form if spec else None),
        files=[str(file.get("name", "")) for file in schedule.files.values()],
        can_change=is_changeable,
        runs=[
            RunBody(
                due_at=run.due_at,
                outcome=str(run.outcome),  # type: ignore[arg-type]  # one of the model's
                job=run.job_id,
                text=run.text,
                is_manual=run.is_manual,
            )
            for run in runs
        ],
    )


def create(request: ApiRequest, given: NewSchedule) -> Schedule:
    """Make a schedule of the person's; raise Refused, InvalidParams or Problem."""
    try:
        spec = find(given.pipeline, request.auth)
    except Http404:
        raise _wrong({"pipeline": [f"There is no pipeline {given.pipeline!r}."]}) from None
    person = request.auth.person
    repeat = RepeatForm(user=person)
    zone = given.zone or repeat.initial["zone"]
    values = given.model_dump(include={"cron", "starts_at", "ends_at", "catch_up", "overlap"})
    repeat = RepeatForm({**values, "zone": zone}, user=person)
    errors: dict[str, list[str]] = {} if repeat.is_valid() else by_code.errors_of(repeat)
    try:
        with filled_in(request, spec, params=given.params) as entry:
            if errors:
                raise _wrong(errors)
            return entries.create(entry, repeat, priority=Priority[given.priority.upper()])
    except InvalidParams as error:
        raise _wrong({**errors, **{_named(name): texts for name, texts in error.errors.items()}}) from error


def refuse_unless_runnable(schedule: Schedule, request: ApiRequest) -> None:
    """Raise Refused, or Problem, when this person may not have it run now."""
    if pipelines.find(schedule.pipeline) is None:
        raise Refused(f"The pipeline {schedule.pipeline} is no longer installed.")
    if schedule.code_name is not None and not request.auth.operates:
        raise Problem(403, "The code declares this schedule: only who operates the site may run it.")


def _wrong(errors: dict[str, list[str]]) -> Problem:
    parts = [f"{name}: {' '.join(texts)}" if name else " ".join(texts) for name, texts in errors.items()]
    return Problem(422, f"The schedule has values that can't be used. {' '.join(parts)}", errors=errors)


def _named(field: str) -> str:
    """Return the name of a pipeline's field beside those of the schedule itself."""
    return f"params.{field}" if field else "params"


def _facts(schedule: Schedule, request: ApiRequest) -> dict[str, Any]:
    named = ("pipeline", "cron", "zone", "starts_at", "ends_at", "is_on", "note", "next_at", "created_at")
    return {
        **{name: getattr(schedule, name) for name in named},
        "id": schedule.pk,
        "label": str(schedule),
        "owner": schedule.owner.get_username(),
        "catch_up": str(schedule.catch_up),
        "overlap": str(schedule.overlap),
        "priority": Priority(schedule.priority).name.lower(),
        "url": address(request, "api_schedule", schedule_id=schedule.pk),
        "page": page_of(request, schedule),
    }
