"""The form of a regular report: a dataset that shows what is expected, and an address with the fresh data."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from actors.table_forms.fields import ColumnChoiceField
from actors.table_forms.selection_form import PresetChoiceField, SelectionForm
from core import pipelines
from core.mails.orders import is_address
from core.models import Dataset

EXPECTED = (
    ("same", "The same columns, of the same types"),
    ("present", "At least the same columns"),
    ("any", "Whatever comes"),
)
MOST_RECIPIENTS = 50


class RecipientsField(forms.CharField):
    """Mail addresses, one a line or with commas between them."""

    #: What programs send: also a list.
    json_schema: ClassVar = {"type": ["string", "array"], "items": {"type": "string"}}

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else super().to_python(value) or ""
        return list(dict.fromkeys(part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > MOST_RECIPIENTS:
            raise ValidationError(f"{len(value)} addresses are more than the {MOST_RECIPIENTS} that a report goes to.")
        for address in value:
            if not is_address(address):
                raise ValidationError(f"“{address[:254]}” is not a mail address.", code="address")

    def run_validators(self, value: Any) -> None:
        """The addresses have been looked at one by one."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))


class ReportForm(SelectionForm):
    """See docs/reports.md for what each option does."""

    fieldsets: ClassVar = (
        ("Check", ("expected", "least_rows", "most_rejected_percent")),
        ("Rows and groups", ("filters", "sort", "row_limit", "group_by")),
        ("Mail", ("recipients", "only_changed", "message")),
    )

    url = forms.CharField(
        label="Address of the data",
        max_length=2000,
        help_text="A CSV or text table, fetched each time: https://…",
    )
    title = forms.CharField(label="Title", required=False, max_length=150, help_text="Empty: the dataset's name.")
    expected = PresetChoiceField(
        label="Columns", choices=EXPECTED, initial="same", help_text="As the dataset above has them, in any order."
    )
    least_rows = forms.IntegerField(
        label="At least this many rows", required=False, min_value=0, initial=1, max_value=10**12
    )
    most_rejected_percent = forms.FloatField(
        label="Rejected rows, at most (percent)",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Empty: any number. Rows are read by the rules of the dataset above.",
    )
    group_by = ColumnChoiceField(
        label="Group by", nothing="No groups", help_text="Each value of this column gets a heading and totals."
    )
    recipients = RecipientsField(
        label="Mail it to", help_text=f"One address a line, up to {MOST_RECIPIENTS}. Each gets a mail of their own."
    )
    only_changed = forms.BooleanField(
        label="Only when the data has changed",
        required=False,
        help_text="Otherwise who has the data already gets it again.",
    )
    message = forms.CharField(
        label="A few words", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset"].label = "A dataset like it"
        self.order_fields(["dataset", "url", "title"])
        if not self.is_bound and self.chosen_dataset is not None and not self.initial.get("url"):
            self.initial["url"] = _address_of(self.chosen_dataset)

    def clean_url(self) -> str:
        """Check the address as fetching would, so that it is refused here and not next Monday."""
        url: str = self.cleaned_data["url"].strip()
        fetching = pipelines.find("url_import")
        if fetching is None:
            raise ValidationError("This site does not fetch data. Ask an operator.")
        if len(url.splitlines()) > 1:
            raise ValidationError("Give one address: a report is made of one table.")
        errors = fetching.form(data={"urls": url}).errors.get("urls")
        if errors:
            raise ValidationError(list(errors))
        return url

    def job_label(self) -> str:
        title = self.cleaned_data["title"] or self.cleaned_data["dataset"].name
        return f"{title} from {urlsplit(self.cleaned_data['url']).hostname}"[:255]


def _address_of(dataset: Dataset) -> str:
    """Return the address that the dataset was fetched from; empty for one that was not."""
    source = dataset.sources.order_by("-fetched_at").first()
    if source is not None:
        return source.url
    # When fresh data has come from there, the source is that of the newer dataset; the job that made this one knows it.
    item = dataset.job.params.get("item") if dataset.job.parent_id else None
    return str(item.get("url") or "") if isinstance(item, dict) else ""
