"""Where a table begins in a sample, and what the lines above it are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .blocks import body_of, first_block, shapes_of
from .dialect import Above
from .headers import header_rows, header_score, says_again
from .sample import Row
from .shapes import is_typed, shape_of

#: Rows at the top of the table among which titles are looked for.
MAX_TITLE_ROWS = 60


def main_width(content: Sequence[Row]) -> int:
    """The width that the main table has. More cells in runs of one width win.

    Of two tables of like length and nearly the same width, one after the other, the first is the main one.
    """
    widths = [len(row.cells) for row in content if row.filled or len(row.cells) == 1]
    widths = widths or [len(row.cells) for row in content]
    counts = Counter(widths)
    width = max(counts, key=lambda item: (counts[item] * (item - 0.5) ** 0.5 * (item > 1 or 0.6), item))
    above = Counter(widths[: widths.index(width)])
    if above:
        first, rows = above.most_common(1)[0]
        is_alike = rows > 2 and counts[width] <= 2 * rows and first > 1 and width * 4 <= first * 5
        # Rows of both widths among one another are one ragged table, not two.
        if is_alike and rows * 10 >= counts[first] * 9:
            width = first
    return width


def first_full_row(rows: Sequence[Row], width: int) -> int:
    """The first row of the main width that others follow."""
    first = -1
    for position, row in enumerate(rows):
        if not row.cells or row.kind:
            continue
        first = position if first < 0 else first
        if len(row.cells) != width:
            continue
        following = [len(item.cells) for item in rows[position + 1 : position + 9] if item.cells and not item.kind][:5]
        if following and sum(item == width for item in following) * 2 < len(following):
            continue
        return position
    return first


def after_titles(rows: Sequence[Row], start: int, width: int) -> int:
    """The row after titles that are as wide as the table: a text or two at the left, the others empty, or all empty.

    A title is one only where an empty row sets it apart, or the row below it is plainly the header.
    """
    if width < 2:
        return start
    titles, gap = 0, -1
    for position in range(start, min(len(rows), start + MAX_TITLE_ROWS)):
        row = rows[position]
        if not row.cells or not row.filled or row.kind:
            titles += bool(row.cells)
            gap = position
            continue
        if _is_title(row, width):
            titles += 1
            continue
        body = first_block(rows, position, body_of(rows, position))
        is_apart = gap >= 0 or (width > 2 and (row.filled > 2 or row.filled * 2 >= _used_columns(body, width)))
        shapes = shapes_of([item for item in body[1:] if not says_again(item.cells, row.cells)], width)
        is_header = len(body) > 1 and header_rows([item.cells for item in body], width, shapes, certain=False)
        if titles and row.filled > 1 and is_apart and is_header:
            return position
        break
    if gap < 0 or not titles:
        return start
    empty = [position for position in range(start, gap + 1) if rows[position].cells and not rows[position].filled]
    below = body_of(rows, gap + 1)[:5]
    is_fuller = bool(below) and min(item.filled for item in below) > 2
    if not empty and not is_fuller:
        return start
    return next((index for index in range(gap + 1, len(rows)) if rows[index].cells and not rows[index].kind), start)


def _is_title(row: Row, width: int) -> bool:
    """Whether only the left of the row says something, and in words: a title, or a name and its value."""
    if row.filled == 1:
        return shape_of(next(cell for cell in row.cells if cell.strip())) in ("text", "date")
    return width >= 4 and row.filled == 2 and row.reach == 2 and shape_of(row.cells[0]) == "text"


def _used_columns(body: Sequence[Row], width: int) -> int:
    return sum(any(len(row.cells) > index and row.cells[index].strip() for row in body[:50]) for index in range(width))


def with_records_above(rows: Sequence[Row], start: int, width: int) -> int:
    """The first of the rows right above `start` that have the shape of records: their table begins there.

    They are notes where the row at `start` is a header for sure: nothing above a header is of its table.
    """
    nearest = _content_before(rows, start)
    if width < 2 or not nearest:
        return start
    body = body_of(rows, start)
    cells = [row.cells for row in body]
    own = header_score(cells[0], cells[1:], shapes_of(body[1:], width)) if len(body) > 1 else -1.0
    if own > 0.35 * min(width, 3):
        return _with_same_key(rows, start, nearest)
    first = start
    for position in nearest:
        row = rows[position]
        if len(row.cells) < 2 or len(row.cells) * 2 < width:
            break
        first = position
    top = rows[first]
    if first == start or top.reach < 2:
        return start
    if own > 0 and not is_header_over(top, body, width):
        return start
    return first


def _with_same_key(rows: Sequence[Row], start: int, nearest: Sequence[int]) -> int:
    """The header of the rows right above a header, where both begin with the same name.

    It is one table whose columns change on the way: nothing of it is another table.
    """
    first = nearest[-1]
    key = rows[start].cells[0].strip()
    is_same = bool(key) and rows[first].cells[0].strip() == key and len(nearest) > 1
    return first if is_same and all(rows[position].reach > 1 for position in nearest) else start


def is_header_over(row: Row, body: Sequence[Row], width: int) -> bool:
    """Whether a row that has more or fewer values than the table names its columns."""
    shapes = shapes_of(body, width)
    return header_score(row.cells[:width], [item.cells for item in body], shapes) > 0.5


def _content_before(rows: Sequence[Row], start: int) -> list[int]:
    """The numbers of the rows right above, the nearest first, up to a blank line."""
    positions: list[int] = []
    for position in range(start - 1, -1, -1):
        row = rows[position]
        if row.kind:
            continue
        if not row.cells or not row.filled:
            break
        positions.append(position)
    return positions


def lines_above(rows: Sequence[Row], start: int, first_line: int, *, is_set: bool) -> list[Above]:
    """What each line before the table is. Rows of one width with a header of their own are another table."""
    above: list[Above] = []
    block: list[Row] = []
    end = first_line

    def close(last: int) -> None:
        if not block:
            return
        kind = "table" if not is_set and _is_table(block) else "title"
        above.append(Above(block[0].line + 1, last, kind))
        block.clear()

    for row in rows[:start]:
        if row.cells and not row.kind and row.filled:
            if block and len(block[0].cells) != len(row.cells):
                close(row.line)
            block.append(row)
            continue
        close(row.line)
        above.append(Above(row.line + 1, row.line + 1, row.kind or "blank"))
    close(end)
    return above


def _is_table(block: Sequence[Row]) -> bool:
    """Whether rows above the main table have the shape of records: a header over a column that is no text."""
    width = len(block[0].cells)
    if len(block) < 2 or width < 2 or block[0].reach < 2:
        return False
    shapes = shapes_of(block[1:], width)
    if not any(map(is_typed, shapes)):
        return False
    return header_score(block[0].cells, [row.cells for row in block[1:]], shapes) > 0.5
