"""The desk: what can be started, one's jobs with their parts, and the newest datasets."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from core import pipelines
from core.models import Dataset
from frontend.jobs.pages.list import JobList
from frontend.site.security import PersonRequest, person_required

RECENT_DATASETS = 6


@require_safe
@person_required
def desk(request: PersonRequest) -> HttpResponseBase:
    """Show the desk; with `?parent=7` the parts of job 7."""
    asked = JobList(request)
    if asked.parent is not None:
        return render(request, "headway/job_parts.html", {"list": asked})
    datasets = Dataset.objects.for_user(request.user).filter(owner=request.user).order_by("-pk")
    context = {
        # What begins with nothing first, then what goes on with a dataset.
        "pipelines": sorted(pipelines.listed(is_staff=request.user.is_staff), key=lambda spec: spec.takes is not None),
        "list": asked,
        "datasets": list(datasets[:RECENT_DATASETS]),
    }
    return render(request, "headway/desk.html", context)


@require_safe
@person_required
def jobs(request: PersonRequest) -> HttpResponseBase:
    """Answer htmx with the list, or with 204 when the page has this version; others get the desk."""
    if not request.htmx or request.htmx.history_restore_request:
        return desk(request)
    asked = JobList(request)
    if asked.is_unchanged:
        return HttpResponse(status=204)
    response = render(request, "headway/_jobs.html", {"list": asked})
    return response if "v" in request.GET else replace_url(response, asked.path + asked.own_query)
