"""The form of a task, made of its signature: so a person can start it on a page, or have it repeated."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import types
import typing
from collections.abc import Callable
from typing import Any

from django import forms
from django.forms.utils import pretty_name

_ANYTHING = 'JSON, such as 12, [1, 2] or {"a": 1}; anything else is a text.'
_JSON = 'JSON, such as [1, 2] or {"a": 1}.'
#: Lines of the control for JSON, which grows at its corner.
_ROWS = 2


class _Anything(forms.JSONField):
    """A value of any kind: JSON, or else the text as it is."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError:
            return value


def _own(kind: type[forms.Field]) -> type[forms.Field]:
    # Fields of this module's own: what code enqueues need not be of the annotated kind, as Python holds nobody to it,
    # so `core.pipelines.fit` must not.
    return type(kind.__name__, (kind,), {"__module__": __name__})


_Text, _Json = _own(forms.CharField), _own(forms.JSONField)
_FIELDS: dict[Any, type[forms.Field]] = {
    int: _own(forms.IntegerField),
    float: _own(forms.FloatField),
    bool: _own(forms.BooleanField),
    str: _Text,
    dt.date: _own(forms.DateField),
    dt.datetime: _own(forms.DateTimeField),
    dt.time: _own(forms.TimeField),
}


def form_of(function: Callable[..., Any], signature: inspect.Signature) -> type[forms.Form]:
    """Return the form whose fields are the parameters; one with a default that is no JSON has no field."""
    try:
        kinds = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - a name that only type checkers know: the page asks for JSON
        kinds = {}
    fields = {
        name: _field(parameter, kinds.get(name, Any))
        for name, parameter in signature.parameters.items()
        if _is_json(parameter.default)
    }
    return type(f"{function.__name__}_form", (forms.Form,), {"__module__": function.__module__, **fields})


def _is_json(default: Any) -> bool:
    if default is inspect.Parameter.empty:
        return True
    try:
        json.dumps(default, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _field(parameter: inspect.Parameter, kind: Any) -> forms.Field:
    label = pretty_name(parameter.name)
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        initial: Any = [] if parameter.kind is parameter.VAR_POSITIONAL else {}
        return _Json(label=label, required=False, initial=initial, help_text=_JSON, widget=_area())
    kind, may_be_none = _without_none(kind)
    has_default = parameter.default is not parameter.empty
    options: dict[str, Any] = {"label": label, "initial": parameter.default if has_default else None}
    # A text that has a default may be empty.
    options["required"] = not (may_be_none or (has_default and (parameter.default is None or kind is str)))
    if kind is bool:
        options["required"] = False
    elif kind is str and may_be_none:
        options["empty_value"] = None
    elif kind not in _FIELDS:
        is_list = (typing.get_origin(kind) or kind) in (list, dict, tuple)
        field = _Json if is_list else _Anything
        return field(help_text=_JSON if is_list else _ANYTHING, widget=_area(), **options)
    return _FIELDS[kind](**options)


def _area() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": _ROWS})


def _without_none(kind: Any) -> tuple[Any, bool]:
    """Return what an annotation says beside None, and whether it allows that."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind, kind is type(None)
    others = [each for each in typing.get_args(kind) if each is not type(None)]
    may_be_none = len(others) < len(typing.get_args(kind))
    return (others[0] if len(others) == 1 else Any), may_be_none
