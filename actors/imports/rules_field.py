"""The form field for rules: a few rows of inputs, and JSON for more. It needs no JavaScript."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template import Context, Engine
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString, mark_safe

from actors.reading.rules import RuleError, parse_rules, rules_from
from actors.reading.types import TYPES

from .options import entry_of

#: Rows of inputs on the page: at least, and at most when rules are filled in again.
LEAST_ROWS = 4
MOST_ROWS = 30
_TEXTS = ("column", "type", "min", "max", "min_length", "max_length", "pattern", "allowed")
_FLAGS = ("required", "unique")
_ENGINE = Engine(dirs=[str(Path(__file__).parent / "form_templates")])


class RulesWidget(forms.Widget):
    """Rows named `rules-0-column` and so on; the JSON has the field's own name."""

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        text = data.get(name) or ""
        rows = []
        for index in range(MOST_ROWS):
            row: dict[str, Any] = {key: str(data.get(f"{name}-{index}-{key}") or "").strip() for key in _TEXTS}
            row |= {key: bool(data.get(f"{name}-{index}-{key}")) for key in _FLAGS}
            if any(row.values()):
                rows.append(row)
        return {"json": text if isinstance(text, str) else json.dumps(text), "rows": rows}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(key == name or key.startswith(f"{name}-") for key in data)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        rows, text = _inputs_for(value)
        context = {
            "name": name,
            "id": (attrs or {}).get("id") or f"id_{name}",
            "described": (attrs or {}).get("aria-describedby", ""),
            "rows": [
                {"index": index, "number": index + 1, "says_type_only": _says_type_only(row), **row}
                for index, row in enumerate(rows)
            ],
            "types": TYPES,
            "json": text,
        }
        return mark_safe(_ENGINE.get_template("rules.html").render(Context(context)))  # noqa: S308 - escaped by the template


class RulesField(forms.Field):
    """Cleans to a list of rules as JSON objects."""

    #: What programs send.
    json_schema: ClassVar = {"type": ["array", "string"], "items": {"type": "object"}}
    widget = RulesWidget

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        if not value:
            return []
        try:
            if isinstance(value, str):
                return [entry_of(rule) for rule in parse_rules(value)]
            if isinstance(value, list):
                return [entry_of(rule) for rule in rules_from(value)]
            entries = [_entry(row, number) for number, row in enumerate(value["rows"], 1)]
            more = [entry_of(rule) for rule in parse_rules(value["json"])]
            return [entry_of(rule) for rule in rules_from([*entries, *more])]
        except RuleError as error:
            raise ValidationError(str(error), code="rules") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


def _entry(row: dict[str, Any], number: int) -> dict[str, Any]:
    """One row of inputs as a rule's JSON."""
    if not row["column"]:
        raise RuleError(f"Rule {number} does not name its column.")
    entry = {key: value for key, value in row.items() if value and key not in ("allowed", "min_length", "max_length")}
    for key in ("min_length", "max_length"):
        if row[key]:
            if not row[key].isdigit():
                raise RuleError(f"Rule {number} ({row['column']}): {key} has to be a whole number from 0.")
            entry[key] = int(row[key])
    if row["allowed"]:
        entry["allowed"] = [part.strip() for part in row["allowed"].split(",") if part.strip()]
    return entry


def _says_type_only(row: dict[str, Any]) -> bool:
    """Whether the row's title can say all that is in it: the column and its type."""
    filled = {key for key, value in row.items() if value not in ("", None, False)}
    return filled == {"column", "type"}


def _fits_a_row(rule: dict[str, Any]) -> bool:
    """Whether the inputs of a row hold the rule as it is: of one line each, values apart by commas."""
    is_long = len(str(rule.get("column", "")).splitlines()) > 1
    return not is_long and not any("," in item for item in rule.get("allowed", ()))


def _inputs_for(value: Any) -> tuple[list[dict[str, Any]], str]:
    """The rows of inputs and the JSON text for a value: what was typed, or earlier rules."""
    rows: list[dict[str, Any]] = []
    text = ""
    if isinstance(value, dict):
        rows, text = list(value["rows"]), value["json"]
    elif isinstance(value, str):
        text = value
    elif value:
        simple = [rule for rule in value if _fits_a_row(rule)]
        rest = [rule for rule in value if rule not in simple] + simple[MOST_ROWS:]
        rows = [{**rule, "allowed": ", ".join(rule.get("allowed", ()))} for rule in simple[:MOST_ROWS]]
        text = json.dumps(rest, indent=1, ensure_ascii=False) if rest else ""
    # One empty row more than are filled in, so that there is always room for the next.
    filled = max((number for number, row in enumerate(rows, 1) if any(row.values())), default=0)
    count = min(MOST_ROWS, max(LEAST_ROWS, filled + 1))
    return [*rows, *({} for _ in range(count))][:count], text
