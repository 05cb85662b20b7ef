"""How a reading of a case is judged: its dialect, its table, and whether any record is gone without a word."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from .draft import Case, Cells, Record, Truth

#: A name that a reader made itself, for a column that has none.
_OWN_NAME = re.compile(r"(?i)column_?\d+|unnamed: \d+|v\d+")


@dataclass
class Reading:
    """What a reader made of a file. `reported` are the lines that it says it left out; `error` that it gave up."""

    names: list[str] | None = None
    rows: list[list[str]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    delimiter: str = ""
    quote: str = ""
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """`lost` are the records (and lines of other tables) that stand neither in the rows nor in what was reported."""

    dialect: bool
    names: bool
    table: bool
    lost: int
    refused: bool

    @property
    def kept(self) -> bool:
        return not self.lost


def judge(case: Case, reading: Reading) -> Verdict:
    tables = [_same_table(truth, reading) for truth in case.truths]
    names = any(same_names(truth.names, reading.names) for truth in case.truths)
    return Verdict(
        dialect=not reading.error and same_dialect(case, reading.delimiter, reading.quote),
        names=not reading.error and names,
        table=not reading.error and any(tables),
        lost=min(_lost(case, truth, reading) for truth in case.truths)
        if not any(tables)
        else _others_lost(case, reading),
        refused=bool(reading.error),
    )


def same_dialect(case: Case, delimiter: str, quote: str) -> bool:
    """Whether the delimiter is right, and the quote where it matters."""
    is_same = delimiter == case.delimiter
    if case.delimiter == " +":
        is_same = delimiter in (" ", "  ", " +", "\\s+") or (delimiter != "" and not delimiter.strip(" "))
    return is_same and (case.quote is None or quote == case.quote)


def same_layout(case: Case, *, names: list[str] | None, begins: int) -> bool:
    """Whether the names are right and as many lines as are said stand before the first record, by one of the truths."""
    return any(same_names(truth.names, names) and truth.begins[0] <= begins <= truth.begins[1] for truth in case.truths)


def same_names(truth: Cells | None, names: list[str] | None) -> bool:
    """Whether the names are those of the truth, a name that the reader made counting as none."""
    if truth is None or names is None:
        return truth is None and names is None
    own = [_plain_name(name) for name in names]
    wanted = [" ".join(name.split()) for name in truth]
    width = max(len(own), len(wanted))
    own += [""] * (width - len(own))
    wanted += [""] * (width - len(wanted))
    twice = {name for name, count in Counter(wanted).items() if count > 1}
    return all(
        found == name or (not name and _OWN_NAME.fullmatch(found)) or (name in twice and found.startswith(f"{name}_"))
        for found, name in zip(own, wanted, strict=True)
    )


def _plain_name(name: str) -> str:
    return " ".join(name.split())


def _same_table(truth: Truth, reading: Reading) -> bool:
    """Whether the names are right, and the rows are the records in their order, without those that may be rejected."""
    if not same_names(truth.names, reading.names):
        return False
    position = 0
    rows = [_trimmed(row) for row in reading.rows]
    for record in truth.records:
        if position < len(rows) and any(rows[position] == _trimmed(cells) for cells in record.readings):
            position += 1
        elif not record.may_be_rejected:
            return False
    return position == len(rows)


def _trimmed(cells: Cells | list[str]) -> list[str]:
    """The cells without empty ones at the end, which padding and lines that end with a delimiter make."""
    kept = [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in cells]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _lost(case: Case, truth: Truth, reading: Reading) -> int:
    records = [_essence(_text_of(record)) for record in truth.records if record.is_counted]
    return _missing([*records, *map(_essence, case.others)], reading)


def _others_lost(case: Case, reading: Reading) -> int:
    """As `_lost`, where the table is right: its records may then be rejected only if that is reported."""
    optional = [
        _essence(record.raw)
        for truth in case.truths[:1]
        for record in truth.records
        if record.may_be_rejected and record.is_counted
    ]
    return _missing([*optional, *map(_essence, case.others)], reading)


def _text_of(record: Record) -> str:
    return "\n".join(record.readings[0]) if record.readings and not record.may_be_rejected else record.raw


def _missing(wanted: list[str], reading: Reading) -> int:
    """The texts that are in no row and in nothing that was reported, whole or in parts."""
    there = Counter(_essence("\n".join(row)) for row in reading.rows)
    there.update(map(_essence, reading.reported))
    left: list[str] = []
    for text in wanted:
        if there[text] > 0:
            there[text] -= 1
        elif text:
            left.append(text)
    if not left:
        return 0
    rest = "".join(there.elements())
    missing = 0
    for text in left:
        if text in rest:
            rest = rest.replace(text, "\n", 1)
        else:
            missing += 1
    return missing


def _essence(text: str) -> str:
    """The letters and digits alone: what is left of a record however it was cut, quoted and escaped."""
    return "".join(char for char in text if char.isalnum())
