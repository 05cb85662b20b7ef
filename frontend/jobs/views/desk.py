"""The desk: pipelines to start, one's jobs with their parts, and the newest datasets."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from frontend.jobs.pages import desk as desk_pages
from frontend.jobs.pages.list import JobList
from frontend.site.security import PersonRequest, of_one_moment, person_required


@require_safe
@person_required
@of_one_moment
def desk(request: PersonRequest) -> HttpResponseBase:
    """Show the desk; with `?parent=7` the parts of job 7."""
    job_list = JobList(request)
    if job_list.parent is not None:
        return render(request, "headway/job_parts.html", {"list": job_list})
    return render(request, "headway/desk.html", desk_pages.context_of(request, job_list))


@require_safe
@person_required
@of_one_moment
def jobs(request: PersonRequest) -> HttpResponseBase:
    """Answer htmx with the list, or with 204 when the page has this version; others get the desk."""
    if not request.htmx or request.htmx.history_restore_request:
        return desk(request)
    job_list = JobList(request)
    if job_list.is_unchanged:
        return HttpResponse(status=204)
    response = render(request, "headway/_jobs.html", {"list": job_list})
    return response if "v" in request.GET else replace_url(response, job_list.path + job_list.own_query)
