"""The step that says what is in each column: nulls, distinct values, range, quantiles, top values, histogram."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine

from .columns import Column, groups_of
from .made import Profile
from .small_profile import profile_small
from .spread import (
    NUMBERS,
    QUANTILES,
    TOP_VALUES,
    VALUE_CHARACTERS,
    Counted,
    bins_of,
    entries,
    histogram,
    json_value,
    worth_counting,
)

#: Rows up to which a table is profiled here, value by value: for the engine's sketches, planning would cost more.
SMALL_ROWS = 5_000


def profile(
    report: Callable[..., None],
    *,
    parquet: str,
    scratch: str,
    columns: Sequence[Column],
    rows: int,
    memory_mb: int = engine.MEMORY_MB,
) -> list[Profile]:
    """One profile a column, in their order.

    Distinct counts and quantiles are the engine's estimates (a few per cent off at most) on large tables.
    """
    total = max(1, rows)
    report(0, total)
    profiles: list[Profile] = []
    with engine.connect(Path(scratch), width=1, memory_mb=memory_mb) as con:
        con.execute("SET parquet_metadata_cache = true")
        source = f"read_parquet({engine.literal(parquet)})"
        groups = groups_of(columns, rows)
        for number, group in enumerate(groups):
            share = 1 / len(groups)

            def telling(start: float, part: float, number: int = number, share: float = share) -> Any:
                return lambda done: report(int(total * share * (number + start + part * done)), total)

            if rows <= SMALL_ROWS:
                profiles += profile_small(con, source, group, rows)
                report(int(total * share * (number + 1)), total)
            else:
                profiles += _profile_group(con, source, group, rows, telling)
    report(total, total)
    return profiles


def _profile_group(
    con: duckdb.DuckDBPyConnection, source: str, group: list[Column], rows: int, telling: Any
) -> list[Profile]:
    expressions: list[str] = []
    for column in group:
        name = engine.name(column.name)
        expressions += [f"count({name})", f"approx_count_distinct({name})", *_range_of(column, name)]
    answer = iter(engine.run(con, f"SELECT {', '.join(expressions)} FROM {source}", telling(0.0, 0.5))[0])
    measured: list[dict[str, Any]] = []
    for _ in group:
        count, distinct, low, high, mean, quantiles, top = (next(answer) for _ in range(7))
        measured.append(
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
    return entries(group, measured, _count(con, source, group, measured, telling(0.5, 0.5)), rows)


def _range_of(column: Column, name: str) -> list[str]:
    """min, max, mean, quantiles and the likely top values: five expressions."""
    kind, text = column.reading.type, _text(column, name)
    top = f"approx_top_k({text}, {TOP_VALUES})"
    steps = "[" + ", ".join(map(str, QUANTILES)) + "]"
    if kind in NUMBERS:
        number = f"({name})::DOUBLE"
        return [f"min({name})", f"max({name})", f"avg({number})", f"approx_quantile({number}, {steps})", top]
    if kind in ("date", "timestamp"):
        moment = f"epoch(({name})::TIMESTAMP)"
        return [f"min({text})", f"max({text})", "NULL", f"approx_quantile({moment}, {steps})", top]
    if kind == "boolean":
        return ["NULL", "NULL", "NULL", "NULL", top]
    if kind == "time":
        return [f"min({name})", f"max({name})", "NULL", "NULL", top]
    return [f"left(min({name}), {VALUE_CHARACTERS})", f"left(max({name}), {VALUE_CHARACTERS})", "NULL", "NULL", top]


def _count(
    con: duckdb.DuckDBPyConnection, source: str, group: list[Column], measured: list[dict[str, Any]], on_progress: Any
) -> list[Counted]:
    """Exact counts of the likely top values, and of the histograms' bins: one pass over the table."""
    expressions: list[str] = []
    plans: list[tuple[list[Any], list[tuple[Any, Any]]]] = []
    for column, entry in zip(group, measured, strict=True):
        name = engine.name(column.name)
        text, top = _text(column, name), worth_counting(entry)
        expressions += [f"count(*) FILTER (WHERE {text} = {_value(value, column)})" for value in top]
        bins = bins_of(column, entry)
        if bins:
            number = _as_number(column, name)
            low, step = float(bins[0][0]), (float(bins[-1][1]) - float(bins[0][0])) / len(bins)
            expressions.append(
                f"histogram(least({len(bins) - 1}, greatest(0, floor(({number} - {low!r}) / {step!r})))::INTEGER)"
            )
        plans.append((top, bins))
    answer = (
        iter(engine.run(con, f"SELECT {', '.join(expressions)} FROM {source}", on_progress)[0])
        if expressions
        else iter(())
    )
    counted: list[Counted] = []
    for column, entry, (top, bins) in zip(group, measured, plans, strict=True):
        counts = [(value, next(answer)) for value in top]
        counts.sort(key=lambda item: -item[1])
        # When the top values are all there are, their number is exact.
        exact = len(counts) if counts and sum(count for _, count in counts) == entry["count"] else None
        spread = next(answer) if bins else {}
        counted.append(
            (exact, [[json_value(value), count] for value, count in counts], histogram(column, bins, spread))
        )
    return counted


def _text(column: Column, name: str) -> str:
    """The expression of values as they are fetched: nanoseconds, which Python's moments have no room for, as text."""
    return f"({name})::VARCHAR" if column.reading.sql_type == "TIMESTAMP_NS" else name


def _as_number(column: Column, name: str) -> str:
    if column.reading.type in ("date", "timestamp"):
        return f"epoch(({name})::TIMESTAMP)"
    return f"({name})::DOUBLE"


def _value(value: Any, column: Column) -> str:
    if isinstance(value, float):
        return f"'{value!r}'::DOUBLE"
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bool | int):
        return engine.literal(value)
    kind = "VARCHAR" if isinstance(value, str) else column.reading.sql_type
    return f"{engine.literal(value)}::{kind}"
