"""The questions about a column's values by which its type is settled: a dialogue for each way to a type.

A dialogue yields questions about all values and receives the answers, until the column has its reading. So the
questions of many columns fit in one statement.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from . import guessing, moments, numbers
from .columns import Column
from .guessing import Wanted
from .proving import Answer, Question
from .rules import Rule, type_for_bounds
from .types import BLANKS, MISSING_WORDS, Candidate, Reading, stripped

#: Times that a column is asked about before it is taken for text.
_ROUNDS = 6
DATES_DOUBT = "day and month could change places in every value: left as text; set the order of dates"

Asking = Generator[list[Question], list[Answer], None]


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What is known beforehand: the person's settings, and the readings of an earlier file's columns by name."""

    decimal_mark: str = ""
    date_order: str = ""
    model: dict[str, Reading] = field(default_factory=dict)


@dataclass(kw_only=True)
class Finding:
    """One column's way to its type."""

    column: Column
    sample: list[str]
    hints: Hints
    #: Readings that fit equally well: only another column can decide between them.
    open: list[Reading] = field(default_factory=list)
    #: A second meaning of numbers that would be taken without a second look.
    rival: Reading | None = None
    nearly: list[Reading] = field(default_factory=list)
    #: Whether the type stands before its values are seen.
    is_firm: bool = False

    def __post_init__(self) -> None:
        self._edges = _edges(self.sample)

    def candidates(self) -> list[Candidate]:
        return guessing.candidates(
            self.present_values(), decimal_mark=self.hints.decimal_mark, date_order=self.hints.date_order
        )

    def present_values(self) -> list[str]:
        """The sample without words for "no value"."""
        words = {*self.column.words, *self.column.ignored}
        return [value for value in self.sample if value.strip(BLANKS).lower() not in words] if words else self.sample

    def question(
        self, reading: Reading, *, missing: tuple[str, ...] = MISSING_WORDS, needs: str = "", counts: bool = False
    ) -> Question:
        words = (*missing, *self.column.words, *self.column.ignored)
        return Question(reading=reading, trims=self.trims(reading), missing=words, needs=needs, counts=counts)

    def trims(self, reading: Reading) -> bool:
        """Whether blanks have to be cut off: numbers are cast with spaces and tabs around them.

        Where a misfit rejects its row, blanks beyond the sample must not be a misfit.
        """
        if self.is_firm and not reading.skips_blanks:
            return True
        return self._edges & set("\u00a0" if reading.skips_blanks else BLANKS) != set()

    def take(self, reading: Reading, note: str = "") -> None:
        self.column.reading = reading
        self.column.trims = self.trims(reading)
        self.column.note = note

    def learn(self, answers: list[Answer]) -> None:
        examples = [value for answer in answers for value in answer.examples]
        self.sample = [*self.sample, *examples]
        self._edges |= _edges(examples)


def asking_of(finding: Finding, rules: dict[int, Rule]) -> Asking:
    """The dialogue of a column: by its rule, by the earlier file, or by its values."""
    rule = rules.get(finding.column.position)
    wanted = (rule.type or type_for_bounds(rule)) if rule else ""
    before = finding.hints.model.get(finding.column.name)
    if wanted == "text":
        return _nothing()
    if rule and wanted:
        return _declared(finding, wanted, missing=() if rule.type else MISSING_WORDS)
    return _as_before(finding, before) if before else _detected(finding)


def _nothing() -> Asking:
    yield from ()


def _detected(finding: Finding) -> Asking:
    """A type that every value has, or text."""
    failed: set[tuple[Reading, bool]] = set()
    for turn in range(_ROUNDS):
        candidates = [
            candidate
            for candidate in finding.candidates()
            if (candidate.reading, finding.trims(candidate.reading)) not in failed
        ]
        if not candidates:
            break
        # Readings with several meanings are tried together.
        is_open = any(item.needs for item in candidates) or moments.is_ambiguous([item.reading for item in candidates])
        tried = candidates if turn or is_open else candidates[:1]
        answers = yield [finding.question(item.reading, needs=item.needs) for item in tried]
        fitting = [(item, answer.met) for item, answer in zip(tried, answers, strict=True) if not answer.misfits]
        if fitting:
            _choose(finding, fitting)
            return
        failed |= {(item.reading, finding.trims(item.reading)) for item in tried}
        finding.learn(answers)
    finding.column.note = numbers.different_marks(stripped(finding.sample))
    hints = finding.hints
    finding.nearly = guessing.nearly(
        finding.present_values(), decimal_mark=hints.decimal_mark, date_order=hints.date_order
    )


