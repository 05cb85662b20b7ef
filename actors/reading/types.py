"""What the values of a column are, proved on all of them: a type is given only when every value keeps its meaning.

A reading is a way to take text as values of a type: a pattern that the text must match in full, and the engine's
expression for its value. Detection never costs a row its place: where one value does not fit, the column is text.
A type that the person declares is the other way round: a value that does not fit is a reason to reject the row.

Numbers, moments, and the choice among them have files of their own: numbers.py, moments.py, guessing.py.
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Collection
from dataclasses import dataclass

from actors.tables.engine import literal

TYPES = ("text", "integer", "decimal", "float", "boolean", "date", "time", "timestamp")
#: Words that stand for "no value" in a column whose other values are of a type.
MISSING_WORDS = ("na", "n/a", "#n/a", "null", "none", "nan", "nil", "-", "--", "?", "\\n", "missing", "(null)", "<na>")
#: What is cut off around a value: space, tab, no-break space.
BLANKS = " \t\u00a0"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Two digits of a year from here on are of the 1900s, below of the 2000s: the engine's rule.
FIRST_YEAR = 69
#: Stands between values that one pattern is asked about at once.
_BETWEEN = "\x1f"
#: Characters up to which a double keeps every digit of a number, whatever they are.
_SHORT = 15
#: Days that not every month has.
_RARE_DAY = "(?<![0-9])(?:29|30|31)(?![0-9])"
_SHORT_FLOAT = r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?"


@dataclass(frozen=True)
class Reading:
    """`value` is an SQL expression of `{c}`, the trimmed text; `pattern` an RE2 pattern of the whole text.

    `exact` asks of a double that its shortest text is the number that was written.
    """

    type: str
    sql_type: str
    pattern: str
    value: str
    format: str = ""
    exact: bool = False

    def fitting(self, texts: Collection[str]) -> list[str]:
        """Those of these texts, without blanks around them, that have the form and keep their meaning."""
        fullmatch = _compiled(self.pattern).fullmatch
        formed = [text for text in texts if fullmatch(text)]
        return [text for text in formed if self._keeps(text)] if self.exact or self.order else formed

    def expression(
        self, column: str, *, declared: bool = False, trims: bool = True, words: tuple[str, ...] = ()
    ) -> str:
        """The value of a raw text column, NULL where there is none or it does not fit.

        `words` are the person's words for "no value"; `declared` values were not proved, so the pattern is
        checked again.
        """
        if self.type == "text":
            return without_words(column, words)
        text = trimmed(column) if trims else column
        value = self.value.format(c=text)
        conditions = []
        if words:
            conditions.append(f"{without_words(text, words)} IS NOT NULL")
        if self.exact and declared:
            conditions.append(f"NOT ({self.misfit(column, trims=trims, missing=())})")
        elif self.pattern and declared:
            conditions.append(f"regexp_full_match({text}, {literal(self._loose_pattern)})")
        elif self.type == "float":
            # The engine casts the word nan to a number; other missing words it does not take for values.
            value = f"nullif({value}, 'nan'::DOUBLE)"
        return f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value

    def misfit(self, column: str, *, trims: bool, missing: tuple[str, ...]) -> str:
        """The condition that a raw text would lose its meaning if it were read this way."""
        text = trimmed(column) if trims else column
        absent = literal(self._absent_pattern(missing))
        value = self.value.format(c=text)
        if not self.pattern:
            return f"({value}) IS NULL AND NOT regexp_full_match({text}, {absent})"
        if self.exact:
            return self._inexact(text, value, absent)
        either = literal(f"{self._loose_pattern}|{self._absent_pattern(missing)}")
        # What the pattern takes for a number or a truth value, the engine casts.
        lost = f"NOT regexp_full_match({text}, {either})"
        if self.is_moment:
            lost = f"{lost} OR ({value} IS NULL AND NOT regexp_full_match({text}, {absent}))"
        if self.sql_type == "BOOLEAN" or self.value == f"TRY_CAST({{c}} AS {self.sql_type})":
            # A value that is written again as the same text has lost nothing: quicker to see than by a pattern.
            for kind, limit in _CANONICAL.items():
                if self.sql_type.startswith(kind):
                    same = f"({value})::VARCHAR = {text} AND {limit.format(c=text, v=value)}"
                    return f"CASE WHEN {same} THEN false ELSE {lost} END"
        return lost

    def matches_all(self, texts: Collection[str]) -> bool:
        """The same of all these texts, none of which is empty."""
        return not self.misfits(texts, trims=False, missing=())

    def misfits(self, values: Collection[str], *, trims: bool, missing: tuple[str, ...]) -> list[str]:
        """The values that `misfit` is true of."""
        texts = [value.strip(BLANKS) for value in values] if trims else values
        absent = self._absent_pattern(missing)
        quick = f"(?=[^{_BETWEEN}]{{0,{_SHORT}}}{_BETWEEN})(?:{_SHORT_FLOAT})" if self.exact else self._loose_pattern
        joined = _BETWEEN.join(texts) + _BETWEEN
        if joined.count(_BETWEEN) == len(texts) and _repeated(f"{quick}|{absent}").fullmatch(joined):
            if not self.order:
                return []
            rare = [value for value, text in zip(values, texts, strict=True) if _compiled(_RARE_DAY).search(text)]
            texts = [value.strip(BLANKS) for value in rare] if trims else rare
            values = rare
        fullmatch, form = (
            _compiled(f"{self._loose_pattern}|{absent}").fullmatch,
            _compiled(self._loose_pattern).fullmatch,
        )
        return [
            value
            for value, text in zip(values, texts, strict=True)
            if fullmatch(text) is None or (form(text) is not None and not self._keeps(text))
        ]

    @property
    def is_moment(self) -> bool:
        return self.type in _MOMENTS

    @property
    def is_judged_here(self) -> bool:
        """Whether `misfits` agrees with the engine: it cannot for several forms in one reading."""
        return bool(self.pattern)

    @property
    def order(self) -> str:
        """The order of day, month and year: "dmy", "mdy", "ymd"; nothing where there is no date."""
        return _order_of(self.format)

    @property
    def skips_blanks(self) -> bool:
        """Whether the engine's cast passes over blanks around the text, so that nothing has to cut them off."""
        return self.value.startswith("TRY_CAST({c} AS ") and self.type in ("integer", "decimal", "float")

    def _keeps(self, text: str) -> bool:
        """Whether a text of the right form means something, and all of it is kept."""
        if self.exact:
            return keeps_digits(text.strip(BLANKS))
        return not self.order or _is_day(text, self.order)

    def _inexact(self, text: str, value: str, absent: str) -> str:
        """The condition that a double is another number than its text says, the quickest checks first."""
        short, form = literal(f"[ \t]*{_SHORT_FLOAT}[ \t]*"), literal(self._loose_pattern)
        digits, value_digits = (_DIGITS.format(t=item) for item in (text, f"({value})::VARCHAR"))
        return f"""CASE
            WHEN length({text}) <= {_SHORT} AND regexp_full_match({text}, {short}) THEN false
            WHEN isfinite({value}) AND ({value})::VARCHAR = {text} THEN false
            WHEN regexp_full_match({text}, {form}) THEN {digits} <> {value_digits}
            ELSE NOT regexp_full_match({text}, {absent}) END"""

    def _absent_pattern(self, missing: tuple[str, ...]) -> str:
        absent = _any_word(missing)
        return f"[ \t]*{absent}[ \t]*" if self.skips_blanks else absent

    @property
    def _loose_pattern(self) -> str:
        return f"[ \t]*(?:{self.pattern})[ \t]*" if self.skips_blanks else f"(?:{self.pattern})"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A reading that the sample allows.

    `needs` is a pattern that at least one value of the column has to match before the reading is certain;
    `doubt` is the note when none does.
    """

    reading: Reading
    needs: str = ""
    doubt: str = ""


@functools.lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@functools.lru_cache(256)
def _any_word(words: tuple[str, ...]) -> str:
    return "(?i:" + "|".join(map(re.escape, words)) + ")?"


@functools.lru_cache(4096)
def _order_of(format: str) -> str:
    return "".join(re.findall("%([dmbByY])", format))[:3].lower().replace("b", "m")


@functools.lru_cache(4096)
def _repeated(pattern: str) -> re.Pattern[str]:
    """The pattern of many values one after the other: one question instead of one for each."""
    quick = re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)
    return re.compile(f"(?:(?:{quick}){_BETWEEN})*")


#: Types whose values are written in one way only, and what keeps that way within the readings' patterns.
_CANONICAL = {
    "BIGINT": "({v}) BETWEEN -999999999999999999 AND 999999999999999999",
    "DECIMAL": "true",
    "BOOLEAN": "true",
    "DATE": "length({c}) = 10",
    "TIMESTAMP": "length({c}) = 19",
}
_MOMENTS = ("date", "time", "timestamp")
#: The digits of a number that say which it is, and the word inf as itself.
_DIGITS = r"trim(regexp_replace(lower({t}), 'e.*|[^0-9inf]|inity', '', 'g'), '0')"
TEXT = Reading("text", "VARCHAR", "", "{c}")


def keeps_digits(text: str) -> bool:
    """Whether the shortest text of the double that a text is read as means the same number."""
    if len(text) <= _SHORT and _compiled(_SHORT_FLOAT).fullmatch(text):
        return True
    shortest = repr(float(text))
    return shortest == text or _digits(shortest) == _digits(text)


def _digits(text: str) -> str:
    return re.sub("e.*|[^0-9inf]|inity", "", text.lower()).strip("0")


def _is_day(text: str, order: str) -> bool:
    parts = _compiled("[0-9]+|[A-Za-z]+").findall(text)
    if order == "mdy" and not parts[0].isdigit():
        month = MONTHS.index(parts[0][:3].lower()) + 1
    else:
        month_text = parts[order.index("m")]
        month = int(month_text) if month_text.isdigit() else MONTHS.index(month_text[:3].lower()) + 1
    day = int(parts[order.index("d")])
    if day <= 28:
        return True
    year = parts[order.index("y")]
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= FIRST_YEAR else 2000
    return day <= calendar.monthrange(number, month)[1]


def trimmed(column: str) -> str:
    """The expression of a text without the blanks around it."""
    return f"trim({column}, ' ' || chr(9) || chr(160))"


def without_words(column: str, words: tuple[str, ...]) -> str:
    """The text of a column, NULL where it is one of the words for "no value"."""
    if not words:
        return column
    listed = ", ".join(literal(word) for word in words)
    return f"CASE WHEN lower({column}) NOT IN ({listed}) THEN {column} END"


def stripped(values: Collection[str]) -> list[str]:
    """The values without blanks around them, the empty ones left out."""
    return [text for value in values if (text := value.strip(BLANKS))]
