"""Pipelines, and submits to them."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router
from ninja.responses import Status

from core.models import Job
from frontend.api.access import ApiRequest, Scope, needs
from frontend.api.links import address
from frontend.api.openapi import SUBMIT_BODY, SUBMIT_HEADERS
from frontend.api.pages import jobs as job_pages
from frontend.api.pages import pipelines as pages
from frontend.api.pages import submits

router = Router(tags=["Pipelines"])


@router.get(
    "/pipelines",
    response=pages.PipelineList,
    auth=needs(Scope.READ),
    url_name="api_pipelines",
    summary="List pipelines",
)
def pipelines(request: ApiRequest) -> pages.PipelineList:
    """List the pipelines that you can submit jobs to."""
    return pages.listed(request)


@router.get(
    "/pipelines/{name}",
    response=pages.PipelineBody,
    auth=needs(Scope.READ),
    url_name="api_pipeline",
    summary="Get a pipeline and its form",
)
def pipeline(request: ApiRequest, name: str) -> pages.PipelineBody:
    """Get a pipeline with the JSON Schema of its form: the parameters and files that a job takes."""
    return pages.one(request, pages.find(name, request.auth))


@router.post(
    "/pipelines/{name}/jobs",
    response={201: job_pages.JobBrief, 200: job_pages.JobBrief},
    auth=needs(Scope.SUBMIT),
    url_name="api_submit",
    summary="Submit a job",
    openapi_extra={"requestBody": SUBMIT_BODY, "parameters": SUBMIT_HEADERS},
)
def submit(request: ApiRequest, response: HttpResponse, name: str) -> Status[job_pages.JobBrief]:
    """Submit a job. Sending the same `Idempotency-Key` again returns the same job, with 200."""
    made = submits.submit(request, pages.find(name, request.auth))
    job = job_pages.brief_rows(Job.objects.all()).get(pk=made.job_id)
    response["Location"] = address(request, "api_job", job_id=job.pk)
    return Status(201 if made.is_new else 200, job_pages.brief(job, request))
