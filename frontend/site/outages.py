"""The answer while the database is away, or has no room left: 503, and when to try again."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.logs import log
from frontend.site.problems import is_for_programs, problem_answer

#: Seconds after which to try again: a server starts, or gets room, in about that time.
RETRY_SECONDS = 10
#: What a program is told.
SENTENCE = "The database can't be reached right now. Nothing was stored; try again."


def answer_outage(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer that the database is away, and when to try again."""
    log("request_failed", level=logging.ERROR, path=request.path, error=f"{type(error).__name__}: {error}"[:300])
    if is_for_programs(request):
        return problem_answer(503, SENTENCE, retry_after=RETRY_SECONDS)
    response = HttpResponse(render_to_string("headway/503.html"), status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
