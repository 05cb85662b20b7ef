"""Every request is timed: a header for the browser, a histogram for Prometheus, a log line when it was slow."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.conf import conf
from core.logs import log
from core.operation import metrics


class RequestTimingMiddleware:
    """The outermost middleware, so that what the others take is counted too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - began
        match = request.resolver_match
        view = match.view_name if match and match.view_name else "none"
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
        return response
