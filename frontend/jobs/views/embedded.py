"""Answers to the parts of a host's own pages that show jobs, while these live.

They never load the host's page anew, on which somebody may be writing: what is gone, or whose session has ended, is
answered with a sentence in place of the part, which then asks no more.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.http import retarget

from frontend.jobs.pages.embedded import LISTED, live_job, live_jobs
from frontend.site.answers import is_htmx
from frontend.site.listing import as_id


@require_safe
def job_embedded(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Answer one job's part with what is new since `?v=`."""
    if not is_htmx(request):
        return redirect("headway:job_detail", pk=pk)
    if not request.user.is_authenticated:
        return _gone(request, 401)
    live = live_job(request.user, pk)
    if live is None:
        return _gone(request, 404)
    return _answer(request, "headway/embedded/job.html", live.context, version=live.version)


@require_safe
def jobs_embedded(request: HttpRequest) -> HttpResponseBase:
    """Answer a list's part, of the jobs about `?type=` and `?key=`, with what is new since `?v=`."""
    if not is_htmx(request):
        return redirect("headway:desk")
    if not request.user.is_authenticated:
        return _gone(request, 401)
    query = request.GET
    most = as_id(query.get("most", "")) or LISTED
    live = live_jobs(request.user, type_id=as_id(query.get("type", "")), key=query.get("key", ""), most=most)
    if not live.jobs:
        return _gone(request, 404)
    return _answer(request, "headway/embedded/jobs.html", live.context, version=live.version)


def _answer(request: HttpRequest, template: str, context: dict[str, Any], *, version: str) -> HttpResponse:
    if request.GET.get("v") == version:
        return _private(HttpResponse(status=204))
    return _private(render(request, template, context))


def _gone(request: HttpRequest, status: int) -> HttpResponse:
    response = render(request, "headway/embedded/gone.html", {"is_logged_out": status == 401}, status=status)
    # The scripts show an error where its answer says.
    return _private(retarget(response, "this"))


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    patch_vary_headers(response, ["HX-Request"])
    return response
