"""The choice of where each field of a template gets its values from: a column, or a text that is the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from actors.table_forms.fields import ColumnsAware, read_json
from actors.table_forms.rendering import CompoundTemplates, ids_of

from .fields import TemplateField, check_mapping, similar_columns

Mapping = dict[str, dict[str, str]]

_TEMPLATES = CompoundTemplates(Path(__file__).parent / "form_templates")


class MappingWidget(forms.Widget):
    """A row a field, with inputs named `mapping-<field>-column` and `-text`; JSON has the field's own name.

    Its value is {"text": JSON text, "rows": {field: {"column", "text"}}} from a page, or a mapping.
    """

    #: Its page shows it as several controls under one title.
    is_compound = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.columns: list[tuple[str, str]] = []
        self.template_fields: list[TemplateField] = []

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        rows = {}
        for each in self.template_fields:
            column, text = data.get(f"{name}-{each.name}-column"), data.get(f"{name}-{each.name}-text")
            if column is not None or text is not None:
                rows[each.name] = {"column": column or "", "text": text or ""}
        json_text = data.get(name)
        return {"text": "" if json_text is None else json_text, "rows": rows}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(key == name or key.startswith(f"{name}-") for key in data)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        rows = self._rows_for(value)
        names = {column for column, _ in self.columns}
        context = {
            **ids_of(name, attrs),
            "columns": self.columns,
            "rows": [
                {
                    "field": each,
                    "column": rows[each.name].get("column", ""),
                    "text": rows[each.name].get("text", ""),
                    "is_strange": rows[each.name].get("column", "") not in {"", *names},
                }
                for each in self.template_fields
            ],
        }
        return _TEMPLATES.render("mapping.html", context)

    def _rows_for(self, value: Any) -> dict[str, dict[str, str]]:
        """Return what each row shows: what was typed, else the earlier mapping, else a similar column."""
        names = {column for column, _ in self.columns}
        if isinstance(value, dict) and "rows" in value:
            chosen = {
                # A column of another dataset is of no use here.
                name: row
                for name, row in value["rows"].items()
                if row["column"] in names or (not row["column"] and row["text"])
            }
        else:
            chosen = dict(value) if isinstance(value, dict) else {}
        free = [column for column in self.columns if column[0] not in {row.get("column") for row in chosen.values()}]
        likely = similar_columns([each for each in self.template_fields if each.name not in chosen], free)
        return {
            each.name: chosen.get(each.name)
            or ({"column": likely[each.name]} if each.name in likely else {"text": each.default})
            for each in self.template_fields
        }


class MappingField(ColumnsAware, forms.Field):
    """Cleans to {field: {"column": name} or {"text": text}}; also takes that as JSON.

    A field without a choice is mapped to a column of a similar name, or left to the template's default.
    """

    #: What programs send.
    json_schema: ClassVar = {"type": ["object", "string"]}
    widget: type[forms.Widget] | forms.Widget = MappingWidget
    template_fields: Sequence[TemplateField] = ()

    def offer(self, columns: Sequence[tuple[str, str]]) -> None:
        super().offer(columns)
        if isinstance(self.widget, MappingWidget):
            self.widget.columns = list(columns)

    def ask(self, fields: Sequence[TemplateField]) -> None:
        """Take the fields of the template that is chosen now."""
        self.template_fields = list(fields)
        if isinstance(self.widget, MappingWidget):
            self.widget.template_fields = list(fields)

    def in_words(self, value: Mapping) -> str:
        """Return the mapping as the job's page shows it, one field a line."""
        lines = []
        for name, source in value.items():
            origin = f"the column {source['column']}" if "column" in source else f"“{source.get('text', '')}”"
            lines.append(f"{name.replace('_', ' ').capitalize()}: {origin}")
        return "\n".join(lines)

    def to_python(self, value: Any) -> Mapping:
        rows: dict[str, Any] = {}
        if isinstance(value, dict) and set(value) == {"rows", "text"} and not isinstance(value["text"], dict):
            # As the widget has it; a template's field may have either name.
            rows, value = value["rows"], value["text"]
        if isinstance(value, str):
            value = read_json(value) if value.strip() else {}
        declared = value or {}
        if not all(
            isinstance(each, dict) and all(isinstance(it, dict) for it in each.values()) for each in (declared, rows)
        ):
            raise ValidationError('Write an object, such as {"date": {"column": "day"}}.', code="json")
        mapping = {name: _source(source) for name, source in {**rows, **declared}.items()}
        if not rows:
            free = [column for column in self.columns if {"column": column[0]} not in mapping.values()]
            missing = [each for each in self.template_fields if each.name not in mapping]
            mapping |= {name: {"column": column} for name, column in similar_columns(missing, free).items()}
        return mapping

    def validate(self, value: Any) -> None:
        if (
            self.template_fields
            and self.columns
            and (problems := check_mapping(value, self.template_fields, self.names))
        ):
            raise ValidationError(problems, code="mapping")

    def has_changed(self, initial: Any, data: Any) -> bool:
        # Its page is always open: nothing is hidden by what it holds.
        return False


def _source(source: dict[str, Any]) -> dict[str, str]:
    column = str(source.get("column") or "")
    return {"column": column} if column else {"text": str(source.get("text") or "")}
