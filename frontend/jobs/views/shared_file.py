"""A file for whoever has the link to it: signed by the site and good for some days, without logging in."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.files.links import BadLink, ExpiredLink, artifact_of
from core.models import Artifact
from frontend.jobs.sending import send_artifact


@require_safe
def shared_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Send the file as an attachment; whether a link was never good, or a file is gone, is not told apart."""
    try:
        artifact = Artifact.objects.filter(pk=artifact_of(token)).first()
        if artifact is None:
            raise FileNotFoundError
        response = send_artifact(request, artifact)
    except BadLink:
        response = render(request, "headway/shared_gone.html", {"status": 404}, status=404)
    except (ExpiredLink, FileNotFoundError):
        response = render(request, "headway/shared_gone.html", {"status": 410}, status=410)
    # The address is the key: no cache keeps the file, no search engine the address, no other site is told of it.
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
