"""How the columns of a table find their types.

1. A sample gives the possible readings, and the first of them is checked on all values.
2. Where some do not fit, two of them join the sample, and the check is repeated; at last the column is text.
3. For a column that is text because of a few values only, the misfits are counted.
4. What a column leaves open (day or month, point or comma), its neighbours may settle: as a guess, noted as one.

A type that the person declares, or that an earlier file's column had, is settled in the same way, but what does not
fit it stays out of the column: its row is rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from . import moments, numbers, proving
from .asking import Asking, Finding, Hints, asking_of
from .columns import Column, Nearly, groups_of, nearly_sentence
from .proving import Answer, Question
from .rules import Rule
from .types import Reading

#: Rows up to which values are judged here.
SMALL_ROWS = 5_000
#: Share of a text column's values from which it is said that they have a type.
NEARLY = 0.9


def find_types(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: list[Column],
    *,
    rows: int,
    rules: dict[int, Rule],
    hints: Hints,
    on_progress: Callable[[float], None],
) -> None:
    """Give each column its reading: proved on every value, or the one that its rule or an earlier file gives it."""
    groups = groups_of(columns, rows)
    findings: list[Finding] = []
    for number, group in enumerate(groups):

        def report_part(part: float, start: float = number / len(groups)) -> None:
            on_progress(start + part / len(groups))

        everyone = proving.Engine(con, folder, report_part)
        here = None
        if rows <= SMALL_ROWS:
            values = proving.values_of(con, folder, group)
            here = proving.Here(values)
            first = proving.sample_rows(len(columns))
            samples = {position: cells[:first] for position, cells in values.items()}
        else:
            samples = proving.samples_of(con, folder, group, width=len(columns))
        group_findings = [Finding(column=column, sample=samples[column.position], hints=hints) for column in group]
        _settle([(finding, asking_of(finding, rules)) for finding in group_findings], here, everyone)
        for finding in group_findings:
            if finding.nearly:
                _count_nearly(finding, here or everyone)
            # The neighbours need no more of it.
            finding.sample = finding.sample if finding.open else finding.sample[:100]
        findings += group_findings
        report_part(1.0)
    _ask_neighbours(findings)


def types_before(columns: list[Column], hints: Hints) -> None:
    """Give the columns of a table without rows the types they had in an earlier file."""
    for column in columns:
        column.reading = hints.model.get(column.name, column.reading)


def _settle(going: list[tuple[Finding, Asking]], here: proving.Here | None, everyone: proving.Engine) -> None:
    """Put the questions of all columns together, round by round, until none has any."""
    waiting: list[tuple[Finding, Asking, list[Question]]] = []
    for finding, asking in going:
        if (questions := next(asking, None)) is not None:
            waiting.append((finding, asking, questions))
    while waiting:
        pairs = [(finding.column, question) for finding, _, questions in waiting for question in questions]
        answers = iter(_answers(pairs, here, everyone))
        still = []
        for finding, asking, questions in waiting:
            try:
                more = asking.send([next(answers) for _ in questions])
                still.append((finding, asking, more))
            except StopIteration:
                continue
        waiting = still


def _answers(pairs: list[tuple[Column, Question]], here: proving.Here | None, everyone: proving.Engine) -> list[Answer]:
    if here is None:
        return everyone.ask(pairs)
    can = [question.reading.is_judged_here for _, question in pairs]
    judged = iter(here.ask([pair for pair, is_here in zip(pairs, can, strict=True) if is_here]))
    rest = [pair for pair, is_here in zip(pairs, can, strict=True) if not is_here]
    others = iter(everyone.ask(rest) if rest else [])
    return [next(judged if is_here else others) for is_here in can]


def _count_nearly(finding: Finding, answering: proving.Engine | proving.Here) -> None:
    """Say it of a text column when all but a few of its values have a type."""
    column = finding.column
    questions = [finding.question(reading, missing=(), counts=True) for reading in finding.nearly]
    answers = answering.ask([(column, question) for question in questions])
    least, total = min(answer.misfits for answer in answers), answers[0].value_count
    if not least or total - least < NEARLY * total:
        return
    best = [item for item, answer in zip(questions, answers, strict=True) if answer.misfits == least]
    reading = best[0].reading
    is_open = moments.is_ambiguous([item.reading for item in best])
    column.nearly = Nearly(
        type=reading.type,
        format="" if is_open else reading.format,
        count=total - least,
        of=total,
        others=answering.others(column, best[0]),
    )
    column.note = nearly_sentence(column.nearly)


def _ask_neighbours(findings: list[Finding]) -> None:
    """Settle what a column leaves open by what the other columns prove, where they agree."""
    orders: dict[str, str] = {}
    marks: dict[str, str] = {}
    for finding in findings:
        column = finding.column
        if column.note or column.reading.type == "text":
            continue
        if column.reading.order in ("dmy", "mdy") and "%b" not in column.reading.format:
            orders.setdefault(column.reading.order, column.name)
        if mark := numbers.mark_proved(finding.sample, column.reading):
            marks.setdefault(mark, column.name)
    for finding in findings:
        if not finding.open and not finding.rival:
            continue
        if len(orders) == 1:
            order, name = next(iter(orders.items()))
            reason = f"the {'day' if order == 'dmy' else 'month'} is taken to come first"
            _guess(finding, [item for item in finding.open if item.order == order], reason, name)
        if len(marks) == 1 and not numbers.has_both_marks(finding.sample):
            mark, name = next(iter(marks.items()))
            reason = f"the decimal mark is taken to be {mark!r}"
            fitting = [item for item in finding.open if item.type not in ("date", "timestamp")]
            fitting = [item for item in fitting if numbers.form_of(item.format)[0] == mark]
            _guess(finding, fitting, reason, name)
            if finding.rival and mark == ",":
                _guess(finding, [finding.rival], reason, name)


def _guess(finding: Finding, readings: list[Reading], reason: str, neighbour: str) -> None:
    if readings:
        finding.take(readings[0], f"{reason}, as in “{neighbour}”: a guess")
