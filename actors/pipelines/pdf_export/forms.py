"""The form of a PDF: a dataset is enough; the rest has its good values."""

from __future__ import annotations

from typing import Any

from django import forms

from actors.table_forms.fields import ColumnChoiceField, ColumnNamesField
from actors.table_forms.selection_form import PresetChoiceField, SelectionForm
from actors.tables.selection import NUMERIC
from actors.typesetting import logo, templates
from core.forms import UploadField

from .widgets import ColumnsField

PAGE_SIZES = (("a4", "A4"), ("a3", "A3"), ("a5", "A5"), ("letter", "US Letter"), ("legal", "US Legal"))
ORIENTATIONS = (("auto", "As the table needs it"), ("portrait", "Portrait"), ("landscape", "Landscape"))
NUMBERS = (("en", "1,234.56"), ("de", "1.234,56"), ("fr", "1 234,56"), ("plain", "1234.56"))
DATES = (("iso", "2025-12-31"), ("dmy", "31/12/2025"), ("mdy", "12/31/2025"), ("long", "31 December 2025"))


def template_choices() -> list[tuple[str, str]]:
    """Return the name and the title of each template there is."""
    return [(name, template.title) for name, template in templates.find("pdf_export").items()]


class PdfExportForm(SelectionForm):
    """See docs/pdf.md for what each option does."""

    title = forms.CharField(label="Title", required=False, max_length=200, help_text="Empty: the dataset's name.")
    columns = ColumnsField(label="Columns", required=False)
    group_by = ColumnChoiceField(
        label="Group by", nothing="No groups", help_text="Each value of this column gets a heading and totals."
    )
    subtotals = ColumnNamesField(label="Totals", help_text="Columns to add up. None ticked: all with numbers.")
    charts = ColumnNamesField(label="Charts", help_text="Shows how the values of each ticked column are spread.")
    template = PresetChoiceField(label="Template", choices=template_choices, initial="report")
    page_size = PresetChoiceField(label="Page size", choices=PAGE_SIZES, initial="a4")
    orientation = PresetChoiceField(label="Orientation", choices=ORIENTATIONS, initial="auto")
    numbers = PresetChoiceField(label="Numbers", choices=NUMBERS, initial="en")
    dates = PresetChoiceField(label="Dates", choices=DATES, initial="iso")
    subtitle = forms.CharField(label="Subtitle", required=False, max_length=300)
    logo = UploadField(
        label="Logo",
        required=False,
        accept=".png,.jpg,.jpeg",
        limit_bytes=logo.MOST_BYTES,
        help_text="For the title page.",
    )

    fieldsets = (
        ("Columns", ("columns",)),
        ("Rows", ("filters", "sort", "row_limit")),
        ("Groups and charts", ("group_by", "subtotals", "charts")),
        ("Page", ("template", "page_size", "orientation", "numbers", "dates", "subtitle", "logo")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        subtotals = self.fields["subtotals"]
        if isinstance(subtotals, ColumnNamesField):
            subtotals.choices = [(name, name) for name, kind in self.dataset_columns if kind in NUMERIC]

    def clean_subtotals(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["subtotals"]
        types = dict(self.dataset_columns)
        for name in chosen:
            if types.get(name) not in NUMERIC:
                raise forms.ValidationError(f"{name} is {types.get(name)}: only numbers can be added up.", code="type")
        return chosen

    def job_label(self) -> str:
        return f"{self.cleaned_data['title'] or self.cleaned_data['dataset']} as PDF"[:255]
