"""The report of an import: the account of the file's lines, and what the dataset's row keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.reading.account import Tally
from actors.reading.dialect import Dialect
from actors.reading.made import Plan
from actors.reading.remarks import NOTED_COLUMNS, notes_of, warnings_of

#: The keys of the page's account, by those of the scan's tally.
_COUNTS = {
    "lines": "lines",
    "header_lines": "header_lines",
    "before_table": "before",
    "after_table": "after",
    "comment_lines": "comment",
    "blank_lines": "blank",
    "other_table": "other_table",
    "padded": "padded",
    "trimmed": "trimmed",
    "repaired": "repaired",
    "mixed_encoding": "mixed_encoding",
    "controls": "c1_controls",
    "undecodable": "undecodable",
    "nul_bytes": "nul_bytes",
}
_FACTS = (
    ("other_table", "Of these of another table"),
    ("after_table", "Of these notes after the table"),
)
_LATER_FACTS = (
    ("before_table", "Lines before the table"),
    ("comment_lines", "Comment lines"),
    ("blank_lines", "Blank lines"),
    ("padded", "Short rows filled up"),
    ("trimmed", "Long rows with only empty extras cut"),
    ("repaired", "Rows with damaged quotes repaired"),
    ("mixed_encoding", "Values in another encoding"),
    ("controls", "Control codes read as signs"),
    ("undecodable", "Bytes that the encoding lacks"),
    ("nul_bytes", "Control bytes left out"),
)
#: Names in the report of a dataset's dialect that its columns have, or nobody asks for.
_NOT_REPORTED = frozenset(("names", "source_names", "shapes", "above", "least", "fallback"))


def counts_of(tally: Tally) -> dict[str, int]:
    """The account of the file's lines; what there is none of is absent."""
    return {name: count for key, name in _COUNTS.items() if (count := getattr(tally, key))}


def facts_of(plan: Plan, tally: Tally) -> list[list[Any]]:
    """The (title, number) pairs of the job's result."""
    facts: list[list[Any]] = [["Records in the file", plan.records], ["Rows", plan.rows]]
    facts.append(["Rejected", plan.rejected])
    facts += [[title, count] for key, title in _FACTS if (count := getattr(tally, key))]
    if plan.looked_for_duplicates:
        facts.append(["Duplicates", plan.duplicates])
    facts.append(["Columns", len(plan.columns)])
    if nearly := sum(1 for column in plan.columns if column.nearly):
        facts.append(["Of these nearly of a type", nearly])
    facts += [[title, count] for key, title in _LATER_FACTS if (count := getattr(tally, key))]
    return facts


def report_of(dialect: Dialect, tally: Tally, plan: Plan, *, member: str, is_profiled: bool) -> dict[str, Any]:
    """What the dataset's row keeps of how the file was read, for its page and for imports that are to be like it."""
    report = {key: value for key, value in msgspec.to_builtins(dialect).items() if key not in _NOT_REPORTED}
    columns = plan.columns[:NOTED_COLUMNS]
    return {
        **report,
        "notes": notes_of(dialect, plan),
        "warnings": warnings_of(plan, tally),
        "counts": counts_of(tally),
        "looked_for_duplicates": plan.looked_for_duplicates,
        "formats": {column.name: column.reading.format for column in columns if column.reading.format},
        **({"member": member} if member else {}),
        **({} if is_profiled else {"profile": "pending"}),
    }


def headline_of(plan: Plan) -> str:
    """The result in a few words."""
    rows = plan.rows
    headline = f"{rows:,} {'row' if rows == 1 else 'rows'} imported"
    return headline + (f", {plan.rejected:,} rejected" if plan.rejected else "")
