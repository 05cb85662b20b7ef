"""A template's fields, as `template.toml` lists them, and where their values come from."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from actors.typesetting.templates import Template
from core.errors import PermanentError

KINDS = ("text", "number", "money", "date")
#: Digits that Typst's own decimal numbers hold.
_DIGITS = 28
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})([ T].*)?\Z")


class UnreadableValue(ValueError):
    """Raised when a row's value does not suit its field. The message is a sentence for the person."""


@dataclass(frozen=True, kw_only=True)
class TemplateField:
    """One field of a template."""

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    default: str = ""

    def read(self, value: str | None, *, or_default: bool = True) -> str | None:
        """Return a row's value as the template gets it, None where there is none and no default stands in.

        Numbers and money are digits with a point, dates 2025-12-31. Raises UnreadableValue.
        """
        text = (value or "").strip() or (self.default if or_default else "")
        if not text:
            if self.required:
                raise UnreadableValue(f"{self.label} is empty.")
            return None
        if self.kind in ("number", "money"):
            return self._number(text)
        return self._date(text) if self.kind == "date" else text

    def _number(self, text: str) -> str:
        try:
            number = Decimal(text.replace("−", "-"))
        except InvalidOperation:
            raise UnreadableValue(f"{self.label} is no number: “{_short(text)}”. It has to be like 1234.56.") from None
        if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
            raise UnreadableValue(f"{self.label} is no number that can be set: “{_short(text)}”.")
        digits = format(number, "f")
        if sum(mark.isdigit() for mark in digits) > _DIGITS:
            digits = f"{float(number):.12g}"
        return digits

    def _date(self, text: str) -> str:
        match = _DAY.match(text)
        try:
            return datetime.date.fromisoformat(match[1] if match else text).isoformat()
        except ValueError:
            raise UnreadableValue(f"{self.label} is no date: “{_short(text)}”. It has to be like 2025-12-31.") from None


def fields_of(template: Template) -> list[TemplateField]:
    """Return the template's fields in their order; raise PermanentError for an invalid one."""
    listed = template.settings.get("fields") or {}
    if not isinstance(listed, dict) or not listed:
        raise PermanentError(f"The template {template.name!r} lists no [fields.…] in its template.toml.")
    return [_field(template.name, name, value) for name, value in listed.items()]


def _field(template: str, name: str, value: Any) -> TemplateField:
    subject = f"The template {template!r}: the field {name!r}"
    if not _NAME.match(name):
        raise PermanentError(f"{subject} may have small letters, digits and _ in its name only.")
    if not isinstance(value, dict):
        raise PermanentError(f"{subject} has to be a table, [fields.{name}].")
    kind = str(value.get("kind") or "text")
    if kind not in KINDS:
        raise PermanentError(f"{subject} is of the kind {kind!r}; there are {', '.join(KINDS)}.")
    default = value.get("default")
    made = TemplateField(
        name=name,
        label=str(value.get("label") or name.replace("_", " ").capitalize()),
        kind=kind,
        required=bool(value.get("required")),
        default="" if default is None else str(default),
    )
    try:
        if made.default:
            made.read(None)
    except UnreadableValue as error:
        raise PermanentError(f"{subject} has a default that does not suit it: {error}") from None
    return made


def check_mapping(
    mapping: Mapping[str, Mapping[str, str]], fields: Sequence[TemplateField], columns: Iterable[str]
) -> list[str]:
    """Return a sentence for each thing that is wrong with where the fields' values come from."""
    names = set(columns)
    by_name = {field.name: field for field in fields}
    problems = [
        f"The template has no field “{name}”; there are {', '.join(by_name)}."
        for name in mapping
        if name not in by_name
    ]
    for field in fields:
        source = mapping.get(field.name)
        if source and (column := source.get("column")):
            if names and column not in names:
                problems.append(f"{field.label}: there is no column “{column}” in this dataset.")
            continue
        text = field.default if source is None else str(source.get("text") or "").strip()
        if field.required and not text:
            problems.append(f"{field.label}: choose a column, or give a text that is the same for all.")
        elif text:
            try:
                field.read(text)
            except UnreadableValue as error:
                problems.append(str(error))
    return problems


def similar_columns(fields: Sequence[TemplateField], columns: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return for each field the column with the most similar name. No column goes to two fields."""
    chosen: dict[str, str] = {}
    folded = [(name, _folded(name)) for name, _ in columns]
    # Names that are the same first, so that "date" is not taken by "due date".
    for is_alike in (_is_same, _ends_alike):
        for field in fields:
            if field.name in chosen:
                continue
            wanted = {_folded(field.name), _folded(field.label)}
            for name, words in folded:
                if name not in chosen.values() and any(is_alike(words, each) for each in wanted):
                    chosen[field.name] = name
                    break
    return chosen


def _is_same(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return words == wanted


def _ends_alike(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    shorter, longer = sorted((words, wanted), key=len)
    return bool(shorter) and (longer[-len(shorter) :] == shorter or longer[: len(shorter)] == shorter)


def _folded(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return tuple(word for word in re.split(r"[\W_]+", plain) if word not in ("", "s", "the", "of"))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
