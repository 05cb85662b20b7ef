"""The page that starts a pipeline: its form, the checks of single fields, and the submit.

The form carries a key that was made with the page. However often it is sent, it makes one job. Sent by its button
"Save as schedule" it makes a schedule in the same way, and no job. Sent by one of its `refresh` and `move` buttons it
makes neither: it is shown anew with what was filled in.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from core import pipelines, policy
from core.errors import Refused
from core.forms import Entry, open_form
from core.models import Gate, Job
from core.models.job import Priority
from core.pipelines import Pipeline
from frontend.forms.pages import form as form_pages
from frontend.forms.pages import priorities, repeats
from frontend.forms.pages.answers import KEY_FIELD, FormPage
from frontend.forms.pages.reading import KEY_LENGTH, asks_for_priority, unreadable
from frontend.site.answers import Done, lead_to
from frontend.site.errors import refusal_context, refused_by, with_retry_after
from frontend.site.listing import as_id
from frontend.site.security import PersonRequest, person_required


@csrf_exempt  # the token is in the body, which is read here first; _show_or_submit asks for it
@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def pipeline_form(request: PersonRequest, name: str) -> HttpResponseBase:
    """Show the pipeline's form, or make what was filled in a job."""
    return unreadable(request) or _show_or_submit(request, name)


@require_POST
@person_required
def pipeline_validation(request: PersonRequest, name: str) -> HttpResponseBase:
    """Return the region of one field's errors, `?field=`, for the form as it is filled in now."""
    spec = _find(request, name)
    entry = open_form(spec, user=request.user, data=request.POST, origin=_origin(request, spec))
    field = form_pages.field_of(entry, request.GET.get("field", ""))
    if field is None:
        raise Http404("no such field")
    return render(request, "headway/_field_errors.html", {"field": field})


@csrf_protect
def _show_or_submit(request: HttpRequest, name: str) -> HttpResponseBase:
    # csrf_protect knows plain requests only; the view before has seen that somebody is logged in.
    person_request = cast(PersonRequest, request)
    return _submit(person_request, name) if request.method == "POST" else _show(person_request, name)


def _show(request: PersonRequest, name: str) -> HttpResponseBase:
    spec = _find(request, name)
    origin = _origin(request, spec)
    initial: dict[str, Any] = {key: value for key, value in request.GET.items() if key in spec.form.base_fields}
    if declared := _declared(request, spec):
        initial |= spec.form.declared(origin.params if origin else {}, declared)  # type: ignore[attr-defined]
    entry = open_form(spec, user=request.user, initial=initial, origin=origin)
    return _page(request, entry, partial(repeats.blank, request), key=uuid.uuid4().hex).show()


def _submit(request: PersonRequest, name: str) -> HttpResponseBase:
    spec = _find(request, name)
    entry = open_form(spec, user=request.user, data=request.POST, files=request.FILES, origin=_origin(request, spec))
    key = request.POST.get(KEY_FIELD, "")[:KEY_LENGTH] or uuid.uuid4().hex
    priority = Priority.NORMAL
    if asks_for_priority(spec):
        priority = priorities.read(request.POST.get(priorities.FIELD, ""))
    is_schedule = repeats.is_requested(request, spec) and not entry.is_refresh
    repeat = cache(partial(repeats.sent, request, is_checked=is_schedule))
    if is_schedule and (saved := repeats.saved(entry, key=key)) is not None:
        return lead_to(request, saved.get_absolute_url())
    page = _page(request, entry, repeat, key=key, priority=priority, saves_repeat=is_schedule)

    def save() -> Done:
        if is_schedule:
            return Done(to=repeats.save(entry, repeat(), priority=priority, key=key).get_absolute_url())
        return Done(to=reverse("headway:job_detail", args=[entry.submit(key=key, priority=priority).job_id]))

    return page.answer(save, refuse=lambda error: _refuse(page, error))


def _page(
    request: PersonRequest,
    entry: Entry,
    repeat: Callable[[], repeats.Repeat],
    *,
    key: str,
    priority: Priority = Priority.NORMAL,
    saves_repeat: bool = False,
) -> FormPage:
    # Looked for when it is shown: a submit that is accepted shows nothing.
    paused = cache(Gate.objects.filter(pk=entry.spec.name, paused_at__isnull=False).first)
    context: dict[str, Any] = {"key": key, "paused": paused, "declared": _declared(request, entry.spec).items()}
    if asks_for_priority(entry.spec):
        context["priority"] = priorities.name_of(priority)
    part = repeat if repeats.can_repeat(entry.spec) else None
    return FormPage(
        request, entry, "headway/pipeline_form.html", context=context, repeat=part, saves_repeat=saves_repeat
    )


def _refuse(page: FormPage, error: Refused) -> HttpResponseBase:
    """Show why no job was made. The form stays filled in, except for files: nothing of them is stored."""
    if page.request.htmx:
        return refused_by(page.request, error)
    seconds = error.retry_after_seconds
    refusal = {
        **refusal_context(error.status, str(error), retry_after=seconds),
        "lost_files": bool(page.request.FILES),
    }
    return with_retry_after(page.show(error.status, refusal=refusal), error.status, seconds)


def _find(request: PersonRequest, name: str) -> Pipeline:
    spec = pipelines.find(name)
    # Some pipelines are for the site's own jobs alone.
    if spec is None or getattr(spec.form, "is_nobodys", False):
        raise Http404(f"There is no pipeline {name!r}.")
    if spec.is_for_staff and not policy.operates(request.user):
        raise PermissionDenied
    return spec


def _declared(request: PersonRequest, spec: Pipeline) -> dict[str, str]:
    """Return the types of columns to fill in from the address, `declare=day:date`, if the form takes them."""
    if not getattr(spec.form, "can_declare", False):
        return {}
    pairs = [text.rpartition(":") for text in request.GET.getlist("declare")]
    return {column: type for column, _, type in pairs if column and type}


def _origin(request: PersonRequest, spec: Pipeline) -> Job | None:
    """Return the job that `?again=` names, whose parameters and files the form starts from."""
    again = request.GET.get("again", "")
    if not again:
        return None
    return get_object_or_404(Job.objects.for_user(request.user), pk=as_id(again), pipeline=spec.name)
