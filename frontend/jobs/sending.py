"""Sending a file of a job: the type that the browser gets, and what it may do with the file."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.models import Artifact
from frontend.jobs.pages.files import base_type
from frontend.site.ranges import send_file
from frontend.site.security import FILE_POLICY, VIEWED_FILE_POLICY

#: The content types that a browser may get. Any other file, above all HTML and SVG, is sent as bytes.
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
