"""The files of jobs."""

from __future__ import annotations

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from ninja import Router

from core.models import Artifact, Job
from frontend.api.access import ApiRequest, Scope, needs, one_for
from frontend.api.openapi import FILE_ANSWER
from frontend.api.pages import jobs as pages
from frontend.api.problems import Problem, answer_problem
from frontend.jobs.sending import send_artifact

router = Router(tags=["Files"])


@router.get(
    "/jobs/{int:job_id}/files",
    response=pages.FileList,
    auth=needs(Scope.READ),
    url_name="api_job_files",
    summary="List a job's files",
)
def job_files(request: ApiRequest, job_id: int) -> pages.FileList:
    """List the files that a job was given and, once it has ended, the files that it made."""
    return pages.FileList(items=pages.files(one_for(request, Job.objects.all(), job_id), request))


@router.get(
    "/jobs/{int:job_id}/files/{int:file_id}",
    auth=needs(Scope.READ),
    url_name="api_job_file",
    summary="Download a file",
    openapi_extra=FILE_ANSWER,
)
def job_file(request: ApiRequest, job_id: int, file_id: int) -> HttpResponseBase:
    """Download a file, or the part of it that `Range` asks for."""
    job = one_for(request, Job.objects.only("state"), job_id)
    artifact = get_object_or_404(Artifact, pk=file_id, job=job)
    if artifact.kind == Artifact.Kind.OUTPUT and not job.is_finished:
        raise Http404
    try:
        response = send_artifact(request, artifact)
    except FileNotFoundError:
        raise Problem(404, "This file is no longer kept.") from None
    return _beyond(response) if response.status_code == 416 else response


def _beyond(response: HttpResponseBase) -> HttpResponseBase:
    problem = answer_problem(Problem(416, "The file has no byte in this range."))
    for name in ("Content-Range", "Accept-Ranges"):
        problem[name] = response[name]
    return problem
