"""The parameters of a failed job, to correct and to run it with from the start."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from core.errors import PermanentError, Refused
from core.forms import Entry, open_form
from core.life import requests
from core.models import Job
from core.models.states import State
from core.pipelines import Pipeline
from frontend.forms.pages.answers import answer_with_form
from frontend.site.security import PersonRequest, person_required


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def job_parameters(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the pipeline's form filled with the job's parameters, or run the job with what was filled in."""
    job = get_object_or_404(Job.objects.for_user(request.user).select_related("owner"), pk=pk)
    spec = job.spec
    if spec is None:
        return _back(request, job, f"The pipeline {job.pipeline} is no longer installed, so its form is gone.")
    if getattr(spec.form, "is_nobodys", False):
        return _back(request, job, "The site ordered this job, and nobody changes its parameters.")
    if job.parent_id is not None:
        return _back(request, job, "The parameters of a part come from its job.")
    if job.state != State.FAILED:
        state = job.get_state_display().lower()
        return _back(request, job, f"Job {job.pk} is {state}: only a failed job's parameters can be changed.")
    data = request.POST if request.method == "POST" else None
    entry = open_form(spec, user=job.owner, data=data, origin=job)
    if lost := _lost_files(spec, entry):
        return _back(request, job, f"{lost} is no longer kept. Run the job again with changes, and choose it anew.")
    if data is None:
        return _render(request, job, entry)
    return _save(request, job, entry)


def _save(request: PersonRequest, job: Job, entry: Entry) -> HttpResponseBase:
    if entry.is_refresh:
        entry.show_anew()
        return _render(request, job, entry)
    if entry.is_valid():
        try:
            params, _, label = entry.filled_in()
            requests.edit_and_retry(job, params=params, label=label or None, by=request.user.get_username())
        except Refused as error:
            return _back(request, job, str(error))
        except PermanentError as error:
            entry.form.add_error(None, str(error))
        else:
            messages.success(request, "The parameters are saved. The job runs with them from the start.")
            return _lead_to(request, job)
    return _render(request, job, entry, status=422)


def _render(request: PersonRequest, job: Job, entry: Entry, *, status: int = 200) -> HttpResponseBase:
    context: dict[str, Any] = {
        "job": job,
        "submit_text": "Save and run",
        "back": job.get_absolute_url(),
        "back_text": "Back to the job",
    }
    return answer_with_form(
        request, entry, "headway/job_parameters.html", context=context, keeps_files=True, status=status
    )


def _lost_files(spec: Pipeline, entry: Entry) -> str:
    """Return the label of a file that the job needs and that is no longer kept; empty when all are there."""
    for name, field in spec.form.base_fields.items():
        if isinstance(field, forms.FileField) and field.required and name not in entry.kept:
            return str(entry.form[name].label)
    return ""


def _back(request: PersonRequest, job: Job, refusal: str) -> HttpResponseBase:
    messages.warning(request, refusal)
    return _lead_to(request, job)


def _lead_to(request: PersonRequest, job: Job) -> HttpResponseBase:
    address = job.get_absolute_url()
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)
