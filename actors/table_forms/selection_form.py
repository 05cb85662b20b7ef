"""A form on a dataset: which one, which of its rows, and in which order."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django import forms

from core.forms import DatasetField, PipelineForm
from core.models import Dataset

from .fields import ColumnsAware, FiltersField, SortField

FILTERS_HELP = (
    "A row stays when it fits all of them. Text is compared as it is written; “contains” and “starts with” take "
    "capitals and small letters as the same. Values of “is one of” have commas between them."
)
#: More than any dataset has, and a number that the engine takes.
MOST_ROWS = 10**12


class PresetChoiceField(forms.ChoiceField):
    """A choice that holds its initial value when nothing is said, so that a group of them may stay folded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def clean(self, value: Any) -> Any:
        return super().clean(value or self.initial)


class SelectionForm(PipelineForm):
    """Fields whose choices are the dataset's columns get them as soon as a dataset is chosen."""

    refresh_on: ClassVar[tuple[str, ...]] = ("dataset",)

    dataset = DatasetField(label="Dataset")
    filters = FiltersField(label="Filter", required=False, help_text=FILTERS_HELP)
    sort = SortField(label="Sort", required=False, help_text="Rows with the same values keep the dataset's order.")
    row_limit = forms.IntegerField(
        label="At most this many rows",
        required=False,
        min_value=1,
        max_value=MOST_ROWS,
        help_text="Empty: all that fit the filter.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, ColumnsAware):
                field.offer(self.dataset_columns)

    @cached_property
    def chosen_dataset(self) -> Dataset | None:
        """The dataset that is chosen now, in the address or in the list, if it is one the person may use."""
        value = self.data.get(self.add_prefix("dataset")) if self.is_bound else self.initial.get("dataset")
        text = str(value.pk if isinstance(value, Dataset) else value or "")
        field = self.fields["dataset"]
        if not (text.isascii() and text.isdigit() and len(text) < 19 and isinstance(field, DatasetField)):
            return None
        queryset = field.queryset
        return queryset.filter(pk=int(text)).first() if queryset is not None else None

    @cached_property
    def dataset_columns(self) -> list[tuple[str, str]]:
        """(name, type) of the chosen dataset's columns, in its order."""
        dataset = self.chosen_dataset
        if dataset is None:
            return []
        return list(dataset.columns.order_by("position").values_list("name", "type"))
