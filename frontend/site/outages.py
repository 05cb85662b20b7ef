"""What is answered while the database is away, or has no room left: 503, and when to ask again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.logs import log

#: Seconds after which asking again makes sense: a server starts, or finds room, in about that time.
RETRY_SECONDS = 10


class OutageMiddleware:
    """Answers for a view that the database has let down. No page of the site is rendered: each one asks it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return answer_outage(request, error) if isinstance(error, (OperationalError, InterfaceError)) else None


def answer_outage(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say that the database has let a request down, and when to ask again."""
    log("request_failed", level=logging.ERROR, path=request.path, error=f"{type(error).__name__}: {error}"[:300])
    response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
