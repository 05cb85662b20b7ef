"""Answers to requests that can't be served."""

from __future__ import annotations

import datetime as dt
import math
from functools import partial
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views import csrf, defaults
from django_htmx.http import retarget

from core.errors import Refused

#: The place above a form where its page shows that nothing was accepted.
REFUSAL_REGION = "#refusal"
#: Seconds after which to try again when nobody knows how long it takes.
RETRY_AFTER_SECONDS = 30

_TITLES = {413: "Too large", 429: "Too much at once", 503: "Not possible just now"}
#: Statuses whose answers say when to try again.
_PASSING = (429, 503)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return too_much_text(request)
    return render(request, "headway/400.html", status=400)


permission_denied = partial(defaults.permission_denied, template_name="headway/403.html")
not_found = partial(defaults.page_not_found, template_name="headway/404.html")
server_error = partial(defaults.server_error, template_name="headway/500.html")
csrf_failure = partial(csrf.csrf_failure, template_name="headway/403_csrf.html")


def too_much_text(request: HttpRequest) -> HttpResponse:
    """Answer that the text of the form is too large; files have a limit of their own."""
    return refused(request, 413, "The form holds more text than is accepted. Put it in a file instead.")


def refused(request: HttpRequest, status: int, sentence: str, *, retry_after: float | None = None) -> HttpResponse:
    """Answer why nothing was accepted: as a page, or to htmx as a notice above the form, which stays filled in.

    `retry_after` is in seconds.
    """
    context = refusal_context(status, sentence, retry_after=retry_after)
    if request.headers.get("HX-Request") == "true":
        response = render(request, "headway/_refusal.html", context, status=status)
        response["HX-Reswap"] = f"innerHTML show:{REFUSAL_REGION}:top"
        retarget(response, REFUSAL_REGION)
    else:
        response = render(request, "headway/refused.html", context, status=status)
    return with_retry_after(response, status, retry_after)


def refused_by(request: HttpRequest, error: Refused) -> HttpResponse:
    """Answer why nothing was accepted, in the error's words and with its status."""
    return refused(request, error.status, str(error), retry_after=error.retry_after_seconds)


def refusal_context(status: int, sentence: str, *, retry_after: float | None) -> dict[str, Any]:
    """Return what the templates of a refusal show."""
    at = timezone.now() + dt.timedelta(seconds=retry_after) if retry_after and status in _PASSING else None
    return {"status": status, "title": _TITLES.get(status, "Not accepted"), "sentence": sentence, "retry_at": at}


def with_retry_after(response: HttpResponse, status: int, retry_after: float | None) -> HttpResponse:
    """Add when to try again, in whole seconds and never too early (RFC 9110, section 10.2.3)."""
    if status in _PASSING:
        response["Retry-After"] = str(max(1, math.ceil(retry_after or RETRY_AFTER_SECONDS)))
    return response
