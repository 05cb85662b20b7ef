"""Form fields about the columns of a dataset. Each takes what its page sends, and text from the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from actors.tables.selection import check, in_words, split_values, unknown_column

from .row_widgets import FiltersWidget, RowsWidget, SortWidget

#: Characters of one value; below what the reader of lists takes, whatever else in the process has raised that to.
MOST_CHARACTERS = 100_000
#: Levels of nesting that JSON may have; a valid value has two.
DEEPEST = 20
_TOO_LONG = f"One of the values is too long: at most {MOST_CHARACTERS:,} characters. Put commas between values."


class ColumnsAware:
    """A field whose choices are the columns of the chosen dataset, as (name, type); none before one is chosen."""

    columns: Sequence[tuple[str, str]] = ()

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        """Take the columns of the dataset that is chosen now."""
        self.columns = list(columns)

    @property
    def names(self) -> list[str]:
        return [column for column, _ in self.columns]


class RowsField(ColumnsAware, forms.Field):
    """Rows of a RowsWidget, as JSON objects."""

    #: What programs send.
    json_schema: ClassVar = {"type": ["array", "string"], "items": {"type": "object"}}
    widget: type[forms.Widget] | forms.Widget = RowsWidget

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        super().offer(columns)
        if isinstance(self.widget, RowsWidget):
            self.widget.columns = list(columns)

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            return [*self.from_text(value.get("text")), *map(self.entry, value.get("rows", ()))]
        return self.from_text(value)

    def from_text(self, value: Any) -> list[dict[str, Any]]:
        """Return the rows that JSON, or the value it stands for, lists."""
        if isinstance(value, str):
            value = read_json(value) if value.strip() else []
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value or []):
            if not value:
                return []
            raise ValidationError('Write a list of objects, such as [{"column": "amount"}].', code="json")
        return [self.normal(row) for row in value]

    def entry(self, row: dict[str, str]) -> dict[str, Any]:
        """Return one row of inputs as its JSON object."""
        raise NotImplementedError

    def normal(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON object with the keys in one order and nothing else."""
        raise NotImplementedError

    def problems(self, rows: list[dict[str, Any]]) -> list[str]:
        """Return what is wrong with the rows, as sentences."""
        raise NotImplementedError

    def validate(self, value: Any) -> None:
        super().validate(value)
        if self.columns and (problems := self.problems(value)):
            raise ValidationError(problems, code="rows")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


class FiltersField(RowsField):
    """Cleans to [{"column", "op", "value"}…]."""

    widget = FiltersWidget

    def entry(self, row: dict[str, str]) -> dict[str, Any]:
        return self.normal(row)

    def normal(self, row: dict[str, Any]) -> dict[str, Any]:
        value = row.get("value")
        text = ("true" if value else "false") if isinstance(value, bool) else str("" if value is None else value)
        return {"column": str(row.get("column") or ""), "op": str(row.get("op") or "eq"), "value": text}

    def in_words(self, value: list[dict[str, Any]]) -> str:
        """Return the rows as the job's page shows them."""
        return " and ".join(map(in_words, value))

    def problems(self, rows: list[dict[str, Any]]) -> list[str]:
        if any(_is_too_long(row["value"]) for row in rows):
            return [_TOO_LONG]
        try:
            return check(rows, (), self.columns)
        except csv.Error:
            return [_TOO_LONG]


class SortField(RowsField):
    """Cleans to [{"column", "descending"}…]; also takes text such as `amount desc, name`."""

    widget = SortWidget

    def from_text(self, value: Any) -> list[dict[str, Any]]:
        if isinstance(value, str) and value.strip() and not value.lstrip().startswith(("[", "{")):
            return [self._from_words(part) for part in listed_in(value)]
        return super().from_text(value)

    def entry(self, row: dict[str, str]) -> dict[str, Any]:
        return {"column": row["column"], "descending": row["direction"] == "desc"}

    def normal(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"column": str(row.get("column") or ""), "descending": bool(row.get("descending"))}

    def in_words(self, value: list[dict[str, Any]]) -> str:
        """Return the rows as the job's page shows them."""
        return "; ".join(f"{row['column']}{', descending' if row.get('descending') else ''}" for row in value)

    def problems(self, rows: list[dict[str, Any]]) -> list[str]:
        return check((), rows, self.columns)

    def _from_words(self, text: str) -> dict[str, Any]:
        column, _, direction = text.rpartition(" ")
        if text not in self.names and column and direction.lower() in ("asc", "desc"):
            return {"column": column.strip(), "descending": direction.lower() == "desc"}
        return {"column": text, "descending": False}


class ColumnChoiceField(ColumnsAware, forms.ChoiceField):
    """One of the columns, or none; cleans to its name, or to an empty text."""

    json_schema: ClassVar = {"type": "string"}

    def __init__(self, *, nothing: str, **kwargs: Any) -> None:
        self.nothing = nothing
        super().__init__(**{"required": False, **kwargs}, choices=[("", nothing)])

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        super().offer(columns)
        self.choices = [("", self.nothing), *((column, column) for column, _ in columns)]

    def validate(self, value: Any) -> None:
        if value and self.columns and value not in self.names:
            raise ValidationError(unknown_column(value, self.names), code="unknown")


class ColumnNamesField(ColumnsAware, forms.MultipleChoiceField):
    """Some of the columns, ticked; cleans to their names. Also takes `a,b` or a JSON list."""

    json_schema: ClassVar = {"type": ["array", "string"], "items": {"type": "string"}}
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        super().offer(columns)
        self.choices = [(column, column) for column, _ in columns]

    def to_python(self, value: Any) -> list[str]:
        return names_from(value, self.names)

    def validate(self, value: Any) -> None:
        if not self.columns:
            return
        names = set(self.names)
        if unknown := [column for column in value if column not in names]:
            raise ValidationError([unknown_column(column, self.names) for column in unknown[:5]], code="unknown")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(names_from(initial, self.names) != names_from(data, self.names))


def names_from(value: Any, columns: Sequence[str]) -> list[str]:
    """Return names of columns from a list of them, or from text: a name, a JSON list, or several with commas."""
    listed = [value] if isinstance(value, str) else [str(each) for each in value or ()]
    if len(listed) == 1 and listed[0] not in columns:
        text = listed[0].strip()
        if text.startswith("["):
            read = read_json(text)
            listed = [str(each) for each in read] if isinstance(read, list) else [text]
        else:
            listed = listed_in(text)
    return list(dict.fromkeys(listed))


def listed_in(text: str) -> list[str]:
    """Return the values that text lists with commas; raise ValidationError with a sentence."""
    if _is_too_long(text):
        raise ValidationError(_TOO_LONG, code="long")
    try:
        return split_values(text)
    except csv.Error:
        raise ValidationError(_TOO_LONG, code="long") from None


def read_json(text: str) -> Any:
    """Return the value of JSON text; raise ValidationError with a sentence."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise ValidationError(f"This is not JSON: {error}.", code="json") from None
    if _is_deeper(value, DEEPEST):
        raise _too_deep()
    return value


def _too_deep() -> ValidationError:
    return ValidationError("This JSON is nested too deeply. Write a list of objects or names.", code="json")


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in one another over more levels than these."""
    inside = [value]
    for _ in range(levels + 1):
        outer = [each.values() if isinstance(each, dict) else each for each in inside if isinstance(each, (list, dict))]
        inside = [each for group in outer for each in group]
        if not outer:
            return False
    return True


def _is_too_long(text: str) -> bool:
    return len(text) > MOST_CHARACTERS and max(map(len, text.split(","))) > MOST_CHARACTERS
