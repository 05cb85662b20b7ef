"""Where in a sample the table is: what stands before it, its header, its width, and what a reading so would lose.

1. The width that most cells speak for is the main table's, and the first row of it is where the search begins.
2. Titles as wide as the table stand before it; rows right above it that have the shape of records belong to it.
3. What is further up is titles and notes, or another table: told apart by whether columns of one kind stand in it.
4. The header is judged by what stands below; its names, and rows with more values, may make the table wider.
5. Each line counts for what becomes of it; the mean is the reading's agreement with the sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .dialect import Above
from .errors import Unreadable
from .headers import header_rows, header_score, joined_names, says_again, usual_shape
from .sample import Parsed, Row
from .shapes import is_typed, shape_of
from .weights import Weights

_ONE_WORD = re.compile(r"[^\d\W][\w.\-]{0,40}")
#: Rows at the top of the table among which titles are looked for.
MAX_TITLE_ROWS = 60
#: Rows that a column's usual shape is taken from.
SHAPED_ROWS = 200
#: A score of a header from which it is sure.
CERTAIN_HEADER = 0.9
#: The share of rows with more values than the others from which the table is as wide as they are.
WIDE_SHARE = 0.4
#: The same where they are at least MANY_WIDE.
MANY_WIDE_SHARE = 0.25
MANY_WIDE = 10
#: The same where the further values fit the columns they would stand in, and the rows are several.
FITTING_SHARE = 0.05


@dataclass(frozen=True)
class Layout:
    """The place of a table in a sample; rows are numbers into the sample's rows."""

    start: int
    header_rows: int
    width: int
    names: list[str]
    shapes: list[str]
    above: list[Above]
    first_line: int
    header_lines: int
    #: Values that a row has at least: see `Dialect.least`.
    least: int = 0
    header_score: float = 0.0
    #: The share of the lines that fit: see `agreement_of`.
    agreement: float = 0.0
    notes: tuple[str, ...] = field(default=())


def lay_out(parsed: Parsed, weights: Weights, *, header: str = "", skip: int | None = None) -> Layout:
    """The layout that loses least. `header` is "yes", "no" or a number of lines, `skip` the lines before the table."""
    rows = parsed.rows
    if not any(row.filled for row in rows if not row.kind):
        raise Unreadable("The file holds no records: it has only empty values.")
    width = main_width(parsed.content)
    if skip is not None:
        start = _row_at_line(rows, skip)
        body = _body(rows, start)
        width = main_width(body)
    else:
        start = _first_full_row(rows, width)
        if header != "no":
            start = _after_titles(rows, start, width)
        start = _with_records_above(rows, start, width)
    body = _body(rows, start)
    if not body:
        raise Unreadable("The file holds no table after the lines that were skipped.")
    layout = _with_header(rows, start, body, width, header, is_set=skip is not None)
    above = _above(rows, layout, is_set=skip is not None)
    layout = replace(layout, above=above)
    return replace(layout, agreement=agreement_of(rows, layout, weights))


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


def _body(rows: Sequence[Row], start: int) -> list[Row]:
    return [row for row in rows[start:] if row.cells and not row.kind]


def _row_at_line(rows: Sequence[Row], line: int) -> int:
    for position, row in enumerate(rows):
        if row.line >= line and row.cells and not row.kind:
            return position
    raise Unreadable(f"There is nothing after the {line} lines that were to be skipped.")


def _first_full_row(rows: Sequence[Row], width: int) -> int:
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


def _after_titles(rows: Sequence[Row], start: int, width: int) -> int:
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
        body = _first_block(rows, position, _body(rows, position))
        is_apart = gap >= 0 or (width > 2 and (row.filled > 2 or row.filled * 2 >= _used_columns(body, width)))
        shapes = _shapes([item for item in body[1:] if not says_again(item.cells, row.cells)], width)
        is_header = len(body) > 1 and header_rows([item.cells for item in body], width, shapes, certain=False)
        if titles and row.filled > 1 and is_apart and is_header:
            return position
        break
    if gap < 0 or not titles:
        return start
    empty = [position for position in range(start, gap + 1) if rows[position].cells and not rows[position].filled]
    below = _body(rows, gap + 1)[:5]
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


