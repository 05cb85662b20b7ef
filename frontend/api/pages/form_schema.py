"""A pipeline's form as a JSON Schema (draft 2020-12), and whether values are of the kinds that it names.

Which choices there are and what belongs together is checked by the form itself, in its own sentences. What is checked
here is the kind alone: a form is written for what browsers send, and a list where it expects a text could break it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.db import models
from django.utils.html import strip_tags

from core.database.jsontext import dumps
from core.formatting import size
from core.forms import DatasetField
from core.forms.inputs import takes_many
from core.pipelines import secrets

DRAFT = "https://json-schema.org/draft/2020-12/schema"
#: The most choices that are listed; of more, a text is all that is said.
MOST_CHOICES = 2_000

#: Of the kinds of JSON values: what a sentence calls one.
_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

Schema = dict[str, Any]


def schema_of(form: forms.Form, *, title: str, description: str = "") -> Schema:
    """Return what the parameters of a job are, by the form that one person fills in."""
    schema: Schema = {"$schema": DRAFT, "title": title, "type": "object"}
    if description:
        schema["description"] = description
    schema["properties"] = {name: field_schema(form, name) for name in form.fields}
    schema["required"] = [name for name, field in form.fields.items() if field.required]
    schema["additionalProperties"] = False
    return schema


def field_schema(form: forms.Form, name: str) -> Schema:
    """Return one field as a schema."""
    field = form.fields[name]
    schema = _kind(field)
    if not field.required and isinstance(schema.get("type"), str):
        # What a job has stored for a field that was left out is null, and it may be sent again.
        schema["type"] = [schema["type"], "null"]
        for option in ("oneOf", "enum"):
            if option in schema:
                schema = {"anyOf": [{**schema, "type": schema["type"][0]}, {"type": "null"}]}
    described: Schema = {"title": str(field.label) if field.label else name.replace("_", " ").capitalize()}
    if help_text := " ".join(filter(None, (strip_tags(str(field.help_text)), *_limits_in_words(field)))):
        described["description"] = help_text
    if secrets.is_secret(field):
        described["writeOnly"] = True
    elif (default := _default(form, name)) is not None:
        described["default"] = default
    return {**described, **schema}


def misfits(fields: Mapping[str, forms.Field], params: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about values of another kind than their fields take, by field.

    A text is left to the form wherever one value is expected: forms read numbers and days from texts.
    """
    errors = {}
    for name, value in params.items():
        if name in fields and (sentence := _misfit(_kind(fields[name]), value)):
            errors[name] = [sentence]
    return errors


# -- kinds ------------------------------------------------------------------------------------------------


def _kind(field: forms.Field) -> Schema:
    """Return what values a field takes, without what is around it."""
    if own := getattr(field, "json_schema", None):
        # A field with values of its own kind says them itself.
        return dict(own() if callable(own) else own)
    for kind, schema in _KINDS:
        if isinstance(field, kind):
            return schema(field)
    return {}


def _file(field: Any) -> Schema:
    file: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    return {"type": "array", "items": file} if takes_many(field) else file


def _text(field: Any) -> Schema:
    schema: Schema = {"type": "string"}
    if field.max_length is not None:
        schema["maxLength"] = field.max_length
    if field.min_length is not None:
        schema["minLength"] = field.min_length
    elif field.required:
        schema["minLength"] = 1
    return schema


def _formatted(name: str) -> Callable[[Any], Schema]:
    return lambda field: {
        **(_text(field) if isinstance(field, forms.CharField) else {"type": "string"}),
        "format": name,
    }


def _pattern(field: Any) -> Schema:
    schema = _text(field)
    for validator in field.validators:
        # Python's own flags and groups are not everybody's.
        if isinstance(validator, RegexValidator) and not validator.inverse_match and validator.flags == 0:
            schema["pattern"] = re.compile(validator.regex).pattern.replace(r"\Z", "$").replace(r"\A", "^")
    return schema


def _number(kind: str) -> Callable[[Any], Schema]:
    def schema(field: Any) -> Schema:
        bounds = {"minimum": field.min_value, "maximum": field.max_value}
        return {"type": kind, **{name: _plain(value) for name, value in bounds.items() if _plain(value) is not None}}

    return schema


