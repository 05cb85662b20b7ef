"""What a cell of text looks like, for telling a header from its rows and one delimiter from another."""

from __future__ import annotations

import functools
import re

_NUMBER = re.compile(
    r"[+-]?(?:\d+|\d{1,3}(?:[,. ' \u00a0\u202f]\d{3})+)(?:[.,]\d+)?(?:[eE][+-]?\d+)?\s?%?|[+-]?[.,]\d+"
)
_MONEY = re.compile(r"[$€£¥]\s?[+-]?[\d.,]+|[+-]?[\d.,]+\s?[$€£¥]|\([\d.,]+\)")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}([-/.])\d{1,2}\2\d{2,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?)?"
    r"|[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4}(?: \d{2}:\d{2}(?::\d{2})?)?(?: [A-Z]{3}| [+-]\d{4})?"
    rf"|(?i:\d{{1,2}}[- ]{_MONTH}[- ]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}|{_MONTH}[- ]\d{{2,4}})"
)
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?")
_BOOLEAN = re.compile(r"(?i)true|false|yes|no")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?|ftp)://\S+|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")
_WORDS = re.compile(r"[\w][\w .'’\-/()#&%+°!?@*$€\n]*", re.UNICODE)
MISSING = re.compile(r"(?i)n/?a|#n/a|null|none|nan|-+|\.+|\?|\\n|missing|unknown|error")
#: Characters of a cell that are looked at.
LOOKED_AT = 400
_OPENING = {"(": ")", "[": "]", "{": "}"}
_BRACKETS = re.compile(r"[()\[\]{}]")


@functools.lru_cache(1 << 16)
def shape_of(cell: str) -> str:
    """The shape of a cell: "", number, date, time, boolean, address or text."""
    cell = cell.strip()
    if not cell:
        return ""
    if len(cell) > LOOKED_AT:
        return "text"
    if len(cell) <= 64:
        if _NUMBER.fullmatch(cell) or _MONEY.fullmatch(cell):
            return "number"
        if _DATE.fullmatch(cell):
            return "date"
        if _TIME.fullmatch(cell):
            return "time"
        if _BOOLEAN.fullmatch(cell):
            return "boolean"
    return "address" if _ADDRESS.fullmatch(cell) else "text"


@functools.lru_cache(1 << 16)
def is_missing(cell: str) -> bool:
    """Whether the cell says that there is no value."""
    return MISSING.fullmatch(cell.strip()) is not None


def is_typed(shape: str) -> bool:
    """Whether cells of this shape are more than words."""
    return shape not in ("", "text")


def is_balanced(cell: str) -> bool:
    """Whether each bracket in the cell has its other half: a sign that nothing was cut within brackets."""
    open_ones: list[str] = []
    for mark in _BRACKETS.findall(cell):
        if mark in _OPENING:
            open_ones.append(_OPENING[mark])
        elif not open_ones or open_ones.pop() != mark:
            # `a)` numbers a list, and `:)` smiles.
            return False
    return not open_ones


def list_parts(cell: str, sign: str) -> list[str]:
    """The values in a cell that holds several with the sign between them."""
    return [part.strip() for part in cell.split(sign)]


@functools.lru_cache(1 << 16)
def looks_like_value(cell: str, delimiter: str, quote: str) -> bool:
    """Whether the cell looks like one value of a table, rather than several or a part of one."""
    cell = cell.strip()
    if not cell or shape_of(cell) != "text" or MISSING.fullmatch(cell):
        return True
    if len(cell) > LOOKED_AT:
        return quote == '"'
    if cell[0] in "\"'" and cell[0] != quote and cell[-1] == cell[0] and len(cell) > 1:
        return False
    if any(cell.startswith(mark) != cell.endswith(mark) for mark in ('"', quote) if mark):
        return False
    if not is_balanced(cell) and len(cell) > 3:
        return False
    if _WORDS.fullmatch(cell):
        return True
    # A cell full of another delimiter was cut at the wrong one, unless it is a list of things of one kind.
    return not any(other in cell and _is_mixed(cell, other) for other in ";|\t\x1f\x01^~," if other != delimiter)


def _is_mixed(cell: str, sign: str) -> bool:
    if sign == "," and ", " in cell:
        # Sentences hold commas.
        return False
    first = ""
    for part in list_parts(cell, sign):
        shape = shape_of(part)
        if shape and first and shape != first:
            return True
        first = first or shape
    return False
