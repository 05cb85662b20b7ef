"""Downloads: a job's files, to its owner."""

from __future__ import annotations

from typing import BinaryIO

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.models import Artifact, Job
from frontend.security import PersonRequest, person_required

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
    """Send one of the job's files as an attachment; outputs only once the job has ended."""
    job = get_object_or_404(Job.objects.for_user(request.user), pk=pk)
    artifact = get_object_or_404(Artifact, pk=artifact_pk, job=job)
    if artifact.kind == Artifact.Kind.OUTPUT and job.is_live:
        raise Http404("the job has not ended")
    try:
        file: BinaryIO = artifact.local_path.open("rb")
    except FileNotFoundError as error:
        raise Http404("the file is no longer kept") from error
    base_type = artifact.content_type.partition(";")[0].strip().lower()
    response = FileResponse(
        file,
        as_attachment=True,
        filename=artifact.name,
        content_type=base_type if base_type in _SAFE_TYPES else "application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    # Should a browser show it all the same, it may load and run nothing.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
