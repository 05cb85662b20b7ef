"""Rows of a sample in parts: a table's body, its first block, and its columns' shapes."""

from __future__ import annotations

from collections.abc import Sequence

from .headers import usual_shape
from .sample import Row

#: Rows that a column's usual shape is taken from.
SHAPED_ROWS = 200


def body_of(rows: Sequence[Row], start: int) -> list[Row]:
    return [row for row in rows[start:] if row.cells and not row.kind]


def first_block(rows: Sequence[Row], start: int, body: list[Row]) -> list[Row]:
    """The rows up to the first blank line, where they are enough to judge by: another table may stand below it."""
    block: list[Row] = []
    for row in rows[start:]:
        if not row.filled and not row.kind and len(block) >= 3:
            break
        if not row.kind and row.cells:
            block.append(row)
    return block if len(block) >= 3 else body


def shapes_of(body: Sequence[Row], width: int) -> list[str]:
    rows = [row.cells for row in body[:SHAPED_ROWS]]
    full = [cells for cells in rows if len(cells) >= width] or rows
    return [usual_shape([cells[index] for cells in full if index < len(cells)]) for index in range(width)]
