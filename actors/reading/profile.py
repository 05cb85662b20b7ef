"""The step that says what is in each column: nulls, distinct values, range, quantiles, top values, histogram."""

from __future__ import annotations

import datetime
import decimal
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine

from .columns import Column, groups_of

#: Rows up to which a table is profiled here, value by value: for the engine's sketches, planning would cost more.
SMALL_ROWS = 2_000
TOP_VALUES = 10
BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Characters of a value in the profile.
SHOWN = 200
_NUMBERS = ("integer", "decimal", "float")
_MOMENTS = ("date", "timestamp", "time")
#: A column's number of distinct values where it is exact, its top values with their counts, its histogram.
Counted = tuple[int | None, list[list[Any]], list[dict[str, Any]]]


def profile(
    report: Callable[..., None],
    *,
    parquet: str,
    scratch: str,
    columns: list[dict[str, Any]],
    rows: int,
    memory_mb: int = engine.MEMORY_MB,
) -> list[dict[str, Any]]:
    """One entry a column: {"name", "source_name", "type", "nulls", "distinct", "stats"}, in their order.

    Distinct counts and quantiles are the engine's estimates (a few per cent off at most) on large tables.
    """
    planned = [Column.from_json(value) for value in columns]
    total = max(1, rows)
    report(0, total)
    profiles: list[dict[str, Any]] = []
    with engine.connect(Path(scratch), width=1, memory_mb=memory_mb) as con:
        source = f"read_parquet({engine.literal(parquet)})"
        groups = groups_of(planned, rows)
        for number, group in enumerate(groups):
            share = 1 / len(groups)

            def telling(start: float, part: float, number: int = number, share: float = share) -> Any:
                return lambda done: report(int(total * share * (number + start + part * done)), total)

            if rows <= SMALL_ROWS:
                profiles += _profile_small(con, source, group, rows)
                report(int(total * share * (number + 1)), total)
            else:
                profiles += _profile_group(con, source, group, rows, telling)
    report(total, total)
    return profiles


def _profile_group(
    con: duckdb.DuckDBPyConnection, source: str, group: list[Column], rows: int, telling: Any
) -> list[dict[str, Any]]:
    asked: list[str] = []
    for column in group:
        name = engine.name(column.name)
        asked += [f"count({name})", f"approx_count_distinct({name})", *_range_of(column, name)]
    answer = iter(engine.run(con, f"SELECT {', '.join(asked)} FROM {source}", telling(0.0, 0.5))[0])
    found: list[dict[str, Any]] = []
    for _ in group:
        count, distinct, low, high, mean, quantiles, top = (next(answer) for _ in range(7))
        found.append(
            {
                "low": low,
                "high": high,
                "mean": mean,
                "quantiles": quantiles,
                "top": top,
                "count": count,
                "distinct": min(distinct, count),
            }
        )
    return _entries(group, found, _count(con, source, group, found, telling(0.5, 0.5)), rows)


def _profile_small(con: duckdb.DuckDBPyConnection, source: str, group: list[Column], rows: int) -> list[dict[str, Any]]:
    """The same of a table with few rows, exact in everything."""
    listed = ", ".join(engine.name(column.name) for column in group)
    table = con.execute(f"SELECT {listed} FROM {source}").fetchall()
    found: list[dict[str, Any]] = []
    counted: list[Counted] = []
    for column, cells in zip(group, zip(*table, strict=True) if table else [()] * len(group), strict=True):
        values = [cell for cell in cells if cell is not None]
        top = Counter(values).most_common()
        entry = {"count": len(values), "distinct": len(top), "top": [value for value, _ in top[:TOP_VALUES]]}
        entry |= {"low": min(values, default=None), "high": max(values, default=None), "mean": None, "quantiles": None}
        if column.reading.type in (*_NUMBERS, "date", "timestamp"):
            numbers = sorted(number for value in values if (number := _number(value)) is not None)
            if numbers:
                entry["quantiles"] = [_quantile(numbers, part) for part in QUANTILES]
            if numbers and column.reading.type in _NUMBERS:
                entry["mean"] = math.fsum(numbers) / len(numbers)
        bins = _bins(column, entry)
        spread: Counter[int] = Counter()
        if bins:
            low, step = bins[0][0], (bins[-1][1] - bins[0][0]) / len(bins)
            spread.update(min(len(bins) - 1, max(0, math.floor((number - low) / step))) for number in numbers)
        shown = [[_shown(value), count] for value, count in top[:TOP_VALUES]] if _worth_counting(entry) else []
        found.append(entry)
        counted.append((len(top), shown, _histogram(column, bins, spread)))
    return _entries(group, found, counted, rows)


def _quantile(numbers: list[float], part: float) -> float:
    """The quantile of sorted numbers, between two of them where it falls between."""
    place = part * (len(numbers) - 1)
    below = numbers[int(place)]
    return below + (numbers[min(int(place) + 1, len(numbers) - 1)] - below) * (place - int(place))


