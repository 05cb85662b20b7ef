"""Where in a sample the table is: what stands before it, its header, its width, and what such a reading would lose.

1. The width that most cells speak for is the main table's, and the first row of it is where the search begins.
2. Titles as wide as the table stand before it; rows right above it that have the shape of records belong to it.
3. What is further up is titles and notes, or another table: the latter if it has columns of one kind.
4. The header is judged by what stands below; its names, and rows with more values, may make the table wider.
5. Each line counts for what becomes of it; the mean is the reading's agreement with the sample.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .blocks import body_of, first_block, shapes_of
from .dialect import Above
from .errors import Unreadable
from .headers import header_rows, header_score, joined_names, says_again
from .sample import Parsed, Row
from .shapes import is_typed, shape_of
from .tops import after_titles, first_full_row, lines_above, main_width, with_records_above
from .weights import Weights
from .widths import before_other_table, final_width, least_values

_ONE_WORD = re.compile(r"[^\d\W][\w.\-]{0,40}")
#: A score of a header from which it is sure.
CERTAIN_HEADER = 0.9


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
        body = body_of(rows, start)
        width = main_width(body)
    else:
        start = first_full_row(rows, width)
        if header != "no":
            start = after_titles(rows, start, width)
        start = with_records_above(rows, start, width)
    body = body_of(rows, start)
    if not body:
        raise Unreadable("The file holds no table after the lines that were skipped.")
    layout = _with_header(rows, start, body, width, header, is_set=skip is not None)
    above = lines_above(rows, layout.start, layout.first_line, is_set=skip is not None)
    layout = replace(layout, above=above)
    return replace(layout, agreement=agreement_of(rows, layout, weights))


def _row_at_line(rows: Sequence[Row], line: int) -> int:
    for position, row in enumerate(rows):
        if row.line >= line and row.cells and not row.kind:
            return position
    raise Unreadable(f"There is nothing after the {line} lines that were to be skipped.")


def _with_header(rows: Sequence[Row], start: int, body: list[Row], width: int, header: str, *, is_set: bool) -> Layout:
    cells = [row.cells for row in body]
    # A repeated header line has no values of the columns.
    judged = first_block(rows, start, body)[1:]
    below = [row for row in judged if len(row.cells) == width and not says_again(row.cells, body[0].cells)] or body[1:]
    # Two more lines may be the header's; where they are not, they say as much as the others.
    later = shapes_of(below[2:] or below, width)
    shapes = [mine if is_typed(mine) else other for mine, other in zip(later, shapes_of(below, width), strict=True)]
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
    elif header != "no" and not is_set and (odd_header := _odd_header(rows, start, body, width)):
        position, names = odd_header
        start, first_line = position, rows[position].line
        header_lines = body[0].line - first_line
        count, score = 1, 0.5
        notes.append("The header line is written in another way than the lines below it.")
    data = before_other_table(cells[count:] if header_lines else cells, names)
    width, names = final_width(data, width, names, shapes, notes)
    return Layout(
        least=least_values(data, width),
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
        is_one = len(names) == width and header_score(names, [item.cells for item in body], shapes_of(body, width)) > 0
        return (position, row.cells) if is_one else None
    if len(row.cells) != 1:
        return None
    for sign in (",", ";", "\t", "|", " "):
        names = [part.strip().strip('"') for part in row.cells[0].strip().split(sign)]
        words = sum(1 for name in names if not is_typed(shape_of(name)))
        if (
            len(names) == width
            and all(names)
            and words * 2 > width
            and (sign != " " or all(map(_ONE_WORD.fullmatch, names)))
        ):
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


def agreement_of(rows: Sequence[Row], layout: Layout, weights: Weights) -> float:
    """The mean over the sample's lines of what each is worth in this layout: 1 for a full row, 0 for one rejected."""
    others = [item for item in layout.above if item.kind == "table"]
    credit, count = 0.0, 0
    for position, row in enumerate(rows):
        count += row.kind == "lost"
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
