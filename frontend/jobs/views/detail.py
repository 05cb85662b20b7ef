"""The page of one job, and the region of it that follows the work.

The region requests itself every second while the job lives, with the version it shows as `?v=`. When nothing is new,
the answer is 204, from one query (`frontend.jobs.pages.versions`). Otherwise it is the region, and with it the other
regions of the page that an event or a new state has changed; the steps with their parts come when their version is not
`?s=`. When the job and its parts have ended, the region stops requesting.

The reason why a job waits changes without an event: other jobs end, limits let others go. That line requests itself,
less often.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from core.database.snapshot import snapshot
from core.models import Job
from frontend.jobs.pages import job as job_pages
from frontend.jobs.pages import waiting as job_waiting
from frontend.jobs.pages.parts import part_place
from frontend.jobs.pages.regions import context_of, reading_of, render_regions, visible_jobs
from frontend.jobs.pages.versions import TICKET, changed, version_of
from frontend.site.security import PersonRequest, of_one_moment, person_required


@require_safe
@person_required
@of_one_moment
def job_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one job."""
    job = get_object_or_404(visible_jobs(request), pk=pk)
    context = context_of(request, job, version=version_of(request, pk) or "")
    context["parameters"] = job_pages.parameters_of(job, request)
    context["place"] = part_place(job) if job.parent_id else ""
    context["reading"] = reading_of(request, context["results"])
    return render(request, "headway/job_detail.html", context)


@require_safe
@person_required
def job_progress(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Answer the live region with what has changed since the version it has."""
    if not request.htmx:
        return redirect("headway:job_detail", pk=pk)
    version = version_of(request, pk)
    if version is None:
        # Loading the page again ends the polling, and says that the job is gone.
        return HttpResponse(status=404, headers={"HX-Refresh": "true"})
    page_version = request.GET.get("v", "")
    if version == page_version and TICKET not in request.GET:
        return HttpResponse(status=204)
    # With a ticket the answer was given before (`nothing_new`), unless that does not hold any more: here is another.
    with snapshot():
        # Of the same moment as what it says the version of.
        version = version_of(request, pk) or ""
        job = get_object_or_404(visible_jobs(request), pk=pk)
        return render_regions(request, job, version=version, beside=changed(page_version, version))


@require_safe
@person_required
@of_one_moment
def job_why(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Answer with the line that says why the job waits, when its version is not `?w=`."""
    if not request.htmx:
        return redirect("headway:job_detail", pk=pk)
    job = Job.objects.for_user(request.user).filter(pk=pk).defer("params", "result").first()
    why = job_waiting.why_of(job) if job else None
    if why is None or job_waiting.version_of(why) == request.GET.get("w", ""):
        # The region around it shows when the job begins, ends or is deleted.
        return HttpResponse(status=204)
    return render(request, "headway/_job_why.html", {"job": job, **job_waiting.context_of(why)})
