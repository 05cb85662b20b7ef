"""What the values of a column are, proved on all of them: a type is given only when every value keeps its meaning.

A reading is a way to take text as values of a type: a pattern that the text must match in full, and the engine's
expression for its value. Detection never costs a row its place: where one value does not fit, the column is text.
A type that the person declares is the other way round: a value that does not fit is a reason to reject the row.
"""

from __future__ import annotations

import functools
import re
from dataclasses import asdict, dataclass
from typing import Any

from actors.tables.engine import literal

TYPES = ("text", "integer", "decimal", "float", "boolean", "date", "time", "timestamp")
#: Words that stand for "no value" in a column whose other values are of a type.
MISSING_WORDS = ("na", "n/a", "#n/a", "null", "none", "nan", "nil", "-", "--", "?", "\\n", "missing", "(null)", "<na>")

_SIGN = r"[+-]?"
_WHOLE = r"(0|[1-9][0-9]{0,17})"


@dataclass(frozen=True)
class Reading:
    """`value` is an SQL expression of `{c}`, the trimmed text; `pattern` an RE2 pattern of the whole text."""

    type: str
    sql_type: str
    pattern: str
    value: str
    format: str = ""

    def matches(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text.strip()) is not None

    def expression(
        self, column: str, *, declared: bool = False, trims: bool = True, words: tuple[str, ...] = ()
    ) -> str:
        """The value of a raw text column, NULL where there is none or it does not fit.

        `words` are what the person says stands for "no value"; `declared` values were not proved, so the
        pattern is asked again.
        """
        if self.type == "text":
            return without_words(column, words)
        text = f"trim({column}, {_BLANKS})" if trims and not self.skips_blanks else column
        value = self.value.format(c=text)
        conditions = []
        if words:
            conditions.append(f"{without_words(text, words)} IS NOT NULL")
        # The engine casts the word nan to a number; other missing words it does not take for values.
        if self.pattern and (declared or self.type == "float"):
            conditions.append(f"regexp_full_match({text}, {literal(self._loose_pattern)})")
        return f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value

    def misfit(self, column: str, *, trims: bool, missing: tuple[str, ...]) -> str:
        """The condition that a raw text would lose its meaning if it were read this way."""
        text = f"trim({column}, {_BLANKS})" if trims and not self.skips_blanks else column
        absent = self._absent_pattern(missing)
        outside = f"NOT regexp_full_match({text}, {literal(f'{self._loose_pattern}|{absent}')})"
        value = self.value.format(c=text)
        # What the pattern takes for a number or a truth value, the engine casts.
        lost = outside
        if self.is_moment:
            lost = f"{outside} OR ({value} IS NULL AND NOT regexp_full_match({text}, {literal(absent)}))"
        if self.sql_type == "BOOLEAN" or self.value == f"TRY_CAST({{c}} AS {self.sql_type})":
            # A value that is written again as the same text has lost nothing: quicker to see than by a pattern.
            for kind, limit in _CANONICAL.items():
                if self.sql_type.startswith(kind):
                    same = f"({value})::VARCHAR = {text} AND {limit.format(c=text, v=value)}"
                    return f"CASE WHEN {same} THEN false ELSE {lost} END"
        return lost

    def fits(self, text: str, *, trims: bool, missing: tuple[str, ...]) -> bool:
        """The opposite of `misfit` for one text; not for moments, whose values only the engine can judge."""
        if trims and not self.skips_blanks:
            text = text.strip(" \t\u00a0")
        return _compiled(f"{self._loose_pattern}|{self._absent_pattern(missing)}").fullmatch(text) is not None

    @property
    def is_moment(self) -> bool:
        return self.type in _MOMENTS

    def _absent_pattern(self, missing: tuple[str, ...]) -> str:
        absent = "(?i:" + "|".join(re.escape(word) for word in missing) + ")?"
        return f"[ \t]*{absent}[ \t]*" if self.skips_blanks else absent

    @property
    def skips_blanks(self) -> bool:
        """Whether the engine's cast passes over blanks around the text, so that nothing has to cut them off."""
        return self.value.startswith("TRY_CAST({c} AS ") and self.type in ("integer", "decimal", "float")

    @property
    def _loose_pattern(self) -> str:
        return f"[ \t]*(?:{self.pattern})[ \t]*" if self.skips_blanks else f"(?:{self.pattern})"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Reading:
        return cls(**value)


