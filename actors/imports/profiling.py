"""What a column's row keeps of its reading and its profile, and what a later profile is ordered with."""

from __future__ import annotations

from typing import Any

from actors.reading.columns import Column
from core.models import DatasetColumn

#: The stage of a job that profiles, and the mark in a dataset's dialect until it has.
PROFILING = "profile"
PENDING = "pending"
#: Keys of a column's `stats` that say how it was read; a profile adds to them.
_READING = ("reading", "nearly", "note")


def stats_of(column: dict[str, Any], entry: dict[str, Any] | None) -> dict[str, Any]:
    """The `stats` of a column by its plan, with its profile where it has one."""
    kept = {key: column[key] for key in _READING if column.get(key)}
    return {**(entry["stats"] if entry else {}), **kept}


def order_of(column: DatasetColumn) -> dict[str, Any]:
    """What the profiling of a column's values needs to know, as `reading.profile` takes it."""
    planned = Column(position=column.position, name=column.name, source_name=column.source_name)
    return {**planned.as_json(), "reading": column.stats["reading"]}


def with_profile(column: DatasetColumn, entry: dict[str, Any]) -> None:
    """Put a profile into a column that was read before."""
    kept = {key: column.stats[key] for key in _READING if key in column.stats}
    column.stats = {**entry["stats"], **kept}
    column.nulls, column.distinct = entry["nulls"], entry["distinct"]