def _with_records_above(rows: Sequence[Row], start: int, width: int) -> int:
    """The first of the rows right above `start` that have the shape of records: their table begins there.

    They are notes where the row at `start` is a header for sure: nothing above a header is of its table.
    """
    nearest = _content_before(rows, start)
    if width < 2 or not nearest:
        return start
    body = _body(rows, start)
    cells = [row.cells for row in body]
    own = header_score(cells[0], cells[1:], _shapes(body[1:], width)) if len(body) > 1 else -1.0
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
    shapes = _shapes(body, width)
    return header_score(row.cells[:width], [item.cells for item in body], shapes) > 0.5


def _content_before(rows: Sequence[Row], start: int) -> list[int]:
    """The numbers of the rows right above, the nearest first, up to a blank line."""
    found: list[int] = []
    for position in range(start - 1, -1, -1):
        row = rows[position]
        if row.kind:
            continue
        if not row.cells or not row.filled:
            break
        found.append(position)
    return found


def _with_header(rows: Sequence[Row], start: int, body: list[Row], width: int, header: str, *, is_set: bool) -> Layout:
    cells = [row.cells for row in body]
    # A line that says the header again says nothing of what the columns hold.
    judged = _first_block(rows, start, body)[1:]
    below = [row for row in judged if len(row.cells) == width and not says_again(row.cells, body[0].cells)] or body[1:]
    # Two more lines may be the header's; where they are not, they say as much as the others.
    later = _shapes(below[2:] or below, width)
    shapes = [mine if is_typed(mine) else other for mine, other in zip(later, _shapes(below, width), strict=True)]
    score = header_score(cells[0], [row.cells for row in below], shapes)
    if header.isdigit():
        count = min(int(header), len(cells))
    elif header == "no":
        count = 0
    else:
        count = header_rows(cells, width, shapes, certain=header == "yes")
    notes: list[str] = []
    names: list[str] = []
    first_line, header_lines = body[0].line, 0
    if count:
        names = _unquoted(joined_names(cells[:count]))
        header_lines = _line_after(rows, start, body, count) - first_line
        if count > 1:
            notes.append(f"The header takes {count} lines; they were joined into one name for each column.")
    elif header != "no" and not is_set and (found := _odd_header(rows, start, body, width)):
        position, names = found
        start, first_line = position, rows[position].line
        header_lines = body[0].line - first_line
        count, score = 1, 0.5
        notes.append("The header line is written in another way than the lines below it.")
    data = _before_other_table(cells[count:] if header_lines else cells, names)
    width, names = _final_width(data, width, names, shapes, notes)
    return Layout(
        least=_least(data, width),
        start=start,
        header_rows=count,
        width=width,
        names=names,
        shapes=[*shapes, *[""] * width][:width],
        above=[],
        first_line=first_line,
        header_lines=header_lines,
        header_score=score if not header else (1.0 if count else -1.0),
        notes=tuple(notes),
    )


def _before_other_table(data: list[list[str]], names: Sequence[str]) -> list[list[str]]:
    """The rows up to one of another width that says names of the header: from there on another table stands."""
    known = {name.strip().lower() for name in names if name.strip()}
    if len(known) < 2:
        return data
    for index, cells in enumerate(data):
        said = {cell.strip().lower() for cell in cells if cell.strip()}
        if len(cells) != len(names) and len(said & known) > 1 and len(said & known) * 2 >= len(said):
            return data[:index]
    return data


