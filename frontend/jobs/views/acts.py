"""What a person does to a job that exists."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from core.errors import Refused
from core.life import requests
from core.models import Job
from frontend.forms.pages import priorities
from frontend.jobs.pages.regions import render_whole_job
from frontend.site.security import PersonRequest, person_required


@require_POST
@person_required
def job_cancellation(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Ask for the job's end."""

    def cancel(job: Job) -> None:
        requests.cancel(job, by=request.user.get_username())

    return _act(request, pk, cancel)


@require_POST
@person_required
def job_retry(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Run a failed or cancelled job again: `from=start` from the start, else after its last completed step."""
    from_start = request.POST.get("from") == "start"

    def retry(job: Job) -> None:
        requests.retry(job, by=request.user.get_username(), from_start=from_start)

    return _act(request, pk, retry)


@require_POST
@person_required
def job_discarding(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Give a failed job up."""

    def discard(job: Job) -> None:
        requests.discard_failed(job, by=request.user.get_username())

    return _act(request, pk, discard)


@require_POST
@person_required
def job_priority(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Give a job that nobody runs another priority."""
    priority = priorities.read(request.POST.get(priorities.FIELD, ""))

    def reprioritise(job: Job) -> None:
        requests.reprioritise(job, priority, by=request.user.get_username())

    return _act(request, pk, reprioritise)


def _act(request: PersonRequest, pk: int, act: Callable[[Job], object]) -> HttpResponseBase:
    job = get_object_or_404(Job.objects.for_user(request.user), pk=pk)
    refusal = ""
    try:
        act(job)
    except Refused as error:
        refusal = str(error)
    if request.htmx:
        return render_whole_job(request, pk, notice=refusal)
    if refusal:
        messages.warning(request, refusal)
    return HttpResponseRedirect(job.get_absolute_url())
