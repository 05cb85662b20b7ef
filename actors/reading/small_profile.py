"""The profile of a table with few rows, exact in everything: of many columns at once the engine would take minutes."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from actors.tables import engine

from .columns import Column
from .made import Profile
from .spread import (
    NUMBERS,
    QUANTILES,
    TOP_VALUES,
    Counted,
    bins_of,
    entries,
    histogram,
    json_value,
    number_of,
    worth_counting,
)

#: Whole numbers below which a double is exact.
_EXACT = 2.0**53


def profile_small(con: duckdb.DuckDBPyConnection, source: str, group: list[Column], rows: int) -> list[Profile]:
    """One entry for each column of `group`, as `profile.profile` returns them."""
    listed = ", ".join(f"{_fetched(column)} AS v{index}" for index, column in enumerate(group))
    arrays = con.execute(f"SELECT {listed} FROM {source}").fetchnumpy()
    for index, column in enumerate(group):
        if _is_rounded(column, arrays[f"v{index}"]):
            exact = f"SELECT ({engine.name(column.name)})::VARCHAR AS v FROM {source}"
            arrays[f"v{index}"] = con.execute(exact).fetchnumpy()["v"]
    measured: list[dict[str, Any]] = []
    counted: list[Counted] = []
    for index, column in enumerate(group):
        array = arrays[f"v{index}"]
        present = array.compressed() if isinstance(array, np.ma.MaskedArray) else array
        entry, top, numbers = _counts(column, present)
        if numbers is not None and len(numbers):
            entry["quantiles"] = _quantiles(numbers)
            if column.reading.type in NUMBERS:
                with np.errstate(invalid="ignore"):
                    entry["mean"] = float(numbers.mean())
        bins = bins_of(column, entry)
        spread: dict[int, int] = {}
        if bins and numbers is not None:
            low, step = bins[0][0], (bins[-1][1] - bins[0][0]) / len(bins)
            places = np.clip(np.floor((numbers - low) / step), 0, len(bins) - 1).astype(np.int64)
            spread = dict(enumerate(np.bincount(places, minlength=len(bins)).tolist()))
        listed_top = [[json_value(value), count] for value, count in top] if worth_counting(entry) else []
        measured.append(entry)
        counted.append((entry["distinct"], listed_top, histogram(column, bins, spread)))
    return entries(group, measured, counted, rows)


def _fetched(column: Column) -> str:
    """The expression by which a column comes as it is: what arrays have no room for comes as text."""
    name, kind = engine.name(column.name), column.reading.sql_type
    return f"({name})::VARCHAR" if kind.startswith("DECIMAL(38") or kind == "TIMESTAMP_NS" else name


def _is_rounded(column: Column, array: Any) -> bool:
    """Whether decimals came as doubles that are not exactly they."""
    if column.reading.type != "decimal" or array.dtype == object or not len(array):
        return False
    return bool(np.abs(array).max() * 10.0 ** _scale(column) >= _EXACT)


def _scale(column: Column) -> int:
    return int(column.reading.sql_type.partition(", ")[2].rstrip(")"))


def _counts(column: Column, present: Any) -> tuple[dict[str, Any], list[tuple[Any, int]], Any]:
    """A column's entry, its most frequent values with their counts, and its numbers in their order, if it has any."""
    is_number = column.reading.type in (*NUMBERS, "date", "timestamp")
    if present.dtype == object:
        values = present.tolist()
        if column.reading.type == "decimal":
            values = [Decimal(value) for value in values]
        ranked = Counter(values).most_common()
        distinct, low, high = len(ranked), min(values, default=None), max(values, default=None)
        top = ranked[:TOP_VALUES]
        numbers = np.sort(np.array(list(map(number_of, values)), dtype=np.float64)) if is_number else None
    else:
        ordered, counts = np.unique(present, return_counts=True)
        # The most frequent first; of equally frequent ones the smaller.
        first = np.argsort(-counts, kind="stable")[:TOP_VALUES]
        distinct = len(ordered)
        low, high = (_value(column, ordered[0]), _value(column, ordered[-1])) if distinct else (None, None)
        top = [(_value(column, ordered[at]), int(counts[at])) for at in first]
        numbers = np.repeat(_numbers(ordered), counts) if is_number else None
    entry = {"count": len(present), "distinct": distinct, "top": [value for value, _ in top]}
    return entry | {"low": low, "high": high, "mean": None, "quantiles": None}, top, numbers


def _value(column: Column, cell: Any) -> Any:
    kind = column.reading.type
    if kind == "decimal":
        return Decimal(f"{cell:.{_scale(column)}f}")
    if kind == "date":
        return cell.astype("datetime64[D]").item()
    return cell.item()


def _numbers(ordered: Any) -> Any:
    if ordered.dtype.kind == "M":
        return ordered.astype("datetime64[us]").astype(np.int64) / 1e6
    return ordered.astype(np.float64)


def _quantiles(numbers: Any) -> list[float]:
    """The quantiles of sorted numbers, between two of them where they fall between."""
    quantiles = []
    for part in QUANTILES:
        place = part * (len(numbers) - 1)
        below = float(numbers[int(place)])
        above = float(numbers[min(int(place) + 1, len(numbers) - 1)])
        quantiles.append(below + (above - below) * (place - int(place)))
    return quantiles
