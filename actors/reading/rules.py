"""The rules a person sets for columns: read from JSON with precise messages, made into SQL conditions."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import duckdb

from actors.tables.engine import literal

from .errors import Unreadable
from .types import TYPES, Reading

if TYPE_CHECKING:
    from .columns import Column

_KEYS = (
    "column",
    "type",
    "required",
    "unique",
    "min",
    "max",
    "min_length",
    "max_length",
    "pattern",
    "allowed",
)
MAX_RULES = 2_000
MAX_ALLOWED = 10_000


class RuleError(ValueError):
    """Raised when the rules cannot be read. The message names the rule and its problem."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one column's values have to be. `min` and `max` are text in the column's own form."""

    column: str
    type: str = ""
    required: bool = False
    unique: bool = False
    min: str = ""
    max: str = ""
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    allowed: tuple[str, ...] = field(default=())


def parse_rules(text: str) -> list[Rule]:
    """Rules from the JSON a person wrote: a list of objects, or one object by column name."""
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise RuleError(f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    return rules_from(value)


def rules_from(value: Any) -> list[Rule]:
    """Rules from a JSON value, each checked."""
    if isinstance(value, dict):
        entries: list[Any] = [
            {"column": key, **entry} if isinstance(entry, dict) else entry for key, entry in value.items()
        ]
    elif isinstance(value, list):
        entries = value
    else:
        raise RuleError("The rules have to be a list of objects, or one object with a member for each column.")
    if len(entries) > MAX_RULES:
        raise RuleError(f"There are {len(entries):,} rules; at most {MAX_RULES:,} can be checked.")
    rules = [_rule(entry, number) for number, entry in enumerate(entries, 1)]
    columns: set[str] = set()
    for rule in rules:
        if rule.column.lower() in columns:
            raise RuleError(f"There are two rules for the column {rule.column!r}; make them one.")
        columns.add(rule.column.lower())
    return rules


def _rule(entry: Any, number: int) -> Rule:
    if not isinstance(entry, dict):
        raise RuleError(f'Rule {number} has to be an object such as {{"column": "price", "min": 0}}.')
    column = entry.get("column")
    if not isinstance(column, str) or not column.strip():
        raise RuleError(f"Rule {number} does not name its column.")
    subject = f"Rule {number} ({column})"
    for key in entry:
        if key not in _KEYS:
            raise RuleError(f"{subject}: {key!r} is not known; there are {', '.join(_KEYS)}.")
    type = entry.get("type") or ""
    if type and type not in TYPES:
        raise RuleError(f"{subject}: the type {type!r} is not known; there are {', '.join(TYPES)}.")
    for key in ("required", "unique"):
        if not isinstance(entry.get(key, False), bool):
            raise RuleError(f"{subject}: {key} has to be true or false.")
    lengths = [_length(entry, key, subject) for key in ("min_length", "max_length")]
    if lengths[0] is not None and lengths[1] is not None and lengths[0] > lengths[1]:
        raise RuleError(f"{subject}: min_length {lengths[0]} is above max_length {lengths[1]}.")
    low, high = (_bound(entry, key, type, subject) for key in ("min", "max"))
    if low and high and _kind(low) == _kind(high) and _order(low) > _order(high):
        raise RuleError(f"{subject}: min {low} is above max {high}.")
    pattern = entry.get("pattern") or ""
    if not isinstance(pattern, str):
        raise RuleError(f"{subject}: pattern has to be text.")
    if pattern and (problem := pattern_problem(pattern)):
        raise RuleError(f"{subject}: the pattern cannot be used: {problem}.")
    return Rule(
        column=column.strip(),
        type=type,
        required=entry.get("required", False),
        unique=entry.get("unique", False),
        min=low,
        max=high,
        min_length=lengths[0],
        max_length=lengths[1],
        pattern=pattern,
        allowed=_allowed(entry, subject),
    )


def _length(entry: dict[str, Any], key: str, subject: str) -> int | None:
    value = entry.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RuleError(f"{subject}: {key} has to be a whole number from 0.")
    return value


def _bound(entry: dict[str, Any], key: str, type: str, subject: str) -> str:
    value = entry.get(key)
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise RuleError(f"{subject}: {key} has to be a number, a date or a time.")
    text = str(value).strip()
    kind = _kind(text)
    if not kind:
        raise RuleError(f"{subject}: {key} {text!r} is not a number, a date (2024-12-31) or a time (23:59).")
    wanted = {"integer": "number", "decimal": "number", "float": "number", "date": "moment", "timestamp": "moment"}
    if type in ("text", "boolean"):
        raise RuleError(f"{subject}: {key} cannot be used with the type {type}; use min_length and max_length.")
    if type and wanted.get(type, type) != kind:
        raise RuleError(f"{subject}: {key} {text!r} does not go with the type {type}.")
    return text


def _kind(text: str) -> str:
    try:
        return "number" if Decimal(text).is_finite() else ""
    except InvalidOperation:
        pass
    for read, kind in (
        (datetime.datetime.fromisoformat, "moment"),
        (datetime.time.fromisoformat, "time"),
    ):
        try:
            read(text)
            return kind
        except ValueError:
            continue
    return ""


def _order(text: str) -> Any:
    kind = _kind(text)
    if kind == "number":
        return Decimal(text)
    if kind == "moment":
        return datetime.datetime.fromisoformat(text).replace(tzinfo=None)
    return datetime.time.fromisoformat(text)


def _allowed(entry: dict[str, Any], subject: str) -> tuple[str, ...]:
    values = entry.get("allowed")
    if values is None or values == "":
        return ()
    if not isinstance(values, list) or not values:
        raise RuleError(f"{subject}: allowed has to be a list of values.")
    if len(values) > MAX_ALLOWED:
        raise RuleError(f"{subject}: allowed holds {len(values):,} values; at most {MAX_ALLOWED:,} can be checked.")
    if any(isinstance(value, (dict, list, bool)) or value is None for value in values):
        raise RuleError(f"{subject}: allowed may hold text and numbers only.")
    return tuple(str(value) for value in values)


def pattern_problem(pattern: str) -> str:
    """What keeps a pattern from being used, or nothing. The engine's own expressions run in linear time."""
    if len(pattern) > 1_000:
        return "it is longer than 1,000 characters"
    con = duckdb.connect(config={"threads": 1})
    try:
        con.execute("SELECT regexp_full_match('', ?)", [pattern])
    except duckdb.Error as error:
        return str(error).partition(": ")[2].strip() or "it is not a regular expression"
    finally:
        con.close()
    return ""


def columns_of(rules: list[Rule], names: list[str], source_names: list[str]) -> dict[int, Rule]:
    """Each rule by the position of its column. A name is the dataset's, or the header's own."""
    by_position: dict[int, Rule] = {}
    for rule in rules:
        by_position[position_of(rule.column, names, source_names)] = rule
    return by_position


def position_of(column: str, names: list[str], source_names: list[str]) -> int:
    for listing in (names, source_names):
        for position, name in enumerate(listing):
            if name == column:
                return position
    lowered = [name.strip().lower() for name in names]
    if column.strip().lower() in lowered:
        return lowered.index(column.strip().lower())
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise Unreadable(f"There is no column {column!r}; the file has {listed}.")


def violation(rule: Rule, column: Column) -> str | None:
    """The SQL expression that is NULL for a good value, else the reason against it.

    It reads the column's raw text and, as x and its position, its value.
    """
    name, raw, value, reading = literal(column.name), column.text, f"x{column.position}", column.reading
    cases: list[tuple[str, str]] = []
    if column.is_declared:
        cases.append((f"{value} IS NULL AND {column.has_value}", literal(not_of_type(column))))
    if rule.required:
        cases.append((f"{value} IS NULL", f"{name} || ' is required'"))
    for bound, sign, word in ((rule.min, "<", "below"), (rule.max, ">", "above")):
        if bound:
            reason = f"{name} || {literal(f' is {word} {bound}')}"
            cases.append((f"{value} {sign} {_bound_sql(bound, reading)}", reason))
    if rule.min_length is not None:
        reason = f"{name} || {literal(f' is shorter than {rule.min_length} characters')}"
        cases.append((f"length({raw}) < {rule.min_length}", reason))
    if rule.max_length is not None:
        reason = f"{name} || {literal(f' is longer than {rule.max_length} characters')}"
        cases.append((f"length({raw}) > {rule.max_length}", reason))
    if rule.pattern:
        reason = f"{name} || ' does not match the pattern'"
        cases.append((f"NOT regexp_full_match({raw}, {literal(rule.pattern)})", reason))
    if rule.allowed:
        listed = ", ".join(literal(item) for item in rule.allowed)
        reason = f"{name} || ' is not one of the allowed values'"
        cases.append((f"{raw} NOT IN ({listed}) AND trim({raw}) NOT IN ({listed})", reason))
    if not cases:
        return None
    return "CASE " + " ".join(f"WHEN {condition} THEN {reason}" for condition, reason in cases) + " END"


def not_of_type(column: Column) -> str:
    """What is said of a value that is none of the column's type."""
    article = "an" if column.reading.type == "integer" else "a"
    kind = "number" if column.reading.type == "float" else column.reading.type
    return f"{column.name} is not {article} {kind}"


def _bound_sql(bound: str, reading: Reading) -> str:
    kind = _kind(bound)
    if kind == "number":
        if reading.sql_type == "DOUBLE":
            return f"{literal(bound)}::DOUBLE"
        return format(Decimal(bound), "f") if "e" in bound.lower() else bound
    if kind == "time":
        return f"TIME {literal(bound)}"
    moment = datetime.datetime.fromisoformat(bound).replace(tzinfo=None)
    return f"TIMESTAMP {literal(moment.isoformat(sep=' '))}"


def type_for_bounds(rule: Rule) -> str:
    """What a rule without a type implies by its bounds: "number", "moment" (with a date), "time", or nothing."""
    kinds = {_kind(bound) for bound in (rule.min, rule.max) if bound}
    return next((kind for kind in ("number", "moment", "time") if kind in kinds), "")