@functools.lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


#: Types whose values are written in one way only, and what keeps that way within the readings' patterns.
_CANONICAL = {
    "BIGINT": "({v}) BETWEEN -999999999999999999 AND 999999999999999999",
    "DECIMAL": "true",
    "BOOLEAN": "true",
    "DATE": "length({c}) = 10",
    "TIMESTAMP": "length({c}) = 19",
}
_MOMENTS = ("date", "time", "timestamp")
_BLANKS = "' ' || chr(9) || chr(160)"
TEXT = Reading("text", "VARCHAR", "", "{c}")
INTEGER = Reading("integer", "BIGINT", _SIGN + _WHOLE, "TRY_CAST({c} AS BIGINT)")
#: Numbers whose digits a double keeps.
FLOAT = Reading(
    "float",
    "DOUBLE",
    _SIGN + r"((0|[1-9][0-9]{0,14})(\.[0-9]{0,16})?|\.[0-9]{1,16})([eE][+-]?[0-9]{1,2})?",
    "TRY_CAST({c} AS DOUBLE)",
)
ANY_NUMBER = Reading(
    "float",
    "DOUBLE",
    _SIGN + r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?",
    "TRY_CAST({c} AS DOUBLE)",
)


def decimal(scale: int, *, mark: str = ".", groups: str = "", digits: int = 18) -> Reading:
    """Exact numbers of up to `scale` places; `groups` is what stands between thousands."""
    dot = "," if mark == "," else r"\."
    before = digits - scale
    whole = rf"(0|[1-9][0-9]{{0,{before - 1}}})" if before > 0 else "0"
    if groups:
        separator = {".": r"\.", "'": "'", " ": "[ \u00a0\u202f]"}.get(groups, groups)
        most = max(1, (before - 3) // 3)
        whole = rf"({whole}|[1-9][0-9]{{0,2}}({separator}[0-9]{{3}}){{1,{most}}})"
    places = rf"({dot}[0-9]{{1,{scale}}})?" if scale else ""
    value = "{c}"
    for unwanted in {"": (), " ": (" ", "\u00a0", "\u202f")}.get(groups, (groups,)):
        value = f"replace({value}, {literal(unwanted)}, '')"
    if mark == ",":
        value = f"replace({value}, ',', '.')"
    sql_type = f"DECIMAL({digits}, {scale})"
    if not scale and digits == 18:
        sql_type = "BIGINT"
    kind = "integer" if sql_type == "BIGINT" else "decimal"
    said = f"decimal mark {mark!r}" if mark != "." else ""
    if groups:
        said += f"{', ' if said else ''}thousands in groups by {groups!r}"
    return Reading(kind, sql_type, _SIGN + whole + places, f"TRY_CAST({value} AS {sql_type})", said)


def _boolean(yes: str, no: str) -> Reading:
    return Reading(
        "boolean",
        "BOOLEAN",
        f"(?i:{yes}|{no})",
        f"CASE lower({{c}}) WHEN '{yes}' THEN true WHEN '{no}' THEN false END",
        f"{yes}/{no}",
    )


def _moment(kind: str, pattern: str, format: str) -> Reading:
    sql_type = {"date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP"}[kind]
    value = f"TRY_STRPTIME({{c}}, '{format}')" + ("" if kind == "timestamp" else f"::{sql_type}")
    return Reading(kind, sql_type, pattern, value, format)


_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
_SECONDS = rf"{_CLOCK}:[0-5][0-9]"
ISO_DATE = Reading("date", "DATE", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "TRY_CAST({c} AS DATE)", "%Y-%m-%d")
ISO_TIMESTAMP = Reading(
    "timestamp",
    "TIMESTAMP",
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?",
    "TRY_CAST({c} AS TIMESTAMP)",
    "%Y-%m-%d %H:%M:%S",
)
ZONED_TIMESTAMP = Reading(
    "timestamp",
    "TIMESTAMP",
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)? ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)",
    "make_timestamp(epoch_us(TRY_CAST({c} AS TIMESTAMPTZ)))",
    "%Y-%m-%d %H:%M:%S%z, as UTC",
)
TIME = Reading("time", "TIME", rf"{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?", "TRY_CAST({c} AS TIME)", "%H:%M:%S")
TIME_12 = _moment("time", r"(0?[1-9]|1[0-2]):[0-5][0-9] ?[AaPp][Mm]", "%I:%M %p")
BOOLEANS = (_boolean("true", "false"), _boolean("yes", "no"))


