"""How a form's fields are asked for: days and times by the browser's own controls, secrets shown to nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from core.pipelines import secrets

#: The browser's control for each of Django's own widgets, with the formats in which such a control sends its value:
#: the first one is how it is filled in, unless there are seconds.
_CONTROLS: dict[type[forms.Widget], tuple[str, str, str]] = {
    forms.DateInput: ("date", "%Y-%m-%d", "%Y-%m-%d"),
    forms.TimeInput: ("time", "%H:%M", "%H:%M:%S"),
    forms.DateTimeInput: ("datetime-local", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"),
}


def prepare(form: forms.Form) -> None:
    """Give a new form's fields their controls; a widget that its author has chosen stays as it is."""
    for name, field in form.fields.items():
        if secrets.is_secret(field):
            form.initial.pop(name, None)
            _hide(field)
        elif type(field.widget) in _CONTROLS:
            _ask_by_control(field, form.get_initial_for_field(field, name))
        elif isinstance(field, forms.FileField) and takes_many(field) and type(field).clean is forms.FileField.clean:
            # Django's own field cleans one file, whatever its widget takes.
            field.clean = partial(clean_each, field)  # type: ignore[method-assign]


def as_initial(form: type[forms.Form], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored parameters as what a form starts from: a moment is one again, to be shown in the person's zone."""
    fields = form.base_fields
    return {
        name: _moment(value) if isinstance(fields.get(name), forms.DateTimeField) else value
        for name, value in params.items()
    }


def takes_many(field: forms.Field) -> bool:
    """Whether a file field takes several files."""
    return bool(getattr(field.widget, "allow_multiple_selected", False))


def clean_each(field: forms.FileField, data: Any, initial: Any = None) -> list[Any]:
    """Return the files of a field that takes several, each cleaned as the one of a field that takes one."""
    files = data if isinstance(data, (list, tuple)) else [data]
    cleaned = [type(field).clean(field, file, initial) for file in files or [None]]
    return [file for file in cleaned if file]


def _hide(field: forms.Field) -> None:
    """Let a field's control stay empty, whatever was sent or stored."""
    widget = field.widget
    if type(widget) is forms.TextInput:
        field.widget = forms.PasswordInput(attrs=widget.attrs)
        field.widget.is_required = widget.is_required
    elif isinstance(widget, forms.PasswordInput):
        widget.render_value = False
    else:
        widget.format_value = lambda value: ""  # noqa: ARG005 - as Django calls it
    field.widget.attrs["autocomplete"] = "new-password"


def _ask_by_control(field: forms.Field, initial: Any) -> None:
    widget = field.widget
    if not isinstance(widget, (forms.DateTimeInput, forms.DateInput, forms.TimeInput)) or widget.input_type != "text":
        return
    kind, to_minutes, to_seconds = _CONTROLS[type(widget)]
    has_seconds = isinstance(initial, (dt.datetime, dt.time)) and initial.second != 0
    widget.input_type = kind
    widget.format = to_seconds if has_seconds else to_minutes
    if has_seconds:
        widget.attrs["step"] = "1"
    # What such a control sends is read, whatever formats the field's author has thought of.
    formats = getattr(field, "input_formats", ())
    field.input_formats = [to_minutes, to_seconds, *formats]  # type: ignore[attr-defined]


def _moment(value: Any) -> Any:
    try:
        return (parse_datetime(value) if isinstance(value, str) else None) or value
    except ValueError:
        return value
