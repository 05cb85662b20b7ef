"""The form of an import from the web. Everything but the addresses may stay as it is."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from actors.fetching.addresses import Address, read_address
from actors.fetching.errors import Unfetchable
from actors.fetching.policy import Policy
from actors.imports.forms import ImportForm

MOST_ADDRESSES = 100
#: Complaints about single addresses that are shown at once.
_LISTED_COMPLAINTS = 5


class AddressesField(forms.CharField):
    """Addresses (URLs), one a line; cleans to a list of them, each once and in one spelling."""

    #: What programs send: also a list.
    json_schema: ClassVar = {"type": ["string", "array"], "items": {"type": "string"}}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else super().to_python(value) or ""
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

    def clean(self, value: Any) -> list[str]:
        lines = self.to_python(value)
        self.validate(lines)
        if len(lines) > MOST_ADDRESSES:
            raise ValidationError(f"{len(lines):,} addresses are more than the {MOST_ADDRESSES} of one job.")
        policy = Policy.from_settings()
        addresses: list[str] = []
        complaints: list[str] = []
        for line in lines:
            try:
                addresses.append(str(read_address(line, policy)))
            except Unfetchable as error:
                complaints.append(str(error))
        if len(complaints) > _LISTED_COMPLAINTS:
            complaints[_LISTED_COMPLAINTS:] = [
                f"And {len(complaints) - _LISTED_COMPLAINTS} more addresses are refused."
            ]
        if complaints:
            raise ValidationError([ValidationError(complaint, code="address") for complaint in complaints])
        return list(dict.fromkeys(addresses))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))


class UrlImportForm(ImportForm):
    """See docs/fetching.md for how addresses are fetched, docs/csv.md for what the options do."""

    urls = AddressesField(
        label="Addresses",
        help_text=f"Where the tables are: https://… One a line, up to {MOST_ADDRESSES}; packed ones are unpacked.",
    )
    import_again = forms.BooleanField(
        label="Fetch again even if unchanged",
        required=False,
        help_text="Otherwise data that is the same as the last time leads to the dataset that exists.",
    )
    go_on = forms.BooleanField(
        label="Succeed without those that fail",
        required=False,
        help_text="Otherwise the job fails when one of several does; the others are imported all the same.",
    )

    field_order = ("urls", "name", "import_again", "go_on")

    def job_label(self) -> str:
        urls: list[str] = self.cleaned_data["urls"]
        first = _label_of(read_address(urls[0], Policy.from_settings()))
        return first if len(urls) == 1 else f"{first[:200]} and {len(urls) - 1} more"


def _label_of(address: Address) -> str:
    return "".join(mark for mark in address.file_name if mark.isprintable())[:255] or address.host[:255]