def _dates(order: str) -> list[Reading]:
    """The readings of dates whose parts stand in this order: dmy, mdy or ymd."""
    day, month = "(0?[1-9]|[12][0-9]|3[01])", "(0?[1-9]|1[0-2])"
    readings = []
    for mark in "/.-":
        separator = re.escape(mark) if mark != "-" else "-"
        parts = {"d": (day, "%d"), "m": (month, "%m"), "y": ("[0-9]{4}", "%Y")}
        pattern = separator.join(parts[part][0] for part in order)
        format = mark.join(parts[part][1] for part in order)
        readings.append(_moment("date", pattern, format))
        readings.append(_moment("timestamp", rf"{pattern} {_SECONDS}", format + " %H:%M:%S"))
        readings.append(_moment("timestamp", rf"{pattern} {_CLOCK}", format + " %H:%M"))
    return readings


ORDERED_DATES = {order: _dates(order) for order in ("ymd", "dmy", "mdy")}


def candidates(values: list[str], *, decimal_mark: str = "", date_order: str = "") -> list[Reading]:
    """The readings that all of these sample values allow, the one to prefer first; none means text."""
    texts = [text for text in (value.strip(" \t\u00a0") for value in values) if text]
    texts = [text for text in texts if text.lower() not in MISSING_WORDS]
    if not texts:
        return []
    found: list[Reading] = []
    if all(text[0] in "0123456789+-.," for text in texts):
        found += _numbers(texts, decimal_mark)
        for reading in (ISO_DATE, ISO_TIMESTAMP, ZONED_TIMESTAMP, TIME, TIME_12):
            if all(map(reading.matches, texts)):
                found.append(reading)
        orders = [date_order] if date_order else ["ymd", "dmy", "mdy"]
        dated = [item for order in orders for item in ORDERED_DATES[order] if all(map(item.matches, texts))]
        found += [item for item in dated if item.format != "%Y-%m-%d"]
    else:
        found += [reading for reading in BOOLEANS if all(map(reading.matches, texts))]
    return found


def is_ambiguous(readings: list[Reading]) -> bool:
    """Whether day and month can change places in what is left."""
    formats = {re.sub("[^dm]", "", reading.format)[:2] for reading in readings if "%d" in reading.format}
    return {"dm", "md"} <= formats


