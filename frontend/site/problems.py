"""Answers to programs that say what could not be done, as JSON (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from frontend.site.errors import with_retry_after

MEDIA_TYPE = "application/problem+json"
#: The URL names of what programs ask for begin so.
_FOR_PROGRAMS = "api_"


def problem_answer(
    status: int,
    sentence: str,
    *,
    errors: Mapping[str, list[str]] | None = None,
    retry_after: float | None = None,
) -> HttpResponse:
    """Return the answer; `errors` are sentences by field, `retry_after` is in seconds."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
    }
    if errors is not None:
        body["errors"] = dict(errors)
    response = HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE)
    return with_retry_after(response, status, retry_after)


def is_for_programs(request: HttpRequest) -> bool:
    """Whether a program asks, which reads no page."""
    try:
        # A middleware may ask before the address is resolved.
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return False
    return (match.url_name or "").startswith(_FOR_PROGRAMS)
