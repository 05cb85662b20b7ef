"""What the steps of a reading make, as values: each is what the next one begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .account import Tally
from .columns import Column
from .dialect import Dialect
from .rules import Rule


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Settings that say how a file is written."""

    delimiter: str
    #: "none" for no quote.
    quote: str
    escape: str


@dataclass(frozen=True, kw_only=True)
class Detected:
    """How a file is written, and the next best readings of it."""

    dialect: Dialect
    alternatives: tuple[Writing, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A file that is read: how, what the scan counted, and the number of the first row of each Parquet file."""

    dialect: Dialect
    tally: Tally
    batches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The result of checking a table's values: its columns, and what becomes of its records."""

    columns: tuple[Column, ...]
    #: records = rows + rejected + duplicates.
    records: int
    rows: int
    rejected: int
    duplicates: int
    #: Of the rejected: lines of totals after the table.
    totals: int
    looked_for_duplicates: bool
    #: Empty, or the sentence why more was rejected than the limits allow.
    refused: str
    rules: tuple[Rule, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is in a column."""

    nulls: int
    distinct: int
    #: min, max, mean, quantiles, top and histogram, where the column has them.
    stats: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A file that was read from its first byte to the files of a dataset."""

    dialect: Dialect
    tally: Tally
    plan: Plan
    #: Names by kind.
    files: dict[str, str]
    #: Of each column; None for a table that is too large.
    profile: list[Profile] | None
