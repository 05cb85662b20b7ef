"""A column's profile, from its counts: histograms, top values, and values as JSON."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Mapping
from typing import Any

from .columns import Column
from .made import Profile

TOP_VALUES = 10
BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Characters of a value in the profile.
VALUE_CHARACTERS = 200
NUMBERS = ("integer", "decimal", "float")
#: What lies between two neighbouring values, in the unit of `number_of`.
_UNITS = {"integer": 1, "date": 86_400}
#: The range in seconds below which whole seconds would give two bins one name.
_FINE_SECONDS = 60.0
#: A column's number of distinct values where it is exact, its top values with their counts, its histogram.
Counted = tuple[int | None, list[list[Any]], list[dict[str, Any]]]


def entries(group: list[Column], measured: list[dict[str, Any]], counted: list[Counted], rows: int) -> list[Profile]:
    """The profiles of columns, from each one's measured range and its counts."""
    profiles = []
    for column, entry, (distinct, top_values, histogram) in zip(group, measured, counted, strict=True):
        stats: dict[str, Any] = {}
        if entry["count"]:
            if column.reading.type != "boolean":
                stats |= {"min": json_value(entry["low"]), "max": json_value(entry["high"])}
            if column.reading.type in NUMBERS:
                stats["mean"] = json_value(entry["mean"])
            if entry["quantiles"]:
                stats["quantiles"] = [json_value(value) for value in _quantiles(column, entry)]
            stats["top"] = top_values
            if histogram:
                stats["histogram"] = histogram
        profiles.append(
            Profile(
                nulls=rows - entry["count"],
                distinct=entry["distinct"] if distinct is None else distinct,
                stats=stats,
            )
        )
    return profiles


def histogram(
    column: Column, bins: list[tuple[float, float]], spread: Mapping[int, int] | None
) -> list[dict[str, Any]]:
    """The bins with their counts; `spread` has these by the number of the bin. A bin of one value is named by it."""
    if not bins:
        return []
    is_fine = bins[-1][1] - bins[0][0] < _FINE_SECONDS
    edges = [(low, low if high - low == _UNITS.get(column.reading.type) else high) for low, high in bins]
    return [
        {
            "low": _edge(low, column, is_fine=is_fine),
            "high": _edge(high, column, is_fine=is_fine),
            "count": int((spread or {}).get(index, 0)),
        }
        for index, (low, high) in enumerate(edges)
    ]


def worth_counting(entry: dict[str, Any]) -> list[Any]:
    """Top values say something only where values come again."""
    top = [value for value in entry["top"] or [] if value is not None]
    if entry["distinct"] > max(TOP_VALUES, entry["count"] * 0.7):
        return []
    return [value for value in top if not (isinstance(value, str) and len(value) > 10_000)]


def bins_of(column: Column, entry: dict[str, Any]) -> list[tuple[float, float]]:
    """The low and high edges of the histogram's bins; none where there is nothing to spread."""
    if not entry["count"] or column.reading.type not in (*NUMBERS, "date", "timestamp"):
        return []
    low, high = number_of(entry["low"]), number_of(entry["high"])
    if low is None or high is None or not math.isfinite(high - low):
        return []
    if high == low:
        return []
    count = BINS
    unit = _UNITS.get(column.reading.type)
    if unit and (high - low) / unit < BINS:
        count = int((high - low) / unit) + 1
        return [(low + unit * index, low + unit * (index + 1)) for index in range(count)]
    step = (high - low) / count
    return [(low + step * index, low + step * (index + 1)) for index in range(count)]


def number_of(value: Any) -> float | None:
    """A number or moment as a number, a moment as seconds; one of nanoseconds comes as text."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value[:26])
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=datetime.UTC).timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()
    return None if value is None else float(value)


def _quantiles(column: Column, entry: dict[str, Any]) -> list[Any]:
    """The quantiles as the column has its values: those of days and moments come as seconds."""
    if column.reading.type not in ("date", "timestamp"):
        return list(entry["quantiles"])
    low, high = number_of(entry["low"]), number_of(entry["high"])
    is_fine = low is not None and high is not None and high - low < _FINE_SECONDS
    return [_edge(value, column, is_fine=is_fine) for value in entry["quantiles"]]


def _edge(value: float, column: Column, *, is_fine: bool) -> Any:
    if column.reading.type in ("date", "timestamp"):
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=value)
        return (
            moment.date().isoformat()
            if column.reading.type == "date"
            else moment.replace(tzinfo=None).isoformat(" ", "milliseconds" if is_fine else "seconds")
        )
    return int(value) if column.reading.type == "integer" and value.is_integer() else value


def json_value(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value[:VALUE_CHARACTERS]
    if isinstance(value, datetime.date | datetime.time):
        return str(value)
    return value
