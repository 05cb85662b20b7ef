"""What a cell of text looks like, for telling a header from its rows and one delimiter from another."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[,. ' ]\d{3})+)(?:[.,]\d+)?(?:[eE][+-]?\d+)?\s?%?")
_MONEY = re.compile(r"[$€£¥]\s?[+-]?[\d.,]+|[+-]?[\d.,]+\s?[$€£¥]")
_DATE = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}([-/.])\d{1,2}\2\d{2,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?)?"
)
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?")
_BOOLEAN = re.compile(r"(?i)true|false|yes|no|t|f|y|n")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?|ftp)://\S+|\d{1,3}(?:\.\d{1,3}){3}")
_WORDS = re.compile(r"[\w][\w .'’\-/()#&%+°!?@*$€\n]*", re.UNICODE)
_MISSING = re.compile(r"(?i)n/?a|null|none|nan|-+|\\n|\?")


def shape_of(cell: str) -> str:
    """The shape of a cell: "", number, date, time, boolean or text."""
    cell = cell.strip()
    if not cell:
        return ""
    if len(cell) > 64:
        return "text"
    if _NUMBER.fullmatch(cell) or _MONEY.fullmatch(cell):
        return "number"
    if _DATE.fullmatch(cell):
        return "date"
    if _TIME.fullmatch(cell):
        return "time"
    if len(cell) > 1 and _BOOLEAN.fullmatch(cell):
        return "boolean"
    return "text"


def looks_like_value(cell: str, delimiter: str, quote: str) -> bool:
    """Whether the cell is what one value of a table looks like, rather than several or a part of one."""
    cell = cell.strip()
    if not cell or shape_of(cell) != "text" or _ADDRESS.fullmatch(cell) or _MISSING.fullmatch(cell):
        return True
    if cell.startswith(('"', "'")) and cell[0] != quote:
        return False
    if quote and (cell.startswith(quote) or cell.endswith(quote)):
        return False
    if len(cell) > 400:
        return quote == '"'
    if _WORDS.fullmatch(cell):
        return True
    # Sentences hold commas and colons; a cell full of another delimiter was cut at the wrong one.
    return not any(other in cell for other in ";|\t\x1f\x01^~" if other != delimiter) and "," not in cell.strip(",")
