"""Questions about all values of a column, and who answers them.

The engine answers for long tables. For tables of few rows planning its statements would take longer than reading the
values, so they are judged here, value by value; both have to say the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from actors.tables import engine
from actors.tables.engine import literal

from . import types
from .columns import Column, value_condition
from .load import SINGLE_BATCHES
from .read import raw_rows
from .types import BLANKS, Reading

#: Rows at the start of each batch that the first guess of types is made from, and the values of a wide table's.
SAMPLE_ROWS = 1_000
SAMPLE_VALUES = 1_000_000
SAMPLED_BATCHES = 8
#: Values that the first guess is made from where all are judged here.
_SAMPLE_VALUES = 500_000
_SAMPLE_ROWS = (50, 200)
#: Characters of a value that is shown.
_VALUE_CHARACTERS = 200
_OTHERS = 5


@dataclass(frozen=True, kw_only=True)
class Question:
    """How many values of a column would lose their meaning in this reading.

    `needs` asks for a value like that, `counts` for the number of values that are more than blanks and none of the
    words `missing`.
    """

    reading: Reading
    trims: bool
    missing: tuple[str, ...]
    needs: str = ""
    counts: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    misfits: int
    #: Values that there are, where they were to be counted.
    value_count: int
    #: Some values that do not fit.
    examples: list[str]
    #: Whether a value like `needs` was seen.
    met: bool


class Engine:
    """Answers by the engine's statements, for a group of columns at a time."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path, on_progress: Callable[[float], None]) -> None:
        self._con = con
        self._folder = folder
        self._on_progress = on_progress

    def ask(self, pairs: list[tuple[Column, Question]]) -> list[Answer]:
        lost: list[str] = []
        listed: list[str] = []
        for number, (column, question) in enumerate(pairs):
            misfit = question.reading.misfit(column.raw, trims=question.trims, missing=question.missing)
            # One expression, which is NULL for nearly all values: three filters would cost three comparisons each.
            lost.append(f"CASE WHEN {misfit} THEN left({column.raw}, {_VALUE_CHARACTERS}) END AS x{number}")
            listed += [f"count(x{number})", f"min(x{number})", f"max(x{number})"]
            if question.needs:
                lost.append(
                    f"regexp_full_match({types.trimmed(column.raw)}, {literal(question.needs)}) AS needed{number}"
                )
            listed.append(f"coalesce(bool_or(needed{number}), false)" if question.needs else "true")
            if question.counts:
                lost.append(f"{_value_condition(column.raw, question.missing)} AS present{number}")
            listed.append(f"count_if(present{number})" if question.counts else "0")
        values = f"(SELECT {', '.join(lost)} FROM {raw_rows(self._folder)})"
        row = engine.run(self._con, f"SELECT {', '.join(listed)} FROM {values}", self._on_progress)[0]
        parts = [row[start : start + 5] for start in range(0, len(row), 5)]
        return [
            Answer(
                misfits=count,
                value_count=value_count,
                examples=[item for item in dict.fromkeys((low, high)) if item],
                met=met,
            )
            for count, low, high, met, value_count in parts
        ]

    def others(self, column: Column, question: Question) -> tuple[tuple[str, int], ...]:
        """The most frequent values that do not fit, with their counts."""
        misfit = question.reading.misfit(column.raw, trims=question.trims, missing=question.missing)
        query = f"""
            SELECT left({column.raw}, {_VALUE_CHARACTERS}), count(*) FROM {raw_rows(self._folder)}
            WHERE {misfit} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_OTHERS}"""
        return tuple((value, count) for value, count in engine.run(self._con, query, self._on_progress))


class Here:
    """Answers from the values themselves."""

    def __init__(self, values: dict[int, list[str]]) -> None:
        self._values = values
        self._distinct: dict[int, set[str]] = {}

    def ask(self, pairs: list[tuple[Column, Question]]) -> list[Answer]:
        return [self._answer(column.position, question) for column, question in pairs]

    def others(self, column: Column, question: Question) -> tuple[tuple[str, int], ...]:
        misfits = set(self._misfits(column.position, question))
        counts = Counter(value[:_VALUE_CHARACTERS] for value in self._values[column.position] if value in misfits)
        return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_OTHERS])

    def _misfits(self, position: int, question: Question) -> list[str]:
        if position not in self._distinct:
            self._distinct[position] = set(self._values[position])
        distinct = self._distinct[position]
        return question.reading.misfits(distinct, trims=question.trims, missing=question.missing)

    def _answer(self, position: int, question: Question) -> Answer:
        misfits = self._misfits(position, question)
        count = 0
        if misfits:
            counts = Counter(self._values[position])
            count = sum(counts[value] for value in misfits)
        met = True
        if question.needs:
            needed = re.compile(question.needs).fullmatch
            met = any(needed(value.strip(BLANKS)) for value in self._distinct[position])
        value_count = 0
        if question.counts:
            counted = ((value.strip(BLANKS).lower(), count) for value, count in Counter(self._values[position]).items())
            value_count = sum(count for text, count in counted if text and text not in question.missing)
        examples = list(dict.fromkeys((min(misfits), max(misfits)))) if misfits else []
        return Answer(misfits=count, value_count=value_count, examples=examples, met=met)


def _value_condition(column: str, words: tuple[str, ...]) -> str:
    """The condition that a text is a value, which the first character nearly always tells."""
    condition = value_condition(column, words)
    return condition if words else f"CASE WHEN ascii({column}) NOT IN (0, 9, 32, 160) THEN true ELSE {condition} END"


def values_of(con: duckdb.DuckDBPyConnection, folder: Path, group: list[Column]) -> dict[int, list[str]]:
    """All values of these columns."""
    listed = ", ".join(column.raw for column in group)
    arrays = con.execute(f"SELECT {listed} FROM {raw_rows(folder)}").fetchnumpy()
    values: dict[int, list[str]] = {}
    for column in group:
        array = arrays[column.raw]
        values[column.position] = (array.compressed() if isinstance(array, np.ma.MaskedArray) else array).tolist()
    return values


def sample_rows(width: int) -> int:
    """Values of each column that the first guess is made from, where all are at hand."""
    low, high = _SAMPLE_ROWS
    return max(low, min(high, _SAMPLE_VALUES // max(1, width)))


def samples_of(
    con: duckdb.DuckDBPyConnection, folder: Path, group: list[Column], *, width: int
) -> dict[int, list[str]]:
    """Values of these columns from the beginnings of several parts of a long table."""
    rows = max(100, min(SAMPLE_ROWS, SAMPLE_VALUES // max(1, width)))
    listed = ", ".join(column.raw for column in group)
    batches = sorted((folder / "raw").glob("*.parquet"))
    # The first batches are short: of a table that has no others, its beginning is enough.
    later = batches[SINGLE_BATCHES:]
    step = max(1, len(later) // (SAMPLED_BATCHES - 1))
    values: dict[int, list[str]] = {column.position: [] for column in group}
    for batch in [*batches[:1], *later[::step]][:SAMPLED_BATCHES]:
        source = f"read_parquet({literal(str(batch))}, file_row_number = true)"
        # The engine reads a wide file twice to find its first rows by a limit.
        part = f"WHERE file_row_number < {rows}" if width > engine.WIDE else f"LIMIT {rows}"
        for row in con.execute(f"SELECT {listed} FROM {source} {part}").fetchall():
            for column, cell in zip(group, row, strict=True):
                if cell is not None:
                    values[column.position].append(cell)
    return values
