"""Controls of a few rows each: which rows of a dataset stay, and by what they are sorted."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from actors.tables.selection import MAX_FILTERS, MAX_SORTS, OPERATORS

from .rendering import CompoundTemplates, ids_of

LEAST_ROWS = 3
#: Columns up to which they are listed in each row; above, one types and is offered them.
LISTED_COLUMNS = 500
_TEMPLATES = CompoundTemplates()


class RowsWidget(forms.Widget):
    """Rows of inputs named `filters-0-column` and so on; text under the field's own name is JSON.

    Its value is {"text": str, "rows": [{part: str}…], "count": rows} from a page, or what the field cleans to.
    """

    #: Its page shows it as several controls under one title.
    is_compound = True
    template: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    most_rows: ClassVar[int]

    #: (name, type) of what can be chosen.
    columns: list[tuple[str, str]]

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.columns = []

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        rows = []
        for index in range(self.most_rows):
            row = {part: str(data.get(f"{name}-{index}-{part}") or "") for part in self.parts}
            if any(value.strip() for part, value in row.items() if part != "op"):
                rows.append(row)
        text = data.get(name)
        count = sum(f"{name}-{index}-column" in data for index in range(self.most_rows))
        # Its own button asks for one row more.
        count += data.get("refresh") == name
        return {"text": "" if text is None else text, "rows": rows, "count": count}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(key == name or key.startswith(f"{name}-") for key in data)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        names = {column for column, _ in self.columns}
        rows = self.rows_of(value)
        # One empty row more than are filled in, so that there is always room for the next.
        requested = value.get("count", 0) if isinstance(value, dict) else 0
        count = min(self.most_rows, max(LEAST_ROWS, len(rows) + 1, requested))
        context = {
            **ids_of(name, attrs),
            "columns": self.columns,
            "is_listed": len(self.columns) <= LISTED_COLUMNS,
            "rows": [
                {
                    "index": index,
                    "number": index + 1,
                    "label": str(index + 1),
                    **row,
                    "is_strange": row.get("column", "") not in {"", *names},
                }
                for index, row in enumerate([*rows, *({} for _ in range(count))][:count])
            ],
            "is_growing": count < self.most_rows,
            "operators": OPERATORS,
        }
        return _TEMPLATES.render(self.template, context)

    def rows_of(self, value: Any) -> list[dict[str, Any]]:
        """Return the rows for a value: what was typed, or what the field had cleaned to before."""
        if isinstance(value, dict):
            return list(value.get("rows", ()))
        return [dict(row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []


class FiltersWidget(RowsWidget):
    """Column, operator and value."""

    template = "filters.html"
    parts = ("column", "op", "value")
    most_rows = MAX_FILTERS


class SortWidget(RowsWidget):
    """Column and direction."""

    template = "sort.html"
    parts = ("column", "direction")
    most_rows = MAX_SORTS

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        value = super().value_from_datadict(data, files, name)
        # The direction alone says nothing: its list always has one.
        return {**value, "rows": [row for row in value["rows"] if row["column"].strip()]}

    def rows_of(self, value: Any) -> list[dict[str, Any]]:
        return [
            {**row, "direction": row.get("direction") or ("desc" if row.get("descending") else "asc")}
            for row in super().rows_of(value)
        ]
