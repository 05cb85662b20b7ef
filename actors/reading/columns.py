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

#: Columns that one statement reads: of a long table, and at most of one with few rows. Opening a file of many
#: columns costs more than reading a few rows of it.
GROUP = 100
MOST_GROUP = 1_000
#: Values up to which a group may be larger than GROUP.
GROUP_VALUES = 200_000
#: Rows up to which values are proved here: planning a statement for many columns would take longer.
SMALL_ROWS = 500
#: Rows at the start of each batch that the first guess of types is made from, and the values of a wide table's.
SAMPLE_ROWS = 1_000
SAMPLE_VALUES = 1_000_000
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
        """The expression of any row's value: NULL where there is none or the text does not fit."""
        return self._value(guarded=self.is_declared)

    @property
    def kept_value(self) -> str:
        """The same for rows that have passed the check: their text fits."""
        return self._value(guarded=False)

    def _value(self, *, guarded: bool) -> str:
        return self.reading.expression(self.raw, declared=guarded, trims=self.trims, words=self.words)

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


def groups_of(columns: list[Column], rows: int) -> list[list[Column]]:
    """The columns in groups that one statement can read at a time."""
    size = max(GROUP, min(MOST_GROUP, GROUP_VALUES // max(1, rows)))
    return [columns[start : start + size] for start in range(0, len(columns), size)]


def find_types(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: list[Column],
    *,
    rows: int,
    rules: dict[int, Rule],
    decimal_mark: str = "",
    date_order: str = "",
    on_progress: Callable[[float], None],
) -> None:
    """Give each column its reading: proved on every value, or the one its rule declares."""
    groups = groups_of(columns, rows)
    is_small = rows <= SMALL_ROWS and len(list((folder / "raw").glob("*.parquet"))) == 1
    sampled = rows if is_small else max(100, min(SAMPLE_ROWS, SAMPLE_VALUES // len(columns)))
    for number, group in enumerate(groups):
        guesses: dict[int, Guess] = {}
        for column, values in zip(group, _samples(con, folder, group, sampled), strict=True):
            left_out = {*column.words, *column.ignored}
            kept = [value for value in values if value.strip().lower() not in left_out]
            found = types.candidates(kept, decimal_mark=decimal_mark, date_order=date_order)
            rule = rules.get(column.position)
            wanted = (rule.type or type_for_bounds(rule)) if rule else ""
            spaced = any(value != value.strip() for value in kept)
            if wanted == "text":
                continue
            if wanted:
                generic = types.declared(wanted, found, decimal_mark=decimal_mark, date_order=date_order)
                found = [] if types.is_ambiguous(found) else [item for item in found if item.type == wanted]
                options = [(item, trims) for trims in (False, True) for item in found]
                guesses[column.position] = Guess(options, generic)
            elif found:
                options = [(item, trims) for trims in ([True] if spaced else [False, True]) for item in found]
                guesses[column.position] = Guess(options, None)
            if is_small and (guess := guesses.get(column.position)) and _proved_here(column, guess, values):
                del guesses[column.position]
        start = number / len(groups)

        def tell(part: float, start: float = start) -> None:
            on_progress(start + part / len(groups))

        _prove(con, folder, group, guesses, tell)


@dataclass
class Guess:
    """Readings still possible for a column, each with or without blanks cut off, the one to prefer first."""

    options: list[tuple[Reading, bool]]
    #: The reading that a declared type has when none fits every value; what does not fit it is rejected.
    declared: Reading | None


def _samples(con: duckdb.DuckDBPyConnection, folder: Path, group: list[Column], rows: int) -> list[list[str]]:
    listed = ", ".join(column.raw for column in group)
    batches = sorted((folder / "raw").glob("*.parquet"))
    step = max(1, len(batches) // SAMPLED_BATCHES)
    values: list[list[str]] = [[] for _ in group]
    for batch in batches[::step][:SAMPLED_BATCHES]:
        query = f"SELECT {listed} FROM read_parquet({engine.literal(str(batch))}) LIMIT {rows}"
        for row in con.execute(query).fetchall():
            for cells, cell in zip(values, row, strict=True):
                if cell is not None:
                    cells.append(cell)
    return values


def _proved_here(column: Column, guess: Guess, values: list[str]) -> bool:
    """Prove the first reading on all the values there are, where its pattern alone decides."""
    if not guess.options or guess.options[0][0].is_moment or types.is_ambiguous([item for item, _ in guess.options]):
        return False
    reading, trims = guess.options[0]
    if not all(reading.fits(value, trims=trims, missing=_missing(column, guess)) for value in values):
        return False
    column.reading, column.trims = reading, trims
    return True


def _missing(column: Column, guess: Guess) -> tuple[str, ...]:
    """What stands for "no value"; in a column of a declared type it is only what the person says."""
    words = (*column.words, *column.ignored)
    return words if guess.declared else (*types.MISSING_WORDS, *words)


def _prove(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    group: list[Column],
    guesses: dict[int, Guess],
    on_progress: Callable[[float], None],
) -> None:
    """Ask the engine about every value; a guess that fails makes room for the next, the last one for text."""
    by_position = {column.position: column for column in group}
    while guesses:
        asked: list[str] = []
        tried: list[tuple[int, tuple[Reading, bool]]] = []
        for position, guess in list(guesses.items()):
            column = by_position[position]
            if not guess.options:
                if guess.declared is not None:
                    column.reading, column.is_declared, column.trims = guess.declared, True, True
                del guesses[position]
                continue
            # Which of day and month comes first is asked of all readings at once: more than one may fit.
            ambiguous = types.is_ambiguous([item for item, _ in guess.options])
            for reading, trims in guess.options if ambiguous else guess.options[:1]:
                missing = _missing(column, guess)
                asked.append(f"count(*) FILTER (WHERE {reading.misfit(column.raw, trims=trims, missing=missing)})")
                tried.append((position, (reading, trims)))
        if not asked:
            return
        answers = engine.run(con, f"SELECT {', '.join(asked)} FROM {raw_rows(folder)}", on_progress)[0]
        fitting: dict[int, list[tuple[Reading, bool]]] = {position: [] for position, _ in tried}
        for (position, option), misfits in zip(tried, answers, strict=True):
            guesses[position].options.remove(option)
            if misfits == 0:
                fitting[position].append(option)
        for position, options in fitting.items():
            column = by_position[position]
            if types.is_ambiguous([item for item, _ in options]):
                column.note = "day and month could change places in every value: left as text"
                del guesses[position]
            elif options:
                column.reading, column.trims = options[0]
                del guesses[position]
