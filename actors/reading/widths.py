"""How many columns a table has, when its header and its rows do not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .shapes import is_typed, shape_of

#: The share of rows with more values than the others from which the table is as wide as they are.
WIDE_SHARE = 0.4
#: The same where they are at least MANY_WIDE.
MANY_WIDE_SHARE = 0.25
MANY_WIDE = 10
#: The same where the further values fit the columns they would stand in, and the rows are several.
FITTING_SHARE = 0.05


def before_other_table(data: list[list[str]], names: Sequence[str]) -> list[list[str]]:
    """The rows up to one of another width that says names of the header: from there on another table stands."""
    header = {name.strip().lower() for name in names if name.strip()}
    if len(header) < 2:
        return data
    for index, cells in enumerate(data):
        if len(cells) == len(names):
            continue
        values = {cell.strip().lower() for cell in cells if cell.strip()}
        if len(values & header) > 1 and len(values & header) * 2 >= len(values):
            return data[:index]
    return data


def final_width(
    data: Sequence[Sequence[str]], width: int, names: list[str], shapes: Sequence[str], notes: list[str]
) -> tuple[int, list[str]]:
    """The table's width and a name for each column: the header and the rows may both have more than the other."""
    filled = [cells for cells in data if any(map(str.strip, cells))]
    usual = Counter(len(cells) for cells in filled).most_common(1)[0][0] if filled else max(width, len(names))
    if names:
        while len(names) > max(usual, 1) and not names[-1].strip():
            names.pop()
        if len(names) == usual + 1 and any(not name.strip() for name in names[1:]) and usual > 1:
            # An empty name too many: a delimiter was written twice.
            names.pop(next(index for index in range(1, len(names)) if not names[index].strip()))
            notes.append("The header has an empty name too many; it was left out.")
    named = len(names)
    columns = max(named, usual if not named or named >= usual else named)
    reach = _wide_reach(filled, max(named, 1) if named else width, shapes)
    if named and reach > named:
        notes.append(f"The header names {named} columns, rows have up to {reach} values; the rest were named.")
    columns = max(columns, reach)
    return columns, [*names, *[""] * (columns - named)]


def _wide_reach(data: Sequence[Sequence[str]], width: int, shapes: Sequence[str]) -> int:
    """How far the values reach in the rows that have more than `width`, where these are many enough to count."""
    reaches = [_reach(cells) for cells in data]
    wide = [(cells, reach) for cells, reach in zip(data, reaches, strict=True) if reach > width]
    if not wide or width < 2:
        return width
    share = len(wide) / len(data)
    fitting = sum(1 for cells, _ in wide if _fits(cells, shapes))
    is_many = share >= WIDE_SHARE or (share >= MANY_WIDE_SHARE and len(wide) >= MANY_WIDE)
    is_fitting = share >= FITTING_SHARE and len(wide) >= 5 and fitting >= 0.9 * len(wide) and any(map(is_typed, shapes))
    if not (is_many or is_fitting):
        return width
    # A few that are wider still are rejected.
    return sorted(reach for _, reach in wide)[int(0.95 * (len(wide) - 1))]


def _reach(cells: Sequence[str]) -> int:
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip(" \t")), 0)


def _fits(cells: Sequence[str], shapes: Sequence[str]) -> bool:
    """Whether the row's values look like those of the columns they stand in."""
    return all(not is_typed(shape) or shape_of(cell) in ("", shape) for cell, shape in zip(cells, shapes, strict=False))


def least_values(data: Sequence[Sequence[str]], width: int) -> int:
    """The values from which short rows are filled up: what a fifth of the rows have is no cut line."""
    counts = Counter(len(cells) for cells in data)
    many = [size for size, count in counts.items() if size > 1 and count * 5 >= len(data)]
    return min([(width + 1) // 2, *many])
