"""The one middleware that a site needs for Headway's pages. What it does, it does for these alone.

Put it first: it times all that comes after it, and says how uploads are taken before anything has read the form.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from core.files.uploads import StagingUploadHandler
from core.operation.request_timing import observe
from frontend.jobs.pages.versions import nothing_new
from frontend.site.compression import packed
from frontend.site.outages import answer_outage
from frontend.site.security import CONTENT_SECURITY_POLICY, without_null_characters
from frontend.site.zones import zone_of

#: The namespace of Headway's addresses.
NAMESPACE = "headway"


class HeadwayMiddleware:
    """Uploads, zone, security headers, outages and timing of Headway's pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        # On a site that is Headway's own every page is: also those that no view answers.
        self._has_whole_site = settings.ROOT_URLCONF == "frontend.root"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        if (unchanged := nothing_new(request)) is not None:
            observe(request, unchanged, time.perf_counter() - began)
            return unchanged
        try:
            response = self._get_response(request)
        finally:
            if self._is_headways(request):
                timezone.deactivate()
        if self._has_whole_site:
            # A host's base template loads what it likes.
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        if self._is_headways(request):
            response = packed(request, response)
            observe(request, response, time.perf_counter() - began)
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if not self._is_headways(request):
            return None
        try:
            self._prepare(request)
        except (OperationalError, InterfaceError) as error:
            # Who asks is read from the database; no view has been called that could fail in its place.
            return answer_outage(request, error)
        return None

    def _prepare(self, request: HttpRequest) -> None:
        without_null_characters(request)
        if not hasattr(request, "htmx"):
            request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]
        request.upload_handlers = [StagingUploadHandler(request)]
        person = request.person if hasattr(request, "person") else getattr(request, "user", None)
        request.person = person if person is not None and person.is_authenticated else None  # type: ignore[attr-defined]
        timezone.activate(zone_of(request.person) or timezone.get_default_timezone())  # type: ignore[attr-defined]

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if self._is_headways(request) and isinstance(error, (OperationalError, InterfaceError)):
            return answer_outage(request, error)
        return None

    def _is_headways(self, request: HttpRequest) -> bool:
        match = request.resolver_match
        return self._has_whole_site or (match is not None and NAMESPACE in match.app_names)
