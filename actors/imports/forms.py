"""The options of every import's form. None is required: what is not set is detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from actors.reading.encoding import ENCODINGS
from actors.reading.types import TYPES
from core.conf import conf
from core.forms import PipelineForm

from .rules_field import RulesField

_DETECT = ("", "Detect")


class WordsField(forms.CharField):
    """Several words, one a line or with commas between them."""

    #: What programs send: also a list.
    json_schema: ClassVar = {"type": ["string", "array"], "items": {"type": "string"}}

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 2}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else super().to_python(value) or ""
        parts = text.splitlines() if "\n" in text.strip() else text.split(",")
        return list(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))


class ImportForm(PipelineForm):
    """What is done with a file, wherever it comes from. See docs/csv.md for what each option does."""

    name = forms.CharField(
        label="Name of the dataset", required=False, max_length=200, help_text="Empty: the file's name."
    )
    encoding = forms.ChoiceField(label="Encoding", required=False, choices=[_DETECT, *ENCODINGS])
    delimiter = forms.ChoiceField(
        label="Delimiter",
        required=False,
        choices=[
            _DETECT,
            (",", "Comma ,"),
            (";", "Semicolon ;"),
            ("tab", "Tab"),
            ("|", "Bar |"),
            ("space", "Space"),
            (":", "Colon :"),
            ("none", "None: one column"),
            ("other", "Another"),
        ],
    )
    other_delimiter = forms.CharField(
        label="Other delimiter",
        required=False,
        max_length=4,
        strip=False,
        help_text="One to four characters, such as # or ||. Filled in, it is the delimiter.",
    )
    quote = forms.ChoiceField(
        label="Quote",
        required=False,
        choices=[_DETECT, ('"', 'Double quote "'), ("'", "Single quote '"), ("none", "None")],
    )
    escape = forms.ChoiceField(
        label="A quote or delimiter inside a value",
        required=False,
        choices=[
            _DETECT,
            ("double", 'The quote is doubled: ""'),
            ("backslash", 'A backslash stands before it: \\" or \\,'),
        ],
        help_text="A backslash counts without quotes too.",
    )
    comment = forms.ChoiceField(
        label="Comments",
        required=False,
        choices=[_DETECT, ("#", "Lines that begin with #"), ("none", "None: such lines are rows")],
    )
    line_end = forms.ChoiceField(
        label="Line ends",
        required=False,
        choices=[_DETECT, ("\n", "Unix or Windows"), ("\r", "Old Mac"), ("any", "Mixed")],
    )
    header = forms.ChoiceField(
        label="Header",
        required=False,
        choices=[
            _DETECT,
            ("yes", "There is one"),
            ("no", "There is none"),
            ("1", "One line"),
            ("2", "Two lines"),
            ("3", "Three lines"),
        ],
    )
    preamble_lines = forms.IntegerField(
        label="Lines before the table", required=False, min_value=0, max_value=10_000, help_text="Empty: detect."
    )
    decimal_mark = forms.ChoiceField(
        label="Decimal mark", required=False, choices=[_DETECT, (".", "Point 1.5"), (",", "Comma 1,5")]
    )
    date_order = forms.ChoiceField(
        label="Dates",
        required=False,
        choices=[_DETECT, ("ymd", "Year, month, day"), ("dmy", "Day, month, year"), ("mdy", "Month, day, year")],
        help_text="Dates that could be either stay text until you say which.",
    )
    null_words = WordsField(
        label="Words for an empty value", required=False, help_text="Such as NA or unknown: one a line."
    )
    rules = RulesField(label="Rules", required=False)
    keys = WordsField(
        label="Key columns",
        required=False,
        help_text="Of rows with the same values in these columns only the first is kept.",
    )
    ragged = forms.ChoiceField(
        label="Rows with too few values",
        required=False,
        choices=[("pad", "Fill up with empty values"), ("reject", "Reject")],
        help_text="A row with less than half of the values is always rejected.",
    )
    quotes = forms.ChoiceField(
        label="Damaged quotes",
        required=False,
        choices=[("repair", "Repair or reject the row"), ("strict", "Fail the import")],
    )
    max_rejected = forms.IntegerField(
        label="Fail over this many rejected rows", required=False, min_value=0, help_text="Empty: no limit."
    )
    max_rejected_percent = forms.FloatField(
        label="Fail over this percentage of rejected rows",
        required=False,
        min_value=0,
        max_value=100,
    )
    keep_formulas = forms.BooleanField(
        label="Keep formulas in the cleaned CSV",
        required=False,
        help_text="Otherwise text that a spreadsheet would run gets an apostrophe before it.",
    )

    fieldsets = (
        (
            "Format",
            (
                "encoding",
                "delimiter",
                "other_delimiter",
                "quote",
                "escape",
                "comment",
                "line_end",
                "header",
                "preamble_lines",
                "decimal_mark",
                "date_order",
                "null_words",
            ),
        ),
        ("Rules and duplicates", ("rules", "keys")),
        (
            "Rows that do not fit",
            ("ragged", "quotes", "max_rejected", "max_rejected_percent", "keep_formulas"),
        ),
    )

    can_declare: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = f"{conf.IMPORT_MAX_REJECTED_PERCENT:g}"
        field = self.fields["max_rejected_percent"]
        field.help_text = f"Empty: {most} %. With 100 it never fails by this."
        field.widget.attrs["placeholder"] = most

    @classmethod
    def declared(cls, params: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
        """Return the rules among these parameters with one more for each column's type."""
        rules = [dict(rule) for rule in params.get("rules") or [] if isinstance(rule, dict)]
        for column, type in types.items():
            if type not in TYPES:
                continue
            name = column.strip().lower()
            rule = next((rule for rule in rules if str(rule.get("column", "")).strip().lower() == name), None)
            if rule is None:
                rules.append({"column": column, "type": type})
            else:
                rule["type"] = type
        return {"rules": rules}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        other = values.get("other_delimiter") or ""
        if values.get("delimiter") == "other" and not other:
            self.add_error("other_delimiter", "Give the delimiter.")
        if other:
            # Also with a choice beside it: nobody types one that is not meant.
            values["delimiter"] = "other"
            self._check_other(other, quote=values.get("quote") or "", comment=values.get("comment") or "")
        return values

    def _check_other(self, other: str, *, quote: str, comment: str) -> None:
        if any(mark in '"\r\n\\' for mark in other):
            self.add_error("other_delimiter", "A quote, a backslash or a line end cannot be a delimiter.")
        elif quote and quote in other:
            self.add_error("other_delimiter", f"{quote} is the quote; it cannot be the delimiter as well.")
        elif comment == other:
            self.add_error("other_delimiter", f"{comment} begins comments; it cannot be the delimiter as well.")