def _entries(
    group: list[Column], found: list[dict[str, Any]], counted: list[Counted], rows: int
) -> list[dict[str, Any]]:
    profiles = []
    for column, entry, (distinct, top_values, histogram) in zip(group, found, counted, strict=True):
        stats: dict[str, Any] = {}
        if entry["count"]:
            if column.reading.type != "boolean":
                stats |= {"min": _shown(entry["low"]), "max": _shown(entry["high"])}
            if column.reading.type in _NUMBERS:
                stats["mean"] = _shown(entry["mean"])
            if entry["quantiles"]:
                stats["quantiles"] = [_shown(value) for value in entry["quantiles"]]
            stats["top"] = top_values
            if histogram:
                stats["histogram"] = histogram
        profiles.append(
            {
                "name": column.name,
                "source_name": column.source_name,
                "type": column.reading.type,
                "format": column.reading.format,
                "note": column.note,
                "nulls": rows - entry["count"],
                "distinct": entry["distinct"] if distinct is None else distinct,
                "stats": stats,
            }
        )
    return profiles


def _range_of(column: Column, name: str) -> list[str]:
    """min, max, mean, quantiles and the likely top values: five expressions."""
    kind = column.reading.type
    top = f"approx_top_k({name}, {TOP_VALUES})"
    steps = "[" + ", ".join(map(str, QUANTILES)) + "]"
    if kind in _NUMBERS:
        number = f"({name})::DOUBLE"
        return [f"min({name})", f"max({name})", f"avg({number})", f"approx_quantile({number}, {steps})", top]
    if kind in ("date", "timestamp"):
        moment = f"epoch(({name})::TIMESTAMP)"
        return [f"min({name})", f"max({name})", "NULL", f"approx_quantile({moment}, {steps})", top]
    if kind == "boolean":
        return ["NULL", "NULL", "NULL", "NULL", top]
    if kind == "time":
        return [f"min({name})", f"max({name})", "NULL", "NULL", top]
    return [f"left(min({name}), {SHOWN})", f"left(max({name}), {SHOWN})", "NULL", "NULL", top]


def _count(
    con: duckdb.DuckDBPyConnection, source: str, group: list[Column], found: list[dict[str, Any]], on_progress: Any
) -> list[Counted]:
    """Exact counts of the likely top values, and of the histograms' bins: one pass over the table."""
    asked: list[str] = []
    plans: list[tuple[list[Any], list[tuple[Any, Any]]]] = []
    for column, entry in zip(group, found, strict=True):
        name = engine.name(column.name)
        top = _worth_counting(entry)
        asked += [f"count(*) FILTER (WHERE {name} = {_value(value, column)})" for value in top]
        bins = _bins(column, entry)
        if bins:
            number = _as_number(column, name)
            low, step = float(bins[0][0]), (float(bins[-1][1]) - float(bins[0][0])) / len(bins)
            asked.append(
                f"histogram(least({len(bins) - 1}, greatest(0, floor(({number} - {low!r}) / {step!r})))::INTEGER)"
            )
        plans.append((top, bins))
    answer = iter(engine.run(con, f"SELECT {', '.join(asked)} FROM {source}", on_progress)[0]) if asked else iter(())
    counted: list[Counted] = []
    for column, entry, (top, bins) in zip(group, found, plans, strict=True):
        counts = [(value, next(answer)) for value in top]
        counts.sort(key=lambda item: -item[1])
        # When the top values are all there are, their number is exact.
        exact = len(counts) if counts and sum(count for _, count in counts) == entry["count"] else None
        spread = next(answer) if bins else {}
        counted.append((exact, [[_shown(value), count] for value, count in counts], _histogram(column, bins, spread)))
    return counted


def _histogram(
    column: Column, bins: list[tuple[float, float]], spread: Mapping[int, int] | None
) -> list[dict[str, Any]]:
    return [
        {"low": _edge(low, column), "high": _edge(high, column), "count": int((spread or {}).get(index, 0))}
        for index, (low, high) in enumerate(bins)
    ]


def _worth_counting(entry: dict[str, Any]) -> list[Any]:
    """Top values say something only where values come again."""
    top = [value for value in entry["top"] or [] if value is not None]
    if entry["distinct"] > max(TOP_VALUES, entry["count"] * 0.7):
        return []
    return [value for value in top if not (isinstance(value, str) and len(value) > 10_000)]


def _bins(column: Column, entry: dict[str, Any]) -> list[tuple[float, float]]:
    if not entry["count"] or column.reading.type not in (*_NUMBERS, "date", "timestamp"):
        return []
    low, high = _number(entry["low"]), _number(entry["high"])
    if low is None or high is None or not math.isfinite(high - low):
        return []
    if high == low:
        return []
    count = BINS
    if column.reading.type == "integer" and high - low < BINS:
        count = int(high - low) + 1
        return [(low + index, low + index + 1) for index in range(count)]
    step = (high - low) / count
    return [(low + step * index, low + step * (index + 1)) for index in range(count)]


def _as_number(column: Column, name: str) -> str:
    if column.reading.type in ("date", "timestamp"):
        return f"epoch(({name})::TIMESTAMP)"
    return f"({name})::DOUBLE"


def _number(value: Any) -> float | None:
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=datetime.UTC).timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()
    return None if value is None else float(value)


def _edge(value: float, column: Column) -> Any:
    if column.reading.type in ("date", "timestamp"):
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=value)
        return (
            moment.date().isoformat()
            if column.reading.type == "date"
            else moment.replace(tzinfo=None).isoformat(" ", "seconds")
        )
    return int(value) if column.reading.type == "integer" and value.is_integer() else value


def _value(value: Any, column: Column) -> str:
    if isinstance(value, float):
        return f"{value!r}::DOUBLE"
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bool | int):
        return engine.literal(value)
    return f"{engine.literal(value)}::{column.reading.sql_type}"


def _shown(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value[:SHOWN]
    if isinstance(value, datetime.date | datetime.time):
        return str(value)
    return value
