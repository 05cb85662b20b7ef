"""Formula injection: a cell that a spreadsheet would run gets an apostrophe before it. Numbers stay as they are."""

from __future__ import annotations

import re

#: Signs that make a spreadsheet take a cell for a formula (OWASP, CSV Injection).
_START = re.compile(r"[=+\-@\t\r]")
#: Numbers, telephone numbers and a sign alone are not formulas.
_HARMLESS = r"[+\-][0-9 ().,%]*([eE][+\-]?[0-9]+)?"
_HARMLESS_PATTERN = re.compile(_HARMLESS)


def neutral(text: str) -> str:
    """The text as it can stand in a sheet."""
    if _START.match(text) and not _HARMLESS_PATTERN.fullmatch(text):
        return "'" + text
    return text


def neutral_sql(column: str) -> str:
    """The expression of a text column as it can stand in a sheet."""
    starts = f"contains('=+-@' || chr(9) || chr(13), left({column}, 1)) AND {column} <> ''"
    return (
        f"CASE WHEN {starts} AND NOT regexp_full_match({column}, '{_HARMLESS}') THEN '''' || {column} ELSE {column} END"
    )