def _choice(field: Any) -> Schema:
    choices = list(_flat(field.choices))
    if len(choices) > MOST_CHOICES:
        return {"type": "string"}
    # One that stands for nothing chosen is no value of a field that needs one.
    listed = [(key, text) for key, text in choices if not (field.required and key in (None, ""))]
    values = [key if isinstance(key, (str, int)) and not isinstance(key, bool) else str(key) for key, _ in listed]
    kinds = {"integer" if isinstance(value, int) else "string" for value in values} or {"string"}
    schema: Schema = {"type": kinds.pop()} if len(kinds) == 1 else {}
    if values:
        schema["oneOf"] = [
            {"const": value, "title": str(text)} for value, (_, text) in zip(values, listed, strict=True)
        ]
    return schema


def _choices(field: Any) -> Schema:
    return {"type": "array", "items": _choice(field), **({"minItems": 1} if field.required else {})}


def _object(field: Any) -> Schema:
    key = field.queryset.model._meta.pk
    is_number = isinstance(key, (models.IntegerField, models.AutoField)) and not field.to_field_name
    schema: Schema = {"type": "integer" if is_number else "string"}
    if isinstance(field, DatasetField):
        schema["description"] = "The id of a dataset that you may open."
    return schema


def _objects(field: Any) -> Schema:
    return {"type": "array", "items": _object(field), **({"minItems": 1} if field.required else {})}


#: The first kind that a field is of counts.
_KINDS: tuple[tuple[type[forms.Field], Callable[[Any], Schema]], ...] = (
    (forms.FileField, _file),
    (forms.JSONField, lambda _: {}),
    (forms.ModelMultipleChoiceField, _objects),
    (forms.ModelChoiceField, _object),
    (forms.MultipleChoiceField, _choices),
    (forms.NullBooleanField, lambda _: {"type": ["boolean", "null"]}),
    (forms.BooleanField, lambda field: {"type": "boolean", **({"const": True} if field.required else {})}),
    (forms.ChoiceField, _choice),
    (forms.FloatField, _number("number")),
    (forms.DecimalField, lambda field: {**_number("number")(field), "type": ["number", "string"]}),
    (forms.IntegerField, _number("integer")),
    (forms.DateTimeField, _formatted("date-time")),
    (forms.DateField, _formatted("date")),
    (forms.TimeField, lambda _: {"type": "string"}),
    (forms.DurationField, lambda _: {"type": "string"}),
    (forms.EmailField, _formatted("email")),
    (forms.URLField, _formatted("uri")),
    (forms.UUIDField, _formatted("uuid")),
    (forms.RegexField, _pattern),
    (forms.SlugField, _pattern),
    (forms.CharField, _text),
)


def _flat(choices: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    for key, text in choices:
        if isinstance(text, (list, tuple)):
            yield from _flat(text)
        else:
            yield key, text


def _limits_in_words(field: forms.Field) -> list[str]:
    """Return what a schema can't say of a file."""
    if not isinstance(field, forms.FileField):
        return []
    accept, limit = getattr(field, "accept", ""), getattr(field, "limit_bytes", None)
    return [
        *([f"A file whose name ends in {accept}."] if accept else []),
        *([f"Up to {size(limit)}."] if limit else []),
    ]


def _default(form: forms.Form, name: str) -> Any:
    """Return what a field has when it is left out, as JSON; None when it has nothing."""
    initial = form.get_initial_for_field(form.fields[name], name)
    return None if isinstance(form.fields[name], forms.FileField) else _plain(initial)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; None for one that it can't have."""
    try:
        return None if value is None or callable(value) else json.loads(dumps(value))
    except (TypeError, ValueError):
        return None


# -- values -----------------------------------------------------------------------------------------------


def _misfit(schema: Schema, value: Any) -> str:
    kinds = schema.get("type")
    if kinds is None or value is None:
        return ""
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    kind = _kind_of(value)
    if kind == "string" and kinds != ["array"] and kinds != ["object"]:
        return ""
    is_whole = kind == "number" and "integer" in kinds and float(value).is_integer()
    if kind not in kinds and not (kind == "integer" and "number" in kinds) and not is_whole:
        words = [_WORDS[each] for each in kinds if each != "null"]
        return f"This takes {' or '.join(words)}, not {_WORDS[kind]}."
    if kind == "array":
        return next((f"In the list: {why}" for entry in value if (why := _misfit(schema.get("items", {}), entry))), "")
    return ""


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds: tuple[tuple[type, str], ...] = (
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
