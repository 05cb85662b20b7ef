"""The page of a form as an answer: whole, or to htmx the form alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import retarget

from core.forms import Entry
from frontend.forms.pages import form as form_pages
from frontend.forms.pages import priorities
from frontend.forms.pages.repeats import Repeat
from frontend.site.security import PersonRequest

#: The names of the form's own fields; a pipeline's fields can't be called so.
KEY_FIELD = "idempotency-key"


def answer_with_form(
    request: PersonRequest,
    entry: Entry,
    template: str,
    *,
    context: Mapping[str, Any],
    repeat: Repeat | None = None,
    keeps_files: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Show the form as it is filled in. With `keeps_files` the files that it has can't be replaced."""
    groups = form_pages.groups_of(entry, keeps_files=keeps_files)
    whole: dict[str, Any] = {
        "spec": entry.spec,
        "entry": entry,
        "form": entry.form,
        "groups": groups,
        "regions": form_pages.regions_of(groups),
        "errors": [*_error_summary(entry.form), *(_error_summary(repeat.form) if repeat else ())],
        "repeat": repeat,
        "file_names": form_pages.file_names(entry),
        "key_field": KEY_FIELD,
        "limit_bytes": settings.UPLOAD_LIMIT_BYTES,
        "origin": entry.origin,
        "is_refresh": entry.is_refresh,
        "priorities": priorities.CHOICES,
        **context,
    }
    if request.htmx and entry.is_refresh:
        # The button says which regions it swaps.
        return render(request, "headway/_pipeline_form.html", whole)
    if request.htmx and request.method == "POST":
        return retarget(render(request, "headway/_pipeline_form.html", whole, status=status), "#pipeline-form")
    return render(request, template, whole, status=status)


def _error_summary(form: forms.Form) -> list[tuple[str, str, str]]:
    """Return (id of the control, label, sentence) of each error, in the order of the fields."""
    found = [("", "", str(sentence)) for sentence in form.non_field_errors()]
    for bound in form.visible_fields():
        found += [(bound.id_for_label, str(bound.label), str(sentence)) for sentence in bound.errors]
    for bound in form.hidden_fields():
        found += [("", str(bound.label), str(sentence)) for sentence in bound.errors]
    return found
