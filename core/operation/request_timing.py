"""Every request is timed: a header for the browser, a histogram for Prometheus, a log line when it was slow."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse

from core.conf import conf
from core.logs import log
from core.operation import metrics


def observe(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Say in the answer, in the metrics and, if it was slow, in the log how long a request took."""
    match = request.resolver_match
    view = match.url_name if match and match.url_name else "none"
    metrics.http_seconds.labels(view, request.method or "", f"{response.status_code // 100}xx").observe(seconds)
    response.headers["Server-Timing"] = f"app;dur={seconds * 1000:.1f}"
    if seconds > conf.SLOW_REQUEST_SECONDS:
        log(
            "request_was_slow",
            level=logging.WARNING,
            path=request.path,
            method=request.method,
            status=response.status_code,
            seconds=seconds,
        )
