"""The choice of columns and of their order: a tick for each, and buttons that move it. It needs no JavaScript."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from actors.table_forms.fields import ColumnsAware, names_from
from actors.table_forms.rendering import CompoundTemplates, ids_of
from actors.tables.selection import unknown_column

#: Columns that a page lists; a wider dataset's other columns are chosen on the command line.
LISTED_COLUMNS = 500
_TEMPLATES = CompoundTemplates(Path(__file__).parent / "form_templates")


class ColumnsWidget(forms.Widget):
    """Ticks under the field's own name, the order as JSON in `columns-order`, and `move` for a button pressed.

    Its value is {"order": [name…], "ticked": [name…]} from a page, else names or their text.
    """

    #: Its page shows it as several controls under one title.
    is_compound = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.columns: list[tuple[str, str]] = []

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        ticked = data.getlist(name) if isinstance(data, MultiValueDict) else data.get(name)
        order = data.get(f"{name}-order")
        if order is None:
            return ticked
        try:
            listed = [str(each) for each in json.loads(order)]
        except (TypeError, ValueError, RecursionError):
            listed = []
        return {"order": moved(listed, name, str(data.get("move") or "")), "ticked": list(ticked or ())}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and f"{name}-order" not in data

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        types = dict(self.columns)
        order, ticked = order_and_ticks(value, list(types))
        positions = {column: position for position, (column, _) in enumerate(self.columns)}
        context = {
            **ids_of(name, attrs),
            "order": json.dumps(order, ensure_ascii=False),
            "rows": [
                {
                    "name": column,
                    "type": types[column],
                    # Names may hold anything; an id may not.
                    "position": positions[column],
                    "is_ticked": column in ticked,
                    "is_first": place == 0,
                    "is_last": place == len(order) - 1,
                }
                for place, column in enumerate(order[:LISTED_COLUMNS])
            ],
            "count": len(order),
            "is_cut": len(order) > LISTED_COLUMNS,
            "listed": LISTED_COLUMNS,
        }
        return _TEMPLATES.render("columns.html", context)


class ColumnsField(ColumnsAware, forms.Field):
    """Cleans to the names of the columns in their order; to nothing when it is all of them in the dataset's order.

    Also takes `a,b` or a JSON list.
    """

    #: What programs send.
    json_schema: ClassVar = {"type": ["array", "string"], "items": {"type": "string"}}
    widget: type[forms.Widget] | forms.Widget = ColumnsWidget

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        super().offer(columns)
        if isinstance(self.widget, ColumnsWidget):
            self.widget.columns = list(columns)

    def to_python(self, value: Any) -> list[str]:
        if isinstance(value, dict):
            ticked = set(value["ticked"])
            chosen = [column for column in value["order"] if column in ticked]
            if value["order"] and not chosen:
                raise ValidationError("Tick at least one column.", code="none")
        else:
            chosen = names_from(value, self.names)
        return [] if chosen == self.names else chosen

    def validate(self, value: Any) -> None:
        super().validate(value)
        names = set(self.names)
        if names and (unknown := [column for column in value if column not in names]):
            raise ValidationError([unknown_column(column, self.names) for column in unknown[:5]], code="unknown")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


def moved(order: list[str], name: str, move: str) -> list[str]:
    """Return the order after a button `move` = "columns:up:Amount"; as it is after any other."""
    field, _, rest = move.partition(":")
    direction, _, column = rest.partition(":")
    if field != name or column not in order or direction not in ("up", "down"):
        return order
    place = order.index(column)
    other = place + (1 if direction == "down" else -1)
    if 0 <= other < len(order):
        order = list(order)
        order[place], order[other] = order[other], order[place]
    return order


def order_and_ticks(value: Any, names: list[str]) -> tuple[list[str], set[str]]:
    """Return the order of all columns and the ticked ones, for a value that may be of another dataset."""
    if isinstance(value, dict):
        order = [column for column in dict.fromkeys(value["order"]) if column in names]
        # Columns that were not offered before are new, and begin ticked.
        new = [column for column in names if column not in value["order"]]
        return [*order, *new], {column for column in value["ticked"] if column in names} | set(new)
    chosen = [column for column in names_from(value, names) if column in names]
    rest = [column for column in names if column not in chosen]
    return [*chosen, *rest], set(chosen or names)
