"""A job's files, to its owner: downloads, PDFs in the browser's own viewer, and pictures of first pages."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.files import storage
from core.models import Artifact, Job
from frontend.job_files import base_type, opens_in_browser
from frontend.ranges import send_file
from frontend.security import FILE_POLICY, VIEWED_FILE_POLICY, PersonRequest, person_required

#: What a browser may be told a file is. Everything else, HTML and SVG before all, is bytes to it.
_SAFE_TYPES = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/pdf",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/x-ndjson",
        "application/zip",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    }
)


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


def send_artifact(request: HttpRequest, artifact: Artifact, *, is_viewed: bool = False) -> HttpResponseBase:
    """Return the answer that streams a file, whole or in part; raise FileNotFoundError when it is no longer kept."""
    kind = base_type(artifact)
    response = send_file(
        request,
        artifact.local_path,
        sha256=artifact.sha256,
        as_attachment=not is_viewed,
        filename=artifact.name,
        content_type=kind if kind in _SAFE_TYPES else "application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = VIEWED_FILE_POLICY if is_viewed else FILE_POLICY
    if is_viewed:
        response["X-Frame-Options"] = "SAMEORIGIN"
    return response


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