def _least(data: Sequence[Sequence[str]], width: int) -> int:
    """The values from which short rows are filled up: what a fifth of the rows have is no cut line."""
    counts = Counter(len(cells) for cells in data)
    many = [size for size, count in counts.items() if size > 1 and count * 5 >= len(data)]
    return min([(width + 1) // 2, *many])


def _first_block(rows: Sequence[Row], start: int, body: list[Row]) -> list[Row]:
    """The rows up to the first blank line, where they are enough to judge by: another table may stand below it."""
    block: list[Row] = []
    for row in rows[start:]:
        if not row.filled and not row.kind and len(block) >= 3:
            break
        if not row.kind and row.cells:
            block.append(row)
    return block if len(block) >= 3 else body


def _unquoted(names: list[str]) -> list[str]:
    """Names without the quotes that a damaged header line left on them."""
    whole = [name.strip() for name in names if len(name.strip()) > 1 and name.strip()[0] == name.strip()[-1] == '"']
    if len(whole) >= 2:
        return [name.strip().strip('"') if '"' in name else name for name in names]
    return [name.strip()[1:-1] if name.strip() in whole else name for name in names]


def _odd_header(rows: Sequence[Row], start: int, body: Sequence[Row], width: int) -> tuple[int, list[str]] | None:
    """The row above a table without a header whose text names its columns, when another delimiter cuts it.

    A comment line with as many values as the table has columns is one as well.
    """
    if width < 2 or start == 0:
        return None
    position = start - 1
    row = rows[position]
    if row.kind == "comment":
        # The sign of a comment stays with the first name, as it is written.
        names = [row.cells[0].lstrip("# "), *row.cells[1:]]
        is_one = len(names) == width and header_score(names, [item.cells for item in body], _shapes(body, width)) > 0
        return (position, row.cells) if is_one else None
    if len(row.cells) != 1:
        return None
    for sign in (",", ";", "\t", "|", " "):
        names = [part.strip().strip('"') for part in row.cells[0].strip().split(sign)]
        if len(names) == width and all(names) and (sign != " " or all(map(_ONE_WORD.fullmatch, names))):
            return position, names
    return None


def _line_after(rows: Sequence[Row], start: int, body: Sequence[Row], count: int) -> int:
    """The physical line after the first `count` rows of the body."""
    last = body[count - 1]
    position = start
    while rows[position] is not last:
        position += 1
    if position + 1 < len(rows):
        return rows[position + 1].line
    return last.line + 1 + sum(cell.count("\n") for cell in last.cells)


def _final_width(
    data: Sequence[Sequence[str]], width: int, names: list[str], shapes: Sequence[str], notes: list[str]
) -> tuple[int, list[str]]:
    """The table's width and a name for each column: the header and the rows may both have more than the other."""
    filled = [cells for cells in data if any(cell.strip() for cell in cells)]
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


def _shapes(body: Sequence[Row], width: int) -> list[str]:
    rows = [row.cells for row in body[:SHAPED_ROWS]]
    full = [cells for cells in rows if len(cells) >= width] or rows
    return [usual_shape([cells[index] for cells in full if index < len(cells)]) for index in range(width)]


def _above(rows: Sequence[Row], layout: Layout, *, is_set: bool) -> list[Above]:
    """What each line before the table is. Rows of one width with a header of their own are another table."""
    found: list[Above] = []
    block: list[Row] = []
    end = layout.first_line

    def close(last: int) -> None:
        if not block:
            return
        kind = "table" if not is_set and _is_table(block) else "title"
        found.append(Above(block[0].line + 1, last, kind))
        block.clear()

    for row in rows[: layout.start]:
        if row.cells and not row.kind and row.filled:
            if block and len(block[0].cells) != len(row.cells):
                close(row.line)
            block.append(row)
            continue
        close(row.line)
        found.append(Above(row.line + 1, row.line + 1, row.kind or "blank"))
    close(end)
    return found


def _is_table(block: Sequence[Row]) -> bool:
    """Whether rows above the main table have the shape of records: a header over a column that is no text."""
    width = len(block[0].cells)
    if len(block) < 2 or width < 2 or block[0].reach < 2:
        return False
    shapes = _shapes(block[1:], width)
    if not any(map(is_typed, shapes)):
        return False
    return header_score(block[0].cells, [row.cells for row in block[1:]], shapes) > 0.5


def agreement_of(rows: Sequence[Row], layout: Layout, weights: Weights) -> float:
    """The mean over the sample's lines of what each is worth in this layout: 1 for a full row, 0 for one rejected."""
    others = [item for item in layout.above if item.kind == "table"]
    credit, count = 0.0, 0
    for position, row in enumerate(rows):
        if not row.cells or row.kind or not row.filled:
            continue
        count += 1
        if position < layout.start:
            is_other = any(item.first <= row.line + 1 <= item.last for item in others)
            credit += weights.other_table if is_other else weights.outside
        else:
            credit += _worth(row, layout.width, layout.least, weights)
    return credit / count if count else 0.0


def _worth(row: Row, width: int, least: int, weights: Weights) -> float:
    size = len(row.cells)
    if size == width:
        return 1.0
    if size > width:
        return weights.trimmed if row.reach <= width else 0.0
    if size == 1:
        return weights.outside if width > 2 else weights.outside * 0.6
    return weights.padded if size >= least else weights.outside * 0.5
