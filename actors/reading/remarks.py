"""Remarks about a reading: notes, guesses and warnings. Sentences for a person."""

from __future__ import annotations

from .account import Tally
from .dialect import Dialect
from .made import Plan

#: Lines, and their share of the file's, from which what is left out is a warning.
HANDFUL = 5
WARNED_SHARE = 0.01
#: Columns whose notes are listed.
NOTED_COLUMNS = 200


def warnings_of(plan: Plan, tally: Tally) -> list[str]:
    """Sentences about what is not among the rows, where it is more than a handful or more than a hundredth."""
    records, warnings = plan.records, []
    other, after = tally.other_table, tally.after_table
    lost = plan.rejected - other - after
    if _is_much(lost, records):
        warnings.append(f"{_share(lost, records, 'record')} rejected.")
    if _is_much(other, records):
        warnings.append(f"{_share(other, records, 'record')} of another table and left out.")
    if _is_much(after, records):
        warnings.append(f"{_lines(after)} after the table {_were(after)} left out.")
    for count, where in ((tally.before_table, "before the table"), (tally.comment_lines, "of comments")):
        if count > HANDFUL:
            warnings.append(f"{_lines(count)} {where} {_were(count)} left out.")
    if plan.records and not plan.rows:
        warnings.append("No record became a row.")
    return warnings


def notes_of(dialect: Dialect, plan: Plan) -> list[str]:
    """Notes about how the file was read: the dialect's, its guesses, and those of the columns."""
    notes = list(dialect.notes)
    guesses = [decision for decision in dialect.decisions if decision.certainty == "guess"]
    notes += [f"A guess: {decision.name} {decision}." for decision in guesses]
    notes += [f"{column.name}: {column.note}." for column in plan.columns[:NOTED_COLUMNS] if column.note]
    return notes


def _is_much(count: int, of: int) -> bool:
    return count > HANDFUL or (count > 0 and count > WARNED_SHARE * of)


def _share(count: int, of: int, what: str) -> str:
    percent = 100 * count / of if of else 0.0
    share = f"{percent:.1f}%" if percent >= 0.1 else "under 0.1%"
    return f"{count:,} of {of:,} {what}s ({share}) {_were(count)}"


def _lines(count: int) -> str:
    return f"{count:,} line{'s' if count != 1 else ''}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
