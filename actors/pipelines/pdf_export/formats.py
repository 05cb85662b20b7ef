"""Values as text: the same in the engine's expressions, for the table, and in Python, for totals and axes."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from actors.tables import engine

#: Thousands separator and decimal mark. Numbers do not break: their spaces are narrow and fixed.
MARKS = {"en": (",", "."), "de": (".", ","), "fr": ("\u202f", ","), "plain": ("", ".")}
MINUS = "−"
DAYS = {"iso": "%Y-%m-%d", "dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "long": "%-d %B %Y"}
TRUTHS = ("Yes", "No")
#: Decimals of a float column at most, and where they stop helping.
MOST_DECIMALS = 6
HUGE = 1e15


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one column's values are written."""

    type: str
    numbers: str = "en"
    dates: str = "iso"
    #: Digits after the decimal mark; None for floats of very different sizes, which get six figures.
    decimals: int | None = 0
    is_grouped: bool = True
    has_time: bool = True
    has_seconds: bool = False

    def sql(self, column: str) -> str:
        """The expression of a column's text; NULL stays NULL."""
        cell = engine.name(column)
        if self.type == "text":
            return cell
        if self.type == "boolean":
            return f"CASE {cell} WHEN true THEN '{TRUTHS[0]}' WHEN false THEN '{TRUTHS[1]}' END"
        if self.type == "time":
            return f"left({cell}::VARCHAR, {8 if self.has_seconds else 5})"
        if self.type in ("date", "timestamp"):
            return f"strftime({cell}, {engine.literal(self._pattern)})"
        if self.type == "float" and self.decimals is None:
            return self._marked(f"format('{{:.6g}}', {cell})", grouped=False)
        return self._number_sql(cell)

    def text(self, value: Any) -> str:
        """One value as text, as the engine writes it."""
        if value is None:
            return ""
        if self.type in ("integer", "decimal", "float"):
            return self.number(value)
        if isinstance(value, bool):
            return TRUTHS[0] if value else TRUTHS[1]
        if isinstance(value, (datetime.date, datetime.time)):
            return value.strftime(self._pattern)
        return str(value)

    def number(self, value: Any) -> str:
        """A number as text."""
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
        if self.decimals is None:
            written = f"{float(value):.6g}"
        elif isinstance(value, (int, Decimal)):
            written = f"{Decimal(value):,.{self.decimals}f}"
        else:
            written = f"{value:,.{self.decimals}f}"
        thousands, mark = MARKS[self.numbers]
        if not self.is_grouped:
            thousands = ""
        return written.translate({ord(","): thousands, ord("."): mark, ord("-"): MINUS})

    @property
    def _pattern(self) -> str:
        day, clock = DAYS[self.dates], "%H:%M:%S" if self.has_seconds else "%H:%M"
        if self.type == "date":
            return day
        if self.type == "time":
            return clock
        return f"{day} {clock}" if self.has_time else day

    def _number_sql(self, cell: str) -> str:
        decimals = self.decimals or 0
        if self.type == "integer" or (self.type == "decimal" and not decimals):
            text = f"format('{{:,}}', {cell}::HUGEINT)" if self.type == "decimal" else f"format('{{:,}}', {cell})"
            return self._marked(text, grouped=True)
        if self.type == "decimal":
            # Exact: a decimal cast to a double would lose digits. The sign is set apart, as -0.5 has a whole part of 0.
            written = f"abs({cell})::VARCHAR"
            whole = f"format('{{:,}}', split_part({written}, '.', 1)::HUGEINT)"
            part = f"rpad(split_part({written}, '.', 2), {decimals}, '0')"
            thousands, mark = self._marks
            whole = f"replace({whole}, ',', {engine.literal(thousands)})" if thousands != "," else whole
            return f"CASE WHEN {cell} < 0 THEN '{MINUS}' ELSE '' END || {whole} || {engine.literal(mark)} || {part}"
        finite = self._marked(f"format('{{:,.{decimals}f}}', {cell})", grouped=True)
        return (
            f"CASE WHEN isfinite({cell}) THEN {finite} "
            f"WHEN isnan({cell}) THEN 'NaN' WHEN {cell} > 0 THEN '∞' WHEN {cell} < 0 THEN '{MINUS}∞' END"
        )

    def _marked(self, text: str, *, grouped: bool) -> str:
        thousands, mark = self._marks
        wanted = f"{thousands if grouped else ''}{mark}{MINUS}"
        if len(wanted) == 3:
            return f"translate({text}, ',.-', {engine.literal(wanted)})"
        # `translate` drops what has no counterpart: the separator is named last.
        return f"translate({text}, '.-,', {engine.literal(f'{mark}{MINUS}')})"

    @property
    def _marks(self) -> tuple[str, str]:
        thousands, mark = MARKS[self.numbers]
        return (thousands if self.is_grouped else "", mark)


def float_decimals(values: list[float]) -> int | None:
    """Return the digits that a column of floats needs after the decimal mark, judged by a sample of its values.

    None when the sizes are too far apart for a fixed number of digits.
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    if not finite:
        return 2
    if max(finite) >= HUGE:
        return None
    for decimals in range(5):
        if sum(round(value, decimals) == value for value in finite) >= 0.995 * len(finite):
            return decimals
    middle = sorted(finite)[len(finite) // 2]
    if middle and middle < 10 ** -(MOST_DECIMALS - 2):
        return None
    return 2 if middle >= 10 else min(MOST_DECIMALS, 2 - math.floor(math.log10(middle or 1)))
