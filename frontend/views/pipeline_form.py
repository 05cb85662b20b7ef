"""The page that starts a pipeline: its form, the checks of single fields, and the submit.

The form carries a key that was made with the page. However often it is sent, it makes one job. Sent by one of its
`refresh` and `move` buttons it makes none: it is shown anew with what was filled in.
"""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.files.uploadhandler import StopUpload
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, retarget

from core import pipelines
from core.errors import PermanentError, Refused
from core.forms import Entry, open_form
from core.models import Job
from core.pipelines import Pipeline
from frontend import form_pages
from frontend.security import PersonRequest, person_required
from frontend.templatetags.amounts import filesize
from frontend.views.errors import refused

#: The names of the form's own fields; a pipeline's fields can't be called so.
KEY_FIELD = "idempotency-key"
_KEY_LENGTH = 100


@csrf_exempt  # the token is in the body, which is read here first; _show_or_submit asks for it
@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def pipeline_form(request: PersonRequest, name: str) -> HttpResponseBase:
    """Show the pipeline's form, or make what was filled in a job."""
    # An upload that can't be taken is refused while the body is read, before any other code sees it.
    try:
        request.POST  # noqa: B018 - reading it is the point
    except (StopUpload, RequestDataTooBig):
        limit = filesize(settings.UPLOAD_LIMIT_BYTES)
        return refused(request, 413, f"The upload is larger than {limit}, the most that is accepted here.")
    except Refused as error:
        return refused(request, 503, str(error))
    except (UnreadablePostError, MultiPartParserError, TooManyFieldsSent):
        return render(request, "400.html", status=400)
    return _show_or_submit(request, name)


@require_POST
@person_required
def pipeline_validation(request: PersonRequest, name: str) -> HttpResponseBase:
    """Return the region of one field's errors, `?field=`, for the form as it is filled in now."""
    spec = _find(name)
    entry = open_form(spec, user=request.user, data=request.POST, origin=_origin(request, spec))
    field = form_pages.field_of(entry, request.GET.get("field", ""))
    if field is None:
        raise Http404("no such field")
    return render(request, "_field_errors.html", {"field": field})


@csrf_protect
def _show_or_submit(request: HttpRequest, name: str) -> HttpResponseBase:
    # csrf_protect knows plain requests only; the view before has seen that somebody is logged in.
    asked = cast(PersonRequest, request)
    return _submit(asked, name) if request.method == "POST" else _show(asked, name)


def _show(request: PersonRequest, name: str) -> HttpResponseBase:
    spec = _find(name)
    origin = _origin(request, spec)
    initial = {key: value for key, value in request.GET.items() if key in spec.form.base_fields}
    entry = open_form(spec, user=request.user, initial=initial, origin=origin)
    return _render_form(request, entry, key=uuid.uuid4().hex)


def _submit(request: PersonRequest, name: str) -> HttpResponseBase:
    spec = _find(name)
    entry = open_form(spec, user=request.user, data=request.POST, files=request.FILES, origin=_origin(request, spec))
    key = request.POST.get(KEY_FIELD, "")[:_KEY_LENGTH] or uuid.uuid4().hex
    if entry.is_refresh:
        entry.show_anew()
        return _render_form(request, entry, key=key)
    if entry.is_valid():
        try:
            submission = entry.submit(key=key)
        except Refused as error:
            return refused(request, 429, str(error), retry_after=getattr(error, "retry_after_seconds", None))
        except PermanentError as error:
            entry.form.add_error(None, str(error))
        else:
            address = reverse("job_detail", args=[submission.job_id])
            if request.htmx:
                return HttpResponseClientRedirect(address)
            return HttpResponseRedirect(address)
    entry.keep_uploads()
    return _render_form(request, entry, key=key, status=422)


def _render_form(request: PersonRequest, entry: Entry, *, key: str, status: int = 200) -> HttpResponse:
    groups = form_pages.groups_of(entry)
    context: dict[str, Any] = {
        "spec": entry.spec,
        "entry": entry,
        "form": entry.form,
        "groups": groups,
        "regions": form_pages.regions_of(groups),
        "errors": _error_summary(entry),
        "file_names": form_pages.file_names(entry),
        "key": key,
        "key_field": KEY_FIELD,
        "limit_bytes": settings.UPLOAD_LIMIT_BYTES,
        "origin": entry.origin,
        "is_refresh": entry.is_refresh,
    }
    if request.htmx and entry.is_refresh:
        # The button says which regions it swaps.
        return render(request, "_pipeline_form.html", context)
    if request.htmx and request.method == "POST":
        return retarget(render(request, "_pipeline_form.html", context, status=status), "#pipeline-form")
    return render(request, "pipeline_form.html", context, status=status)


def _error_summary(entry: Entry) -> list[tuple[str, str, str]]:
    """Return (id of the control, label, sentence) of each error, in the order of the fields."""
    found = [("", "", str(sentence)) for sentence in entry.form.non_field_errors()]
    for bound in entry.form.visible_fields():
        found += [(bound.id_for_label, str(bound.label), str(sentence)) for sentence in bound.errors]
    for bound in entry.form.hidden_fields():
        found += [("", str(bound.label), str(sentence)) for sentence in bound.errors]
    return found


def _find(name: str) -> Pipeline:
    spec = pipelines.find(name)
    if spec is None:
        raise Http404(f"There is no pipeline {name!r}.")
    return spec


def _origin(request: PersonRequest, spec: Pipeline) -> Job | None:
    """Return the job that `?again=` names, whose parameters and files the form starts from."""
    again = request.GET.get("again", "")
    if not again:
        return None
    if not (again.isascii() and again.isdigit() and len(again) < 19):
        raise Http404("no such job")
    return get_object_or_404(Job.objects.for_user(request.user), pk=int(again), pipeline=spec.name)
