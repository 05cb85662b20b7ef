"""What every answer of the API has in common: it is JSON, also when it is an error, and for one person alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.signals import got_request_exception
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.log import log_response
from django.views.decorators.csrf import csrf_exempt

from core.logs import log
from frontend.api.problems import Problem, answer, answer_problem
from frontend.site.problems import MEDIA_TYPE
from frontend.site.security import FILE_POLICY

View = Callable[..., HttpResponseBase]


def guarded(view: View) -> View:
    """Return the view with its errors as problems and the headers of the API."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  each becomes an answer, and a fault of the site's own is logged
            response = of_error(request, error)
        if is_head:
            # As for every page, the server leaves the body out.
            request.method = "HEAD"
        if response.status_code == 405:
            response = _not_allowed(response, request.method or "")
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Content-Security-Policy", FILE_POLICY)
        return response

    # A host may have each request in a transaction, or ask for a log-in before each view. Here acts are transactions of
    # their own, nothing is held while a request waits, and a token is a log-in too.
    return csrf_exempt(transaction.non_atomic_requests(login_not_required(answered)))


def of_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the answer to an error; one that is a fault of the site is logged as Django would."""
    response = answer(error)
    if response is not None:
        if response.status_code == 503:
            log("request_failed", path=request.path, error=f"{type(error).__name__}: {error}"[:300])
        return response
    got_request_exception.send(sender=None, request=request)
    response = answer_problem(Problem(500, "Something went wrong on our side. It has been logged."))
    log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request, exception=error)
    return response


@guarded
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponseBase:  # noqa: ARG001 - as Django calls it
    """Answer an address of the API that is none."""
    raise Problem(404, "There is no such address. See openapi.json for all routes.")


def _not_allowed(response: HttpResponseBase, method: str) -> HttpResponse:
    if response.headers.get("Content-Type") == MEDIA_TYPE:
        return response  # type: ignore[return-value]
    allowed = ", ".join(sorted(part.strip() for part in response.headers.get("Allow", "").split(",") if part.strip()))
    return answer_problem(Problem(405, f"{method} is not allowed here. Use {allowed}.", allow=allowed))
