"""The form of an import. Only the file is required: what is not set is detected."""

from __future__ import annotations

from django import forms

from actors.imports.forms import ImportForm
from core.forms import UploadField


class CsvImportForm(ImportForm):
    """See docs/csv.md for what each option does."""

    file = UploadField(
        label="File",
        accept=".csv,.tsv,.txt,.tab,.psv,.dat,.gz,.zip,.bz2,.xz,.tar,.tgz",
        help_text="A CSV or text table of any size; gzip, zip, bzip2, xz and tar are unpacked.",
    )
    import_again = forms.BooleanField(
        label="Import again anyway",
        required=False,
        help_text="Otherwise the same file with the same options leads to the dataset that exists.",
    )

    field_order = ("file", "name", "import_again")
