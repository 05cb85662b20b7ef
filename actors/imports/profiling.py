"""What a column's row keeps of its reading and its profile, and what a later profile is ordered with."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.reading.columns import Column
from actors.reading.made import Profile
from actors.reading.types import Reading
from core.models import DatasetColumn

#: The stage of a job that profiles, and the mark in a dataset's dialect until it has.
PROFILING = "profile"
PENDING = "pending"
#: Keys of a column's `stats` that say how it was read; a profile adds to them.
_READING = ("reading", "nearly", "note")


def stats_of(column: Column, entry: Profile | None) -> dict[str, Any]:
    """The `stats` of a column by its plan, with its profile where it has one."""
    reading = {key: value for key in _READING if (value := getattr(column, key))}
    return {**(entry.stats if entry else {}), **msgspec.to_builtins(reading)}


def reading_of(column: DatasetColumn) -> Reading:
    """How the text of a dataset's column was read."""
    return msgspec.convert(column.stats["reading"], Reading)


def order_of(column: DatasetColumn) -> Column:
    """What the profiling of a column's values needs to know, as `reading.profile` takes it."""
    return Column(
        position=column.position, name=column.name, source_name=column.source_name, reading=reading_of(column)
    )


def with_profile(column: DatasetColumn, entry: Profile) -> None:
    """Put a profile into a column that was read before."""
    reading = {key: column.stats[key] for key in _READING if key in column.stats}
    column.stats = {**entry.stats, **reading}
    column.nulls, column.distinct = entry.nulls, entry.distinct
