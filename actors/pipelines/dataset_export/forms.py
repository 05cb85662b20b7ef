"""The form of an export."""

from __future__ import annotations

from typing import Any

from django import forms

from core.errors import PermanentError
from core.forms import DatasetField, PipelineForm

from .writers import need_fit

FORMATS = (("csv", "CSV"), ("xlsx", "Excel (XLSX)"), ("parquet", "Parquet"), ("jsonl", "JSON Lines"))


class DatasetExportForm(PipelineForm):
    """A dataset, a format, and what the format leaves open."""

    dataset = DatasetField(label="Dataset")
    format = forms.ChoiceField(label="Format", choices=FORMATS, initial="csv")
    delimiter = forms.ChoiceField(
        label="Delimiter",
        required=False,
        choices=[
            ("comma", "Comma ,"),
            ("semicolon", "Semicolon ; (Excel in much of Europe)"),
            ("tab", "Tab"),
            ("bar", "Bar |"),
        ],
        help_text="For CSV.",
    )
    bom = forms.BooleanField(
        label="Begin with a byte order mark", required=False, help_text="For CSV that Excel opens by a double click."
    )
    split_sheets = forms.BooleanField(
        label="Split over several sheets",
        required=False,
        help_text="For Excel: a sheet holds 1,048,575 rows below its header.",
    )
    keep_formulas = forms.BooleanField(
        label="Keep formulas as they are",
        required=False,
        help_text="Otherwise text in CSV and Excel that a spreadsheet would run gets an apostrophe before it.",
    )

    fieldsets = (("CSV", ("delimiter", "bom")), ("Spreadsheets", ("split_sheets", "keep_formulas")))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        dataset = values.get("dataset")
        if dataset is not None and values.get("format"):
            try:
                need_fit(
                    values["format"],
                    rows=dataset.rows,
                    width=dataset.column_count,
                    split_sheets=values.get("split_sheets", False),
                )
            except PermanentError as error:
                self.add_error("format", str(error))
        return values

    def job_label(self) -> str:
        dataset = self.cleaned_data["dataset"]
        return f"{dataset.name} as {dict(FORMATS)[self.cleaned_data['format']]}"
