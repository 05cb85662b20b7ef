"""Jobs: lists, one, its events and log, and what may be done to it."""

from __future__ import annotations

from typing import Annotated

from django.http import StreamingHttpResponse
from ninja import Body, Query, Router
from pydantic import BaseModel, ConfigDict, Field

from core.life import requests
from core.models import Job
from frontend.api.access import ApiRequest, Scope, changeable_one_for, needs, one_for
from frontend.api.openapi import text_answer
from frontend.api.pages import events as event_pages
from frontend.api.pages import jobs as pages
from frontend.api.paging import page_of
from frontend.jobs.pages.log import as_text

router = Router(tags=["Jobs"])


class EventQuery(BaseModel):
    """Which events, and how long to wait for the first."""

    after: Annotated[
        int, Field(ge=0, le=2**62, description="The event that is known, `last` of the answer before.")
    ] = 0
    wait: Annotated[
        float,
        Field(ge=0, le=event_pages.LONGEST_WAIT, allow_inf_nan=False, description="Seconds to wait for something new."),
    ] = 0


class Retry(BaseModel):
    """How a job is run again."""

    model_config = ConfigDict(extra="forbid")

    from_start: bool = Field(False, description="Whether what it has made is deleted first; else it goes on.")


#: What an empty body means.
_AS_IT_WAS = Retry(from_start=False)


@router.get("/jobs", response=pages.JobList, auth=needs(Scope.READ), url_name="api_jobs", summary="List jobs")
def jobs(request: ApiRequest, query: Query[pages.JobQuery]) -> pages.JobList:
    """Return jobs, the newest first: your own unless `owner` says otherwise. Parts are listed by their `parent`."""
    page, following = page_of(request, pages.brief_rows(pages.matching(request, query)), query)
    return pages.JobList(items=[pages.brief(job, request) for job in page], next=following)


@router.get("/jobs/{int:job_id}", response=pages.JobBody, auth=needs(Scope.READ), url_name="api_job", summary="One job")
def job(request: ApiRequest, job_id: int) -> pages.JobBody:
    """Return a job with everything that its page knows."""
    return _whole(request, job_id)


@router.get(
    "/jobs/{int:job_id}/events",
    response=event_pages.EventList,
    auth=needs(Scope.READ),
    url_name="api_job_events",
    summary="Follow a job",
)
def job_events(request: ApiRequest, job_id: int, query: Query[EventQuery]) -> event_pages.EventList:
    """Return what has happened since an event. With `wait` the answer comes when there is something new, the job has
    ended, or the time is over; a server with many waiting requests answers at once."""
    job = _one(request, job_id)
    news = event_pages.events(job, request, after=query.after)
    if news.items or job.is_finished:
        return news
    if event_pages.wait_for_news(job, after=query.after, seconds=query.wait):
        news = event_pages.events(_one(request, job_id), request, after=query.after)
    return news


@router.get(
    "/jobs/{int:job_id}/log",
    auth=needs(Scope.READ),
    url_name="api_job_log",
    summary="A job's log",
    openapi_extra=text_answer("The lines that are kept, as text."),
)
def job_log(request: ApiRequest, job_id: int) -> StreamingHttpResponse:
    """Return what the job's function has logged, as far as it is kept, as text."""
    return StreamingHttpResponse(as_text(_one(request, job_id)), content_type="text/plain; charset=utf-8")


@router.post(
    "/jobs/{int:job_id}/cancellation",
    response=pages.JobBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_job_cancellation",
    summary="Cancel a job",
)
def job_cancellation(request: ApiRequest, job_id: int) -> pages.JobBody:
    """Ask for a job's end: one that nobody runs is cancelled at once, a running one within seconds."""
    requests.cancel(changeable_one_for(request, Job.objects.all(), job_id), by=request.auth.name)
    return _whole(request, job_id)


@router.post(
    "/jobs/{int:job_id}/retry",
    response=pages.JobBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_job_retry",
    summary="Run a job again",
)
def job_retry(request: ApiRequest, job_id: int, given: Annotated[Retry, Body()] = _AS_IT_WAS) -> pages.JobBody:
    """Run a failed or cancelled job again, after its last completed step or from the start."""
    job = changeable_one_for(request, Job.objects.all(), job_id)
    requests.retry(job, by=request.auth.name, from_start=given.from_start)
    return _whole(request, job_id)


def _one(request: ApiRequest, job_id: int) -> Job:
    return one_for(request, pages.brief_rows(Job.objects.all()), job_id)


def _whole(request: ApiRequest, job_id: int) -> pages.JobBody:
    jobs = Job.objects.select_related("progress", "owner", "parent")
    return pages.whole(one_for(request, jobs, job_id), request)
