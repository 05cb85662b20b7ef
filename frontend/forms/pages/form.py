"""A pipeline's Django form as its page shows it: groups of fields, each with help, errors and its control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from core.files.uploads import StoredUpload
from core.forms import STORED_SUFFIX, DatasetField, Entry
from core.forms.inputs import takes_many
from core.pipelines import secrets


@dataclass(frozen=True)
class FormField:
    """One field with what stands around its control."""

    bound: BoundField
    #: Each file that need not be uploaded again, with its token.
    stored_files: Sequence[tuple[StoredUpload, str]] = ()
    #: Whether it is a secret that stays as it is unless another one is typed.
    keeps_secret: bool = False
    #: Whether a change of it shows the form again.
    refreshes: bool = False
    #: Whether its file can't be replaced.
    is_fixed: bool = False

    @property
    def kind(self) -> str:
        """The name of its control in the templates."""
        widget = self.bound.field.widget
        if isinstance(self.bound.field, forms.FileField):
            return "file"
        if getattr(widget, "is_compound", False):
            return "compound"
        if isinstance(widget, forms.CheckboxInput):
            return "checkbox"
        if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
            return "choices"
        if isinstance(widget, forms.Select):
            return "select"
        return "text"

    @property
    def is_checked_alone(self) -> bool:
        """Whether it is checked when the person leaves it: not if it refreshes the form, nor a half-filled row."""
        return not self.refreshes and self.kind not in ("file", "compound")

    @property
    def refresh_text(self) -> str:
        """The label of the button that shows the form again without a script."""
        return "Show its columns" if isinstance(self.bound.field, DatasetField) else "Show what it offers"

    @property
    def token_name(self) -> str:
        return self.bound.html_name + STORED_SUFFIX

    @property
    def is_secret(self) -> bool:
        return secrets.is_secret(self.bound.field)

    @property
    def takes_many(self) -> bool:
        """Whether it takes several files."""
        return takes_many(self.bound.field)

    @property
    def stored_names(self) -> str:
        return ", ".join(file.name for file, _ in self.stored_files)

    @property
    def stored_bytes(self) -> int:
        return sum(file.size for file, _ in self.stored_files)

    @property
    def accept(self) -> str:
        return str(getattr(self.bound.field, "accept", ""))

    @property
    def accepted_endings(self) -> list[str]:
        return [ending.strip() for ending in self.accept.split(",") if ending.strip()]

    @property
    def errors_id(self) -> str:
        return f"{self.bound.id_for_label or self.bound.auto_id}_error"

    @property
    def help_id(self) -> str:
        return f"{self.bound.auto_id}_helptext" if self.bound.help_text else ""

    @property
    def described_by(self) -> str:
        return " ".join(part for part in (self.help_id, self.errors_id) if part)

    def control(self) -> str:
        """Return the control, tied to its help and to the place of its errors."""
        attrs: dict[str, str | bool] = {"aria-describedby": self.described_by}
        if self.bound.errors:
            attrs["aria-invalid"] = "true"
        if self.kind == "text" and not self.is_secret:
            attrs["autocomplete"] = "off"
        if isinstance(self.bound.field.widget, forms.Textarea):
            attrs["spellcheck"] = "false"
            rows = str(self.bound.field.widget.attrs.get("rows", ""))
            # 10 is Django's default, not the form's choice.
            attrs["rows"] = "5" if rows in ("", "10") else rows
        if isinstance(self.bound.field, forms.JSONField) and self.bound.value() == "null":
            return self._empty_control(attrs)
        return str(self.bound.as_widget(attrs=attrs))

    def _empty_control(self, attrs: dict[str, str | bool]) -> str:
        """Return the control with no content: Django writes an absent JSON value as `null`."""
        widget = self.bound.field.widget
        whole = self.bound.build_widget_attrs({**attrs, "id": self.bound.auto_id}, widget)
        return str(widget.render(self.bound.html_name, "", attrs=whole))


@dataclass(frozen=True)
class Group:
    """Fields under one title; the first group has none. A group may be folded."""

    title: str
    fields: list[FormField]
    is_folding: bool

    @property
    def is_open(self) -> bool:
        """A folded group opens by itself when it holds an error or something that was filled in."""
        return any(field.bound.errors or _is_filled(field.bound) for field in self.fields)


def groups_of(entry: Entry, *, keeps_files: bool = False) -> list[Group]:
    """Return the form's visible fields in groups: those that no fieldset names come first.

    With `keeps_files` a file is shown by its name only; a field without one is left out.
    """
    fields = {field.bound.name: field for field in _fields(entry, keeps_files=keeps_files)}
    fieldsets = getattr(entry.form, "fieldsets", ())
    named = {name for _, names in fieldsets for name in names}
    groups = [Group("", [field for name, field in fields.items() if name not in named], is_folding=False)]
    for title, names in fieldsets:
        members = [fields[name] for name in names if name in fields]
        is_needed = any(field.bound.field.required for field in members)
        groups.append(Group(str(title), members, is_folding=not is_needed))
    return [group for group in groups if group.fields]


def field_of(entry: Entry, name: str) -> FormField | None:
    """Return one of the form's fields as its page shows it."""
    return next((field for field in _fields(entry) if field.bound.name == name), None)


def regions_of(groups: list[Group]) -> str:
    """Return the selectors of the regions that a refresh swaps: never a whole group, which may be unfolded."""
    return ",".join(["#form-errors", *(f"#group-{number}-fields" for number in range(1, len(groups) + 1))])


def file_names(entry: Entry) -> list[str]:
    """Return the names of the form's file fields, as they are in the page."""
    return [field.bound.html_name for field in _fields(entry) if field.kind == "file"]


def _fields(entry: Entry, *, keeps_files: bool = False) -> Iterator[FormField]:
    refresh_on = getattr(entry.form, "refresh_on", ())
    for bound in entry.form.visible_fields():
        files = entry.stored_tokens(bound.name)
        is_fixed = keeps_files and isinstance(bound.field, forms.FileField)
        if is_fixed and not files:
            continue
        yield FormField(
            bound,
            stored_files=files,
            keeps_secret=bound.name in entry.stored_secrets,
            refreshes=bound.name in refresh_on,
            is_fixed=is_fixed,
        )


def _is_filled(bound: BoundField) -> bool:
    if isinstance(bound.field, forms.FileField):
        return False
    if bound.form.is_bound:
        return bound.field.has_changed(_default(bound.field), bound.data)
    value = bound.value()
    if value in (None, "", [], False):
        return False
    return str(value) != str(_default(bound.field))


def _default(field: forms.Field) -> Any:
    """Return the field's value when nobody touches it; for a choice without a blank one it is the first."""
    if field.initial is not None:
        return field.initial() if callable(field.initial) else field.initial
    if isinstance(field, forms.ChoiceField) and isinstance(field.widget, forms.Select):
        return next((key for key, _ in field.widget.choices), None)
    return None
