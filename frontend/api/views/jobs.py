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
    """List jobs, newest first: your own unless `owner` says otherwise. Use `parent` to list the parts of a job."""
    page, following = page_of(request, pages.brief_rows(pages.matching(request, query)), query)
    return pages.JobList(items=[pages.brief(job, request) for job in page], next=following)


@router.get(
    "/jobs/{int:job_id}", response=pages.JobBody, auth=needs(Scope.READ), url_name="api_job", summary="Get a job"
)
def job(request: ApiRequest, job_id: int) -> pages.JobBody:
    """Get everything that the job's page shows."""
    return _whole(request, job_id)


@router.get(
    "/jobs/{int:job_id}/events",
    response=event_pages.EventList,
    auth=needs(Scope.READ),
    url_name="api_job_events",
    summary="Wait for events",
)
def job_events(request: ApiRequest, job_id: int, query: Query[EventQuery]) -> event_pages.EventList:
    """Get the events after `after`. With `wait`, the response comes when there is a new one, the job ends, or time is
    up. A busy server may respond sooner."""
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
    summary="Get a job's log",
    openapi_extra=text_answer("The lines that are kept, as text."),
)
def job_log(request: ApiRequest, job_id: int) -> StreamingHttpResponse:
    """Get the log lines that are kept, as plain text."""
    return StreamingHttpResponse(as_text(_one(request, job_id)), content_type="text/plain; charset=utf-8")


@router.post(
    "/jobs/{int:job_id}/cancellation",
    response=pages.JobBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_job_cancellation",
    summary="Cancel a job",
)
def job_cancellation(request: ApiRequest, job_id: int) -> pages.JobBody:
    """Cancel a job. One that is running stops within seconds."""
    requests.cancel(changeable_one_for(request, Job.objects.all(), job_id), by=request.auth.name)
    return _whole(request, job_id)


@router.post(
    "/jobs/{int:job_id}/retry",
    response=pages.JobBody,
    auth=needs(Scope.SUBMIT),
    url_name="api_job_retry",
    summary="Retry a job",
)
def job_retry(request: ApiRequest, job_id: int, given: Annotated[Retry, Body()] = _AS_IT_WAS) -> pages.JobBody:
    """Run a failed or cancelled job again, from its last completed step or from the start."""
    job = changeable_one_for(request, Job.objects.all(), job_id)
    requests.retry(job, by=request.auth.name, from_start=given.from_start)
    return _whole(request, job_id)


def _one(request: ApiRequest, job_id: int) -> Job:
    return one_for(request, pages.brief_rows(Job.objects.all()), job_id)


def _whole(request: ApiRequest, job_id: int) -> pages.JobBody:
    jobs = Job.objects.select_related("progress", "owner", "parent")
    return pages.whole(one_for(request, jobs, job_id), request)
