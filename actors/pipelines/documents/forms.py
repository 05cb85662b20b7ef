"""The form of documents: a dataset, a template, and which column fills which of the template's fields."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from actors.table_forms.fields import ColumnChoiceField
from actors.table_forms.selection_form import PresetChoiceField, SelectionForm
from actors.typesetting import logo, templates
from core.errors import PermanentError
from core.forms import UploadField

from .fields import TemplateField, fields_of
from .mapping import MappingField

DEFAULT_TEMPLATE = "invoice"
OUTPUTS = (("pdf", "One PDF, with an entry for each document"), ("zip", "A zip with one PDF for each document"))


def template_choices() -> list[tuple[str, str]]:
    """Return the name and the title of each template there is."""
    return [(name, template.title) for name, template in templates.find("documents").items()]


class DocumentsForm(SelectionForm):
    """See docs/documents.md for what each option does."""

    refresh_on: ClassVar[tuple[str, ...]] = ("dataset", "template")

    template = PresetChoiceField(label="Template", choices=template_choices, initial=DEFAULT_TEMPLATE, required=True)
    mapping = MappingField(label="What goes where")
    output = PresetChoiceField(label="Result", choices=OUTPUTS, initial="pdf")
    name_column = ColumnChoiceField(
        label="Named by",
        nothing="The first field of the template",
        help_text="Names the files of a zip, and the entries of a PDF's outline.",
    )
    logo = UploadField(
        label="Logo",
        required=False,
        accept=".png,.jpg,.jpeg",
        limit_bytes=logo.MOST_BYTES,
        help_text="Where the template has one.",
    )

    field_order = ("dataset", "template", "mapping")
    fieldsets = (
        ("Result", ("output", "name_column", "logo")),
        ("Rows", ("filters", "sort", "row_limit")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mapping = self.fields["mapping"]
        if isinstance(mapping, MappingField):
            mapping.ask(self._template_fields())

    def clean_template(self) -> str:
        name: str = self.cleaned_data["template"]
        try:
            fields_of(templates.get("documents", name))
        except PermanentError as error:
            raise forms.ValidationError(str(error), code="template") from error
        return name

    def job_label(self) -> str:
        title = templates.get("documents", self.cleaned_data["template"]).title
        return f"{title}: {self.cleaned_data['dataset']}"[:255]

    def _template_fields(self) -> list[TemplateField]:
        chosen = self.data.get(self.add_prefix("template")) if self.is_bound else self.initial.get("template")
        try:
            return fields_of(templates.get("documents", str(chosen or DEFAULT_TEMPLATE)))
        except PermanentError:
            # The field itself reports this when the form is sent.
            return []
