"""The endpoints for machines: liveness, readiness and metrics."""

from __future__ import annotations

import hmac
import os
import tempfile
from pathlib import Path

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.templatetags.static import static
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from core.conf import conf
from core.files import storage


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when work can be accepted: the database answers and the file store can be written."""
    checks = {"database": _check_database(), "storage": _check_storage()}
    is_ready = all(state == "ok" for state in checks.values())
    return JsonResponse({"ready": is_ready, "checks": checks}, status=200 if is_ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics in Prometheus's text format; with METRICS_TOKEN set, only to requests that carry it."""
    if conf.METRICS_TOKEN and not _is_token(request):
        return HttpResponse("a bearer token is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    # Imported at the first scrape: pages do not need the registry behind it.
    from core.operation.metrics import render

    return HttpResponse(render(), content_type="text/plain; version=0.0.4; charset=utf-8")


@cache_control(max_age=24 * 3600, public=True)
@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Lead browsers to the icon on pages that name none, such as the admin's."""
    return HttpResponseRedirect(static("frontend/favicon.svg"))


def _is_token(request: HttpRequest) -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return hmac.compare_digest(token.encode(), str(conf.METRICS_TOKEN).encode())


def _check_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    return "ok"


def _check_storage() -> str:
    try:
        descriptor, path = tempfile.mkstemp(dir=storage.staging_folder(), prefix="ready-")
        os.close(descriptor)
        Path(path).unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return "ok"
