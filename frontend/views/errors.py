"""Answers to what can't be served. The 403, 404 and 500 pages are templates that Django finds by name."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import reswap, retarget

#: Where a form's page shows, above the form, that nothing was accepted.
REFUSAL_REGION = "#refusal"
RETRY_AFTER_SECONDS = 30


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return refused(request, 413, "The form holds more text than is accepted. Put it in a file instead.")
    return render(request, "400.html", status=400)


def refused(request: HttpRequest, status: int, sentence: str, *, retry_after: int | None = None) -> HttpResponse:
    """Say why nothing was accepted: as a page, or to htmx as a notice that leaves the form as filled in."""
    titles = {413: "Too large", 429: "Too much at once", 503: "Not possible just now"}
    context = {"status": status, "title": titles.get(status, "Not accepted"), "sentence": sentence}
    if request.headers.get("HX-Request") == "true":
        response = render(request, "_refusal.html", context, status=status)
        retarget(reswap(response, "innerHTML"), REFUSAL_REGION)
    else:
        response = render(request, "refused.html", context, status=status)
    if status in (429, 503):
        response["Retry-After"] = str(retry_after or RETRY_AFTER_SECONDS)
    return response
