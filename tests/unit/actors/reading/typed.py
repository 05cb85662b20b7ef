"""Columns of text that find their types, without a file around them."""

# ruff: noqa: S608 - the statements are built of names of this file

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import uuid4

from actors.reading.asking import Hints
from actors.reading.columns import Column
from actors.reading.finding import find_types
from actors.reading.read import raw_rows
from actors.reading.rules import Rule
from actors.tables import engine


def _unread(part: float) -> None:
    """A report that nobody reads."""


@dataclass
class Typed:
    """A column with the type it found, and its values."""

    column: Column
    values: list[Any]

    @property
    def type(self) -> str:
        return self.column.reading.type


def typed(
    folder: Path, *columns: Sequence[str | None], rules: dict[int, Rule] | None = None, hints: Hints | None = None
) -> list[Typed]:
    """Find the types of these columns, named a, b, c…; the shorter ones have no values at their ends."""
    folder = folder / uuid4().hex
    (folder / "raw").mkdir(parents=True)
    rows = list(zip_longest(*columns))
    names = [chr(ord("a") + position) for position in range(len(columns))]
    found = [Column(position=position, name=name, source_name=name) for position, name in enumerate(names)]
    listed = ", ".join(f"{column.raw} VARCHAR" for column in found)
    target = engine.literal(str(folder / "raw" / "000000.parquet"))
    with engine.connect(folder) as con:
        con.execute(f"CREATE TABLE raw ({listed})")
        con.executemany(f"INSERT INTO raw VALUES ({', '.join('?' for _ in found)})", rows)
        con.execute(f"COPY raw TO {target} (FORMAT parquet)")
        find_types(
            con,
            folder,
            found,
            rows=len(rows),
            rules=rules or {},
            hints=hints or Hints(),
            on_progress=_unread,
        )
        checked = ", ".join(column.checked_value for column in found)
        values = con.execute(f"SELECT {checked} FROM {raw_rows(folder)}").fetchall()
    return [
        Typed(column, [row[position] for row in values][: len(columns[position])])
        for position, column in enumerate(found)
    ]
