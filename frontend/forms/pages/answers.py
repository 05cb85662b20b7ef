"""The page of a form as an answer: whole, or to htmx the form alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import retarget

from core.conf import conf
from core.errors import Refused
from core.forms import Entry
from frontend.forms.pages import form as form_pages
from frontend.forms.pages import priorities
from frontend.forms.pages.repeats import Repeat
from frontend.site.answers import Done, answer_form
from frontend.site.security import PersonRequest

#: The names of the form's own fields; a pipeline's fields can't be called so.
KEY_FIELD = "idempotency-key"


@dataclass(frozen=True)
class FormPage:
    """The page of a pipeline's form as it is filled in. With `keeps_files` its files can't be replaced."""

    request: PersonRequest
    entry: Entry
    template: str
    _: KW_ONLY
    #: What this page shows beside the form.
    context: Mapping[str, Any]
    #: Makes the part "Repeat this", which a submit that is accepted does not show.
    repeat: Callable[[], Repeat] | None = None
    #: Whether that part is saved as well, and so has to be valid.
    saves_repeat: bool = False
    keeps_files: bool = False

    def answer(self, save: Callable[[], Done], *, refuse: Callable[[Refused], HttpResponseBase]) -> HttpResponseBase:
        """Answer a submitted form: show it again for a refresh, save it, or show it with its errors.

        Files that came with an invalid form are stored, so that nobody uploads them twice.
        """
        if self.request.method != "POST":
            return self.show()
        if self.entry.is_refresh:
            self.entry.show_anew()
            return self.show()
        forms = (self.entry.form, self.part.form) if self.saves_repeat and self.part else (self.entry.form,)
        return answer_form(self.request, *forms, save=save, show=self._show_again, refuse=refuse)

    def show(self, status: int = 200, **context: Any) -> HttpResponse:
        """Show the page, to htmx the form alone."""
        whole = {**self._form_context(), **self.context, **context}
        region = "headway/_pipeline_form.html"
        if self.request.htmx and self.entry.is_refresh:
            # The button itself names the regions that it swaps.
            return render(self.request, region, whole)
        if self.request.htmx and self.request.method == "POST":
            return retarget(render(self.request, region, whole, status=status), "#pipeline-form")
        return render(self.request, self.template, whole, status=status)

    @cached_property
    def part(self) -> Repeat | None:
        """The part "Repeat this", if the page has one."""
        return self.repeat() if self.repeat else None

    def _show_again(self, status: int) -> HttpResponse:
        self.entry.keep_uploads()
        return self.show(status)

    def _form_context(self) -> dict[str, Any]:
        entry, repeat = self.entry, self.part
        groups = form_pages.groups_of(entry, keeps_files=self.keeps_files)
        return {
            "spec": entry.spec,
            "entry": entry,
            "form": entry.form,
            "groups": groups,
            "regions": form_pages.regions_of(groups),
            "errors": [*_error_summary(entry.form), *(_error_summary(repeat.form) if repeat else ())],
            "repeat": repeat,
            "file_names": form_pages.file_names(entry),
            "key_field": KEY_FIELD,
            "limit_bytes": conf.UPLOAD_LIMIT_BYTES,
            "origin": entry.origin,
            "is_refresh": entry.is_refresh,
            "priorities": priorities.CHOICES,
        }


def _error_summary(form: forms.Form) -> list[tuple[str, str, str]]:
    """Return (id of the control, label, sentence) of each error, in the order of the fields."""
    errors = [("", "", str(sentence)) for sentence in form.non_field_errors()]
    for bound in form.visible_fields():
        errors += [(bound.id_for_label, str(bound.label), str(sentence)) for sentence in bound.errors]
    for bound in form.hidden_fields():
        errors += [("", str(bound.label), str(sentence)) for sentence in bound.errors]
    return errors
