"""The generated corpus: what it calls the truth is what the csv module reads when it is told the dialect."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice

import pytest

from tests.bench.corpus.cases import DAMAGES, case, cases
from tests.bench.corpus.draft import Case
from tests.bench.corpus.late import LATE
from tests.bench.corpus.score import Reading, judge
from tests.bench.corpus.tables import SHAPES
from tests.bench.corpus.writing import DELIMITERS

SEED = 8


@pytest.fixture(scope="module")
def many() -> list[Case]:
    return list(cases(500, SEED))


def test_the_same_number_and_seed_give_the_same_file(many: list[Case]) -> None:
    assert many[:40] == list(cases(40, SEED))
    assert case(33, SEED) == many[33]
    assert [item.data for item in cases(40, SEED + 1)] != [item.data for item in many[:40]]


def test_every_kind_of_table_writing_and_damage_comes(many: list[Case]) -> None:
    assert {item.table for item in many} == {*SHAPES}
    assert len({item.writing for item in many}) == len(DELIMITERS) + 1
    assert {kind for item in many for kind in item.damage} == {"none", *DAMAGES, *LATE}
    assert {item.escape for item in many} == {"double", "backslash", "bare"}
    assert {item.quote for item in many} == {'"', "'", None}
    assert {item.line_end for item in many} == {"\n", "\r\n", "\r"}
    assert len({item.encoding for item in many}) >= 8


def test_a_reader_given_the_dialect_reads_an_undamaged_file(many: list[Case]) -> None:
    undamaged = [item for item in many if item.damage == ("none",)]
    wrong = [item.name for item in undamaged if not judge(item, _told(item)).table]
    assert len(undamaged) > 150
    assert wrong == []


def test_a_row_that_is_gone_is_seen(many: list[Case]) -> None:
    for item in islice((item for item in many if item.damage == ("none",)), 100):
        reading = _told(item)
        gone = reading.rows.pop()
        verdict = judge(item, reading)
        assert not verdict.table
        assert not verdict.kept or not any(char.isalnum() for char in "".join(gone))


def test_a_row_that_is_reported_is_not_lost(many: list[Case]) -> None:
    for item in islice((item for item in many if item.damage == ("none",)), 100):
        reading = _told(item)
        reading.reported = ["|".join(reading.rows.pop())]
        assert judge(item, reading).kept


def _told(item: Case) -> Reading:
    """The reading of Python's csv module, told everything but the table."""
    text = item.text
    rows = _parsed(item, text)
    skipped = 1 if text.lower().startswith("sep=") else 0
    rows = rows[skipped:]
    names = item.truths[0].names
    header = item.truths[0].begins[0] - skipped if names else 0
    return Reading(
        names=list(names) if names else None,
        rows=[_to_width(row, len(item.truths[0].records[0].readings[0])) for row in rows[header:]],
        delimiter=item.delimiter,
        quote=item.quote or '"',
    )


def _parsed(item: Case, text: str) -> list[list[str]]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if item.delimiter == " +":
        return [re.split(" " * item.gap + "+", line.strip()) for line in text.strip("\n").split("\n")]
    if len(item.delimiter) == 2:
        text, delimiter = text.replace(item.delimiter, "\x1e"), "\x1e"
    else:
        delimiter = item.delimiter or "\x1e"
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=item.quote,
        quoting=csv.QUOTE_MINIMAL if item.quote else csv.QUOTE_NONE,
        escapechar=None if item.escape == "double" else "\\",
        doublequote=True,
        skipinitialspace=item.is_spaced,
    )
    return list(reader)


def _to_width(row: list[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]
