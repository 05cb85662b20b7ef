"""Whether stored parameters still fit their pipeline: a deploy may have changed its form since they were typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.forms.utils import pretty_name
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from core.pipelines import checks, secrets

if TYPE_CHECKING:
    from core.pipelines.registry import Pipeline


#: What a person does about it.
ADVICE = "Edit the parameters, or run it again with changes, and fill that in."


def misfit(spec: Pipeline, params: Mapping[str, Any], *, advice: str = ADVICE) -> str:
    """Return a sentence that names the first parameter which the pipeline can't be called with; empty for none.

    Asked are the function's signature, and of the form's own fields what is required and of which kind it is. Which
    choices there are, and what belongs together, is the form's business at its submit.
    """
    call = _call_of(spec.run, spec.form)
    if call is None:
        return ""
    fields = call.fields
    for name in params:
        if name not in call.names and not call.takes_all:
            return f"{_label(name, fields)} is no field of the form any more: it has changed since. {advice}"
    for name in call.needed:
        if name not in params:
            return f"{_label(name, fields)} is a field of the form that was not there when this was filled in. {advice}"
    for name, value in params.items():
        if name in fields and not _is_of_kind(fields[name], value):
            label = _label(name, fields)
            return f"{label} has a value of another kind than the form takes now: it has changed since. {advice}"
    return ""


@dataclass(frozen=True)
class _Call:
    """What a pipeline is called with."""

    #: The parameters that it names, those it can't do without, and whether it takes any other.
    names: frozenset[str]
    needed: tuple[str, ...]
    takes_all: bool
    #: The form's fields of parameters.
    fields: Mapping[str, forms.Field]


@lru_cache(maxsize=1024)
def _call_of(run: Callable[..., Any], form: type[forms.Form]) -> _Call | None:
    """Return what a function of this form is called with; None when it has no signature. Asked at each attempt."""
    kinds = inspect.Parameter
    try:
        _, *others = inspect.signature(run).parameters.values()
    except (TypeError, ValueError):
        return None
    named = {each.name: each for each in others if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)}
    takes_all = any(each.kind is kinds.VAR_KEYWORD for each in others)
    fields = {} if checks.is_nobodys(form) else checks.parameter_fields(form)
    needed = [name for name, each in named.items() if each.default is kinds.empty]
    if takes_all and checks.has_fixed_fields(form):
        needed += [
            name for name, each in fields.items() if name not in named and each.required and not _has_default(each)
        ]
    return _Call(names=frozenset(named), needed=tuple(needed), takes_all=takes_all, fields=fields)


def _label(name: str, fields: Mapping[str, forms.Field]) -> str:
    field = fields.get(name)
    return str(field.label if field is not None and field.label else pretty_name(name))


def _has_default(field: forms.Field) -> bool:
    # A box that nobody ticked, and a list of which nobody chose, are values as well.
    return field.initial is not None or isinstance(field, (forms.BooleanField, forms.MultipleChoiceField))


def _is_of_kind(field: forms.Field, value: Any) -> bool:
    """Whether a stored value is of the kind that the field's cleaned values are; those of other code's fields are."""
    if value in field.empty_values or secrets.is_sealed(value):
        return True
    if not type(field).__module__.startswith("django.forms") or isinstance(field, forms.ModelChoiceField):
        return True
    fits = next((fits for kind, fits in _KINDS if isinstance(field, kind)), None)
    return fits is None or fits(value)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (list, dict))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _is_decimal(value: Any) -> bool:
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


def _is_text_of(parse: Callable[[str], object]) -> Callable[[Any], bool]:
    """Return what says whether a value is a text that this function reads: None, or a ValueError, is none."""

    def fits(value: Any) -> bool:
        try:
            return isinstance(value, str) and parse(value) is not None
        except ValueError:
            return False

    return fits


#: What JSON keeps of the values of Django's fields; the first kind that a field is of counts.
_KINDS: tuple[tuple[type[forms.Field], Callable[[Any], bool]], ...] = (
    (forms.JSONField, lambda _: True),
    (forms.DecimalField, _is_decimal),
    (forms.FloatField, _is_number),
    (forms.IntegerField, lambda value: isinstance(value, int)),
    (forms.DateField, _is_text_of(parse_date)),
    (forms.DateTimeField, _is_text_of(parse_datetime)),
    (forms.TimeField, _is_text_of(parse_time)),
    (forms.DurationField, _is_text_of(parse_duration)),
    (forms.UUIDField, _is_text_of(UUID)),
    (forms.TypedMultipleChoiceField, lambda _: True),
    (forms.MultipleChoiceField, lambda value: isinstance(value, list)),
    (forms.TypedChoiceField, lambda _: True),
    (forms.ChoiceField, _is_plain),
    (forms.BooleanField, _is_plain),
    (forms.CharField, _is_plain),
)
