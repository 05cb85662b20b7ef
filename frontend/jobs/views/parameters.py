"""The parameters of a failed job, to correct and to run it with from the start."""

from __future__ import annotations

from django import forms
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from core.forms import Entry, open_form
from core.life import requests
from core.models import Job
from core.models.states import State
from core.pipelines import Pipeline
from frontend.forms.pages.answers import FormPage
from frontend.site.answers import Done, turn_back
from frontend.site.security import PersonRequest, changeable_or_403, person_required


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def job_parameters(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the pipeline's form filled with the job's parameters, or run the job with what was filled in."""
    jobs = Job.objects.for_user(request.user).select_related("owner")
    job = changeable_or_403(get_object_or_404(jobs, pk=pk), request.user)
    back = job.get_absolute_url()
    spec = job.spec
    if spec is None or (refusal := _refusal(job, spec)):
        gone = f"The pipeline {job.pipeline} is no longer installed, so its form is gone."
        return turn_back(request, gone if spec is None else refusal, to=back)
    data = request.POST if request.method == "POST" else None
    entry = open_form(spec, user=job.owner, data=data, origin=job, keeps_secrets=True)
    if lost := _lost_files(spec, entry):
        return turn_back(
            request, f"{lost} is no longer kept. Run the job again with changes, and choose it anew.", to=back
        )
    context = {"job": job, "submit_text": "Save and run", "back": back, "back_text": "Back to the job"}
    page = FormPage(request, entry, "headway/job_parameters.html", context=context, keeps_files=True)

    def save() -> Done:
        params, _, label = entry.filled_in()
        requests.edit_and_retry(job, params=params, label=label or None, by=request.user.get_username())
        return Done("The parameters are saved. The job runs with them from the start.", to=back)

    return page.answer(save, refuse=lambda error: turn_back(request, str(error), to=back))


def _refusal(job: Job, spec: Pipeline) -> str:
    """Return why the job's parameters can't be changed; empty when they can."""
    if getattr(spec.form, "is_nobodys", False):
        return "The site ordered this job, and nobody changes its parameters."
    if job.parent_id is not None:
        return "The parameters of a part come from its job."
    if job.state != State.FAILED:
        state = job.get_state_display().lower()
        return f"Job {job.pk} is {state}: only a failed job's parameters can be changed."
    return ""


def _lost_files(spec: Pipeline, entry: Entry) -> str:
    """Return the label of a needed file that is no longer kept; empty when all still exist."""
    for name, field in spec.form.base_fields.items():
        if isinstance(field, forms.FileField) and field.required and name not in entry.stored_files:
            return str(entry.form[name].label)
    return ""
