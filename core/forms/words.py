"""A job's parameters as people write them: labels, names and dates, never ids and ISO texts; no secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model
from django.forms.utils import pretty_name
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from core.forms.fields import DatasetField
from core.models import Dataset
from core.pipelines import Pipeline, secrets

#: Objects of one field that are named; of more, how many they are.
MOST_OBJECTS = 100


def parameters_in_words(
    spec: Pipeline | None, params: Mapping[str, Any], *, viewer: AbstractBaseUser | AnonymousUser
) -> list[tuple[str, str]]:
    """Return (label, value) of each parameter, in the order and the words of the form; empty ones are left out.

    So are those that no field has and whose names begin with `_`: what code keeps beside what a person fills in.
    Moments are in the current time zone. Datasets are named that `viewer` may see.
    """
    fields: dict[str, forms.Field] = spec.form.base_fields if spec else {}
    names = [name for name in fields if name in params]
    names += [name for name in params if name not in fields and not name.startswith("_")]
    pairs = []
    for name in names:
        field = fields.get(name)
        if isinstance(field, forms.ModelChoiceField):
            text = _objects(field, params[name], viewer)
        else:
            text = in_words(params[name], field)
        if text:
            pairs.append((str(field.label if field is not None and field.label else pretty_name(name)), text))
    return pairs


def in_words(value: Any, field: forms.Field | None = None) -> str:
    """Return one value for people, as its field means it; empty for an empty one."""
    if value is None or value in ("", [], {}):
        return ""
    if secrets.is_sealed(value) or (field is not None and secrets.is_secret(field)):
        return secrets.HIDDEN
    if callable(own_words := getattr(field, "in_words", None)):
        # A field with values of its own kind says them itself.
        return str(own_words(value))
    if isinstance(value, bool):
        # What nobody ticked is no news, unless it was ticked to begin with.
        return "Yes" if value else "No" if field is not None and field.initial else ""
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        words = {str(key): str(text) for key, text in _flat(cast(Any, field).choices)}
        if isinstance(value, list):
            return ", ".join(words.get(str(entry), str(entry)) for entry in value)
        return words.get(str(value), str(value))
    if isinstance(value, str) and field is not None:
        return _time(value, field) or value
    if isinstance(value, list) and not any(isinstance(entry, (list, dict)) for entry in value):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {in_words(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return "\n".join(in_words(entry) for entry in value)
    return str(value)


def _time(text: str, field: forms.Field) -> str:
    """Return a day, a time, a moment or a duration for people; empty for what is none."""
    try:
        if isinstance(field, forms.DateTimeField) and (moment := parse_datetime(text)):
            local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
            return f"{local:%-d %b %Y %H:%M}{_seconds(local)}" + (f" {local:%Z}" if local.tzinfo else "")
        if isinstance(field, forms.DateField) and (day := parse_date(text)):
            return f"{day:%-d %b %Y}"
        if isinstance(field, forms.TimeField) and (time := parse_time(text)):
            return f"{time:%H:%M}{_seconds(time)}"
        if isinstance(field, forms.DurationField) and (duration := parse_duration(text)) is not None:
            return str(duration)
    except ValueError:
        pass
    return ""


def _seconds(time: dt.datetime | dt.time) -> str:
    return f"{time:%S}".join((":", "")) if time.second else ""


def _objects(field: forms.ModelChoiceField[Model], value: Any, viewer: AbstractBaseUser | AnonymousUser) -> str:
    """Return the names of the objects that were chosen; of one that is gone, its number."""
    keys = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if len(keys) > MOST_OBJECTS:
        return f"{len(keys):,} of them"
    model = Dataset if isinstance(field, DatasetField) else cast(Any, field.queryset).model
    try:
        objects = {str(key): each for key, each in model._base_manager.in_bulk(keys).items()}
    except (TypeError, ValueError):
        # Of another kind of key: the form took other objects once.
        objects = {}
    visible = {str(pk) for pk in _visible(model, objects, viewer)}
    names = []
    for key in map(str, keys):
        if key not in objects:
            names.append(f"{str(model._meta.verbose_name).capitalize()} #{key}, which is gone")
        elif key not in visible:
            names.append(f"#{key}")
        else:
            chosen = objects[key]
            names.append(f"{chosen} #{key}" if model is Dataset else str(field.label_from_instance(chosen)))
    return ", ".join(names)


def _visible(model: type[Model], objects: Collection[str], viewer: AbstractBaseUser | AnonymousUser) -> Iterable[Any]:
    """Return the keys of those objects that the viewer may see by name: who sees a job sees what it was given."""
    if model is Dataset and objects:
        return Dataset.objects.for_user(viewer).filter(pk__in=list(objects)).values_list("pk", flat=True)
    return objects


def _flat(choices: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    for key, text in choices:
        if isinstance(text, (list, tuple)):
            yield from _flat(text)
        else:
            yield key, text