def _numbers(texts: list[str], decimal_mark: str) -> list[Reading]:
    if decimal_mark != "," and all(map(INTEGER.matches, texts)):
        return [INTEGER, *_decimals(texts, ".", ""), FLOAT]
    if decimal_mark != ",":
        if plain := _decimals(texts, ".", ""):
            return [*plain, FLOAT]
        if all(map(FLOAT.matches, texts)):
            return [FLOAT]
        for groups in (",", " ", "'"):
            # A comma alone could be either mark: one value has to hold both.
            certain = groups != "," or decimal_mark or any("," in text and "." in text for text in texts)
            if certain and (grouped := _decimals(texts, ".", groups)):
                return grouped
    if decimal_mark != ".":
        if comma := _decimals(texts, ",", ""):
            return comma if decimal_mark or not _could_be_groups(texts) else []
        for groups in (".", " "):
            if grouped := _decimals(texts, ",", groups):
                return grouped if decimal_mark or any("," in text for text in texts) else []
    return []


def _could_be_groups(texts: list[str]) -> bool:
    return all(re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})*", text) for text in texts)


def _decimals(texts: list[str], mark: str, groups: str) -> list[Reading]:
    loose = decimal(18, mark=mark, groups=groups, digits=38)
    if not all(map(loose.matches, texts)):
        return []
    scale = max(len(text.rpartition(mark)[2]) if mark in text else 0 for text in texts)
    digits = max(sum(mark_.isdigit() for mark_ in text.partition(mark)[0]) for text in texts)
    if digits + scale > 18:
        return [decimal(scale, mark=mark, groups=groups, digits=38)] if digits + scale <= 38 and scale <= 9 else []
    # Values further on may have more places than the sample's.
    wider = [width for width in (scale, min(scale + 2, 18 - digits), min(9, 18 - digits)) if width >= scale]
    return [decimal(width, mark=mark, groups=groups) for width in dict.fromkeys(wider)]


def declared(type: str, found: list[Reading], *, decimal_mark: str = "", date_order: str = "") -> Reading:
    """The reading for a type that the person asks for, as wide as the type is.

    `found` are the readings of the sample: they say which of several forms of the type the file has.
    """
    alike = [reading for reading in found if reading.type == type]
    if alike and (type in _MOMENTS or alike[-1].format) and not is_ambiguous(found):
        return alike[-1]
    if type == "integer":
        return Reading("integer", "BIGINT", r"[+-]?[0-9]{1,18}", "TRY_CAST({c} AS BIGINT)")
    if type == "decimal":
        mark, value = (",", "replace({c}, ',', '.')") if decimal_mark == "," else (r"\.", "{c}")
        pattern = rf"[+-]?([0-9]{{1,29}}({mark}[0-9]{{0,9}})?|{mark}[0-9]{{1,9}})"
        return Reading("decimal", "DECIMAL(38, 9)", pattern, f"TRY_CAST({value} AS DECIMAL(38, 9))")
    if type == "float":
        return ANY_NUMBER
    if type == "boolean":
        return Reading(
            "boolean",
            "BOOLEAN",
            "(?i:true|false|yes|no|t|f|y|n|1|0)",
            "lower({c}) IN ('true', 'yes', 't', 'y', '1')",
        )
    order = date_order or "ymd"
    several = [ISO_DATE, *(item for item in ORDERED_DATES[order] if item.type == "date")]
    if type == "time":
        several = [TIME, TIME_12]
    elif type == "timestamp":
        several = [ISO_TIMESTAMP, *(item for item in ORDERED_DATES[order] if item.type == "timestamp"), ISO_DATE]
    value = "COALESCE(" + ", ".join(_guarded(item) for item in several) + ")"
    sql_type = {"date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP"}[type]
    return Reading(type, sql_type, "", value)


def _guarded(reading: Reading) -> str:
    pattern = reading.pattern.replace("{", "{{").replace("}", "}}")
    return f"CASE WHEN regexp_full_match({{c}}, {literal(pattern)}) THEN {reading.value} END"


def without_words(column: str, words: tuple[str, ...]) -> str:
    """The text of a column, NULL where it is one of the words for "no value"."""
    if not words:
        return column
    listed = ", ".join(literal(word) for word in words)
    return f"CASE WHEN lower({column}) NOT IN ({listed}) THEN {column} END"
