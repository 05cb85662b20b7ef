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
    """Send the file as an attachment; answer with 404 to a bad link, and with 410 when the link or the file is gone."""
    try:
        artifact = Artifact.objects.filter(pk=artifact_of(token)).first()
        if artifact is None:
            raise FileNotFoundError
        response = send_artifact(request, artifact)
    except BadLink:
        response = render(request, "headway/shared_gone.html", {"status": 404}, status=404)
    except (ExpiredLink, FileNotFoundError):
        response = render(request, "headway/shared_gone.html", {"status": 410}, status=410)
    # The address is the key: no cache may keep the file, no search engine list the address, no other site get it.
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
