"""Schedules: lists, one, and what may be done to it."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from ninja import Body, Query, Router
from ninja.responses import Status

from core.models import Job, Schedule
from core.schedules import changes
from frontend.api.access import ApiRequest, Scope, changeable_one_for, needs, one_for
from frontend.api.links import address
from frontend.api.pages import jobs as job_pages
from frontend.api.pages import schedules as pages
from frontend.api.paging import page_of

router = Router(tags=["Schedules"])


@router.get(
    "/schedules",
    response=pages.ScheduleList,
    auth=needs(Scope.READ),
    url_name="api_schedules",
    summary="List schedules",
)
def schedules(request: ApiRequest, query: Query[pages.ScheduleQuery]) -> pages.ScheduleList:
    """List schedules, newest first."""
    page, following = page_of(request, pages.matching(request, query), query)
    return pages.ScheduleList(items=[pages.brief(schedule, request) for schedule in page], next=following)


@router.post(
    "/schedules",
    response={201: pages.ScheduleBody},
    auth=needs(Scope.SUBMIT),
    url_name="api_schedules",
    summary="Create a schedule",
)
def schedule_creation(
    request: ApiRequest, response: HttpResponse, given: Annotated[pages.NewSchedule, Body()]
) -> Status[pages.ScheduleBody]:
    """Create a schedule. It starts switched on. A schedule whose jobs need files is created on its page."""
    made = pages.create(request, given)
    response["Location"] = address(request, "api_schedule", schedule_id=made.pk)
    return Status(201, _whole(request, made.pk))


@router.get(
    "/schedules/{int:schedule_id}",
    response=pages.ScheduleBody,
    auth=needs(Scope.READ),
    url_name="api_schedule",
    summary="Get a schedule",
)
def schedule(request: ApiRequest, schedule_id: int) -> pages.ScheduleBody:
    """Get a schedule with its latest runs."""
    return _whole(request, schedule_id)


@router.delete(
    "/schedules/{int:schedule_id}",
    response={204: None},
    auth=needs(Scope.SUBMIT),
    url_name="api_schedule",
    summary="Delete a schedule",
)
def schedule_deletion(request: ApiRequest, schedule_id: int) -> Status[None]:
    """Delete a schedule. Its jobs are kept."""
    changes.delete(_changeable(request, schedule_id), by=request.auth.name)
    return Status(204, None)


@router.post(
    "/schedules/{int:schedule_id}/pause",
    response=pages.ScheduleBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_schedule_pause",
    summary="Pause a schedule",
)
def schedule_pause(request: ApiRequest, schedule_id: int) -> pages.ScheduleBody:
    """Pause a schedule until it is resumed."""
    changes.switch(_changeable(request, schedule_id), is_on=False, by=request.auth.name)
    return _whole(request, schedule_id)


@router.post(
    "/schedules/{int:schedule_id}/resume",
    response=pages.ScheduleBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_schedule_resume",
    summary="Resume a schedule",
)
def schedule_resume(request: ApiRequest, schedule_id: int) -> pages.ScheduleBody:
    """Resume a schedule, from now on."""
    changes.switch(_changeable(request, schedule_id), is_on=True, by=request.auth.name)
    return _whole(request, schedule_id)


@router.post(
    "/schedules/{int:schedule_id}/run",
    response={201: job_pages.JobBrief},
    auth=needs(Scope.SUBMIT),
    url_name="api_schedule_run",
    summary="Run a schedule now",
)
def schedule_run(request: ApiRequest, response: HttpResponse, schedule_id: int) -> Status[job_pages.JobBrief]:
    """Submit a job of the schedule right now."""
    schedule = _changeable(request, schedule_id)
    pages.refuse_unless_runnable(schedule, request)
    made = changes.run_now(schedule, by=request.auth.name)
    job = job_pages.brief_rows(Job.objects.all()).get(pk=made.job_id)
    response["Location"] = address(request, "api_job", job_id=job.pk)
    return Status(201, job_pages.brief(job, request))


def _changeable(request: ApiRequest, schedule_id: int) -> Schedule:
    # Those of the code as well: what is done to them is refused with a sentence.
    return changeable_one_for(request, pages.visible(request), schedule_id)


def _whole(request: ApiRequest, schedule_id: int) -> pages.ScheduleBody:
    return pages.whole(one_for(request, pages.visible(request).select_related("owner"), schedule_id), request)
