"""A job's files, to its owner: downloads, PDFs in the browser's own viewer, and pictures of first pages."""

from __future__ import annotations

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.files import storage
from core.models import Artifact, Job
from frontend.jobs.pages.files import opens_in_browser
from frontend.jobs.sending import send_artifact
from frontend.site.ranges import send_file
from frontend.site.security import FILE_POLICY, PersonRequest, person_required


@require_safe
@person_required
def job_file(request: PersonRequest, pk: int, artifact_pk: int) -> HttpResponseBase:
    """Send one of the job's files, as an attachment unless `?view=1` asks for a PDF to look at."""
    artifact = _artifact(request, pk, artifact_pk)
    is_viewed = request.GET.get("view") == "1" and opens_in_browser(artifact)
    try:
        return send_artifact(request, artifact, is_viewed=is_viewed)
    except FileNotFoundError as error:
        raise Http404("the file is no longer kept") from error


@require_safe
@person_required
def job_preview(request: PersonRequest, pk: int, artifact_pk: int) -> HttpResponseBase:
    """Send the picture of one of the job's files."""
    artifact = _artifact(request, pk, artifact_pk)
    if not artifact.preview_path:
        raise Http404("the file has no picture")
    try:
        response = send_file(
            request, storage.resolve(artifact.preview_path), sha256="", filename="preview.png", content_type="image/png"
        )
    except FileNotFoundError as error:
        raise Http404("the picture is no longer kept") from error
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = FILE_POLICY
    return response


def _artifact(request: PersonRequest, pk: int, artifact_pk: int) -> Artifact:
    """Return the artifact if this person may have it: outputs only once the job has ended."""
    job = get_object_or_404(Job.objects.for_user(request.user).only("state"), pk=pk)
    artifact = get_object_or_404(Artifact, pk=artifact_pk, job=job)
    if artifact.kind == Artifact.Kind.OUTPUT and job.is_live:
        raise Http404("the job has not ended")
    return artifact
