"""Rows of a dataset, read from its table file."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

#: Values of one answer: of a table with thousands of columns it has few rows.
MOST_VALUES = 100_000


def read(path: Path, *, offset: int, limit: int) -> tuple[list[str], list[list[Any]]]:
    """Return the columns of a Parquet file and its rows from this one on, as JSON has their values.

    There are fewer rows than `limit` at the end, and of a very wide table. Raise FileNotFoundError.
    """
    # It is large, and most web processes never read a table.
    import duckdb

    if not path.is_file():
        raise FileNotFoundError(path)
    with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
        source = connection.read_parquet(str(path), file_row_number=True)
        names = [name for name in source.columns if name != "file_row_number"]
        end = offset + max(1, min(limit, MOST_VALUES // max(1, len(names))))
        # By its number a row is found without reading those before it.
        chosen = source.filter(f"file_row_number >= {offset:d} AND file_row_number < {end:d}")
        rows = chosen.order("file_row_number").fetchall()
        place = source.columns.index("file_row_number")
    return names, [[_as_json(value) for number, value in enumerate(row) if number != place] for row in rows]


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        # What is no number has no other way to be written.
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        # As a text it keeps each digit.
        return f"{value:f}"
    if isinstance(value, (list, tuple)):
        return [_as_json(entry) for entry in value]
    return str(value)