def _choose(finding: Finding, fitting: list[tuple[Candidate, bool]]) -> None:
    certain = [item.reading for item, met in fitting if met]
    uncertain = [item for item, met in fitting if not met]
    if not certain:
        finding.open = [item.reading for item in uncertain if item.doubt]
        finding.column.note = next((item.doubt for item in uncertain if item.doubt), "")
        return
    if not moments.is_ambiguous(certain):
        finding.rival = uncertain[0].reading if uncertain else None
        finding.take(certain[0])
        return
    note = ""
    if any("%y" in reading.format for reading in certain) and (side := moments.year_side(finding.sample)):
        on_side = [reading for reading in certain if (reading.order == "ymd") == (side == "first")]
        if len(on_side) < len(certain):
            note = f"the year is taken to stand {side}, as the {side} two digits differ least: a guess"
            certain = on_side
    if moments.is_ambiguous(certain):
        finding.open = certain
        finding.column.note = DATES_DOUBT
    elif certain:
        finding.take(certain[0], note)


def _declared(finding: Finding, wanted: str, *, missing: tuple[str, ...]) -> Asking:
    """A type that the person declares: as narrow as all values allow, else as wide as the type is."""
    column, hints = finding.column, finding.hints
    certain = [
        item.reading for item in finding.candidates() if not item.needs and guessing.serves(item.reading, wanted)
    ]
    if not moments.is_ambiguous(certain):
        # The first one fits nearly always; the wider ones are tried only where it does not.
        for tried in filter(None, (certain[:1], certain[1:])):
            answers = yield [finding.question(reading, missing=missing) for reading in tried]
            for reading, answer in zip(tried, answers, strict=True):
                if not answer.misfits:
                    finding.take(reading)
                    return
            finding.learn(answers)
    forms = guessing.declared(wanted, finding.sample, decimal_mark=hints.decimal_mark, date_order=hints.date_order)
    column.is_declared = finding.is_firm = True
    column.absent = missing
    if len(forms) == 1 and not forms[0].needs:
        finding.take(forms[0].reading)
    else:
        answers = yield [finding.question(item.probe, missing=missing, needs=item.needs) for item in forms]
        _choose_declared(finding, forms, answers)
    if finding.column.reading.type != "decimal" or finding.open:
        return
    widest = finding.column.reading
    narrow = guessing.narrower(widest, finding.sample, whole=wanted == "number")
    if narrow:
        answers = yield [finding.question(item, missing=missing) for item in (widest, *narrow)]
        for item, answer in zip(narrow, answers[1:], strict=True):
            if answer.misfits == answers[0].misfits:
                finding.take(item)
                return


def _choose_declared(finding: Finding, forms: list[Wanted], answers: list[Answer]) -> None:
    """Take the form that most values have, if it is certain; values of another form are rejected."""
    least = min(answer.misfits for answer in answers)
    best = [(item, answer.met) for item, answer in zip(forms, answers, strict=True) if answer.misfits == least]
    certain = [item for item, met in best if met]
    if certain and not moments.is_ambiguous([item.probe for item in certain]):
        finding.take(certain[0].reading)
        return
    finding.open = [item.reading for item in certain or [item for item, _ in best]]
    doubt = next((item.doubt for item, _ in best if item.doubt), DATES_DOUBT)
    finding.take(forms[0].without or forms[0].reading, doubt.replace("left as text", "no value is read"))


def _as_before(finding: Finding, reading: Reading) -> Asking:
    """The type that the column had in an earlier file, even if it is empty now or could be taken for another.

    Where values do not fit, a wider reading of the same kind takes its place if it reads more of them: a column of
    whole numbers may have got decimals. What does not fit even then is rejected with its row.
    """
    column = finding.column
    finding.is_firm = True
    if reading.type == "text":
        return
    answers = yield [finding.question(reading)]
    chosen, misfits = reading, answers[0].misfits
    if misfits:
        finding.learn(answers)
        if options := guessing.wider(reading, finding.sample):
            answers = yield [finding.question(item) for item in options]
            for item, answer in zip(options, answers, strict=True):
                if answer.misfits < misfits:
                    chosen, misfits = item, answer.misfits
    finding.take(chosen)
    if misfits:
        column.is_declared = True
        column.absent = (*MISSING_WORDS, *column.ignored)
    if chosen != reading:
        kind = "of more digits" if chosen.type == reading.type else f"{chosen.type} now"
        column.note = f"{kind}: some values do not fit the {reading.type} of the earlier file"


def _edges(values: list[str]) -> set[str]:
    """The first and last characters of values."""
    return {value[0] for value in values if value} | {value[-1] for value in values if value}
