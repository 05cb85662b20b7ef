"""The columns of a table on their way from text to types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine

from . import types
from .read import raw_rows
from .rules import Rule, type_for_bounds
from .types import Reading

#: Columns that one statement reads.
GROUP = 100
#: Rows at the start of each batch that the first guess of types is made from.
SAMPLE_ROWS = 1_000
SAMPLED_BATCHES = 8


@dataclass(kw_only=True)
class Column:
    """One column: its names, how its text is read, and whether the person asked for that type."""

    position: int
    name: str
    source_name: str
    reading: Reading = types.TEXT
    is_declared: bool = False
    trims: bool = False
    words: tuple[str, ...] = ()
    note: str = ""
    #: Text that no value's type is judged by: the header's own word, where lines say the header again.
    ignored: tuple[str, ...] = ()

    @property
    def raw(self) -> str:
        return f"c{self.position}"

    @property
    def text(self) -> str:
        """The raw text, without the words for "no value"."""
        return types.without_words(self.raw, self.words)

    @property
    def value(self) -> str:
        return self.reading.expression(self.raw, declared=self.is_declared, trims=self.trims, words=self.words)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "reading": self.reading.as_json(),
            "words": list(self.words),
            "ignored": list(self.ignored),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Column:
        lists = {key: tuple(value[key]) for key in ("words", "ignored")}
        return cls(**{**value, **lists, "reading": Reading.from_json(value["reading"])})


def groups_of(columns: list[Column], size: int = GROUP) -> list[list[Column]]:
    return [columns[start : start + size] for start in range(0, len(columns), size)]


def find_types(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: list[Column],
    *,
    rules: dict[int, Rule],
    decimal_mark: str = "",
    date_order: str = "",
    on_progress: Callable[[float], None],
) -> None:
    """Give each column its reading: proved on every value, or the one its rule declares."""
    groups = groups_of(columns)
    for number, group in enumerate(groups):
        samples = _samples(con, folder, group)
        guesses: dict[int, list[tuple[Reading, bool]]] = {}
        for column, values in zip(group, samples, strict=True):
            left_out = {*column.words, *column.ignored}
            kept = [value for value in values if value.strip().lower() not in left_out]
            found = types.candidates(kept, decimal_mark=decimal_mark, date_order=date_order)
            rule = rules.get(column.position)
            wanted = (rule.type or type_for_bounds(rule)) if rule else ""
            if wanted:
                agreeing = next((item for item in found if item.type == wanted), None)
                if types.is_ambiguous(found):
                    agreeing = None
                column.reading = types.declared(wanted, agreeing, decimal_mark=decimal_mark, date_order=date_order)
                column.is_declared = column.trims = wanted != "text"
            elif found:
                spaced = any(value != value.strip() for value in kept)
                trims = [spaced] if spaced else [False, True]
                guesses[column.position] = [(item, trim) for trim in trims for item in found]
        _prove(con, folder, group, guesses, lambda part, done=number: on_progress((done + part) / len(groups)))  # type: ignore[misc]


def _samples(con: duckdb.DuckDBPyConnection, folder: Path, group: list[Column]) -> list[list[str]]:
    listed = ", ".join(column.raw for column in group)
    batches = sorted((folder / "raw").glob("*.parquet"))
    step = max(1, len(batches) // SAMPLED_BATCHES)
    values: list[list[str]] = [[] for _ in group]
    for batch in batches[::step][:SAMPLED_BATCHES]:
        query = f"SELECT {listed} FROM read_parquet({engine.literal(str(batch))}) LIMIT {SAMPLE_ROWS}"
        for row in con.execute(query).fetchall():
            for cells, cell in zip(values, row, strict=True):
                if cell is not None:
                    cells.append(cell)
    return values


def _prove(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    group: list[Column],
    guesses: dict[int, list[tuple[Reading, bool]]],
    on_progress: Callable[[float], None],
) -> None:
    """Ask the engine about every value; a guess that fails makes room for the next, the last one for text."""
    by_position = {column.position: column for column in group}
    while guesses:
        asked = []
        ambiguous: dict[int, list[tuple[Reading, bool]]] = {}
        for position, options in guesses.items():
            column = by_position[position]
            if types.is_ambiguous([item for item, _ in options]):
                ambiguous[position] = options
            for reading, trims in options if position in ambiguous else options[:1]:
                misfit = reading.misfit(column.raw, trims=trims, words=(*column.words, *column.ignored))
                asked.append(f"count(*) FILTER (WHERE {misfit})")
        answer = iter(engine.run(con, f"SELECT {', '.join(asked)} FROM {raw_rows(folder)}", on_progress)[0])
        following: dict[int, list[tuple[Reading, bool]]] = {}
        for position, options in guesses.items():
            column = by_position[position]
            if position in ambiguous:
                fitting = [option for option in options if next(answer) == 0]
                if types.is_ambiguous([item for item, _ in fitting]):
                    column.note = "day and month could change places in every value: left as text"
                elif fitting:
                    column.reading, column.trims = fitting[0]
                continue
            if next(answer) == 0:
                column.reading, column.trims = options[0]
            elif len(options) > 1:
                following[position] = options[1:]
        guesses = following
