"""The acts of a person on an existing job."""

from __future__ import annotations

from collections.abc import Callable

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from core.life import requests
from core.models import Job
from frontend.forms.pages import priorities
from frontend.jobs.pages.regions import render_whole_job
from frontend.site.answers import answer_act
from frontend.site.security import PersonRequest, changeable_or_403, person_required


@require_POST
@person_required
def job_cancellation(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Cancel the job."""
    return _answer(request, pk, lambda job, by: requests.cancel(job, by=by))


@require_POST
@person_required
def job_retry(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Run a failed or cancelled job again: `from=start` from the start, else after its last completed step."""
    from_start = request.POST.get("from") == "start"
    return _answer(request, pk, lambda job, by: requests.retry(job, by=by, from_start=from_start))


@require_POST
@person_required
def job_discarding(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Give a failed job up."""
    return _answer(request, pk, lambda job, by: requests.discard_failed(job, by=by))


@require_POST
@person_required
def job_priority(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Give a job that nobody runs another priority."""
    priority = priorities.read(request.POST.get(priorities.FIELD, ""))
    return _answer(request, pk, lambda job, by: requests.reprioritise(job, priority, by=by))


def _answer(request: PersonRequest, pk: int, act: Callable[[Job, str], object]) -> HttpResponseBase:
    job = changeable_or_403(get_object_or_404(Job.objects.for_user(request.user), pk=pk), request.user)

    def do() -> None:
        act(job, request.user.get_username())

    return answer_act(
        request,
        do,
        back=job.get_absolute_url(),
        region=lambda outcome: render_whole_job(request, pk, notice=outcome.refusal),
    )
