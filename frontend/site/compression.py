"""Pages go out packed. Files do not: they are packed already, or are asked for in ranges."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

#: Types of answers that shrink to a fraction.
_TEXTS = ("text/html", "application/json", "application/problem+json")

# Its call is never made; what is used of it adds random bytes, so that lengths tell nothing of a page (BREACH).
_gzip = GZipMiddleware(lambda _: HttpResponse())


def packed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the answer as it goes out: packed when it is a page and its reader takes that."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if response.streaming or response.status_code == 206 or kind not in _TEXTS:
        return response
    return cast(HttpResponse, _gzip.process_response(request, response))
