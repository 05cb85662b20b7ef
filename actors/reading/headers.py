"""Which lines at the top of a table name its columns, judged by what stands below them."""

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections import Counter
from collections.abc import Sequence

from .shapes import MISSING, is_missing, is_typed, shape_of

MAX_HEADER_LINES = 3
#: Rows below a header that it is judged by.
JUDGED_ROWS = 200
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_NAME = re.compile(r"[^\d\W][\w .\-/()#%°&:]{0,60}")
_CODE_NAME = re.compile(r"[a-z][a-z0-9]*(?:[_.][a-z0-9]+)*")
#: Units of measure, and marks of them, as in a line below the names.
_UNIT = re.compile(
    r"[\[(].{1,20}[\])]|.{0,12}[°%µ/²³€$£].{0,12}"
    r"|(?i:[munpkcdM]?(?:m|g|s|hz|v|a|w|pa|bar|l|j|n|mol|ppm|ppb)|min|h|hr|hrs|sec|days?|km/h|deg|rad|k|c|f|db|mm|in|ft|lb"
    r"|kg|yyyy.*|hh.*|dd.*|text|number|date|time|string|int|float|integer|utc|eur|usd|gbp|chf|ratio|count|no\.?|pcs|nos)"
)
#: Words that name columns in most of the tables there are; one over other words is a header's.
_COMMON = frozenset(
    [
        "id",
        "name",
        "date",
        "time",
        "year",
        "month",
        "day",
        "type",
        "code",
        "value",
        "amount",
        "price",
        "total",
        "quantity",
        "qty",
        "count",
        "number",
        "no",
        "nr",
        "title",
        "description",
        "text",
        "email",
        "e-mail",
        "mail",
        "phone",
        "address",
        "street",
        "city",
        "country",
        "state",
        "zip",
        "postcode",
        "region",
        "url",
        "link",
        "status",
        "category",
        "group",
        "key",
        "label",
        "note",
        "notes",
        "comment",
        "comments",
        "first",
        "last",
        "first_name",
        "last_name",
        "age",
        "sex",
        "gender",
        "lat",
        "lon",
        "latitude",
        "longitude",
        "unit",
        "start",
        "end",
        "from",
        "to",
        "source",
        "query",
        "user",
        "username",
        "login",
        "password",
        "author",
        "language",
        "currency",
        "vorname",
        "nachname",
        "datum",
        "betrag",
        "ort",
        "plz",
        "strasse",
        "straße",
        "land",
        "nom",
        "prénom",
        "prenom",
        "ville",
        "pays",
        "fecha",
        "nombre",
        "ciudad",
        "país",
        "valor",
        "data",
        "nome",
        "città",
        "kod",
        "nazwa",
        "miasto",
        "имя",
        "дата",
        "город",
        "название",
        "名前",
        "日付",
        "都市",
    ]
)


def header_score(first: Sequence[str], rows: Sequence[Sequence[str]], shapes: Sequence[str]) -> float:
    """How much speaks for `first` naming the columns of `rows`: above 0 for a header, by about 1 a column that is sure.

    `shapes` has the usual shape of each column of the rows.
    """
    if not rows:
        plain = all(not is_typed(shape_of(cell)) for cell in first) and any(cell.strip() for cell in first)
        return 0.1 if plain else -0.1
    steps = _is_sequence(first) and not any(_is_sequence(row) for row in rows[:10])
    score = 0.0
    for index, cell in enumerate(first[: len(shapes)]):
        column = [row[index] for row in rows[:JUDGED_ROWS] if index < len(row) and row is not first]
        score += _cell_score(cell.strip(), column, shapes[index], is_step=steps)
    names = [cell.strip().lower() for cell in first if cell.strip()]
    if len(set(names)) < len(names) / 2:
        score -= 0.5
    if first and not first[0].strip() and shapes and shapes[0] == "text" and len(names) == len(first) - 1 > 1:
        # The corner above the names of the rows is often empty; a record's first value seldom.
        score += 0.5
    return score


def _cell_score(cell: str, column: list[str], usual: str, *, is_step: bool) -> float:
    shape = shape_of(cell)
    if not cell:
        return -0.05 if usual else 0.0
    if is_typed(usual):
        if shape == "text":
            return 0.0 if MISSING.fullmatch(cell) else 1.0
        if is_step:
            return 0.5
        if shape != usual:
            return 0.4
        if _YEAR.fullmatch(cell) and not any(_YEAR.fullmatch(item.strip()) for item in column):
            return 0.3
        return -1.5
    if is_typed(shape):
        return 0.3 if is_step else -1.0
    return _word_score(cell, column) if usual else 0.1


def _word_score(cell: str, column: list[str]) -> float:
    """The same for a word over words."""
    filled = list(filter(None, map(str.strip, column)))
    if cell in filled:
        return -0.5
    if cell.lower() in _COMMON:
        return 0.6
    score = 0.1 if _NAME.fullmatch(cell) else 0.0
    lengths = {len(item) for item in filled}
    if len(lengths) == 1 and len(filled) > 2 and len(cell) not in lengths:
        score += 0.4
    if len(filled) > 4 and len(set(filled)) * 2 <= len(filled):
        score += 0.3
    for pattern in (r"\d", r"@", r"://|www\.", r"[_/.-]", r" "):
        if len(filled) > 2 and not re.search(pattern, cell) and all(re.search(pattern, item) for item in filled):
            score += 0.3
            break
    if _CODE_NAME.fullmatch(cell) and filled and not any(_CODE_NAME.fullmatch(item) for item in filled):
        score += 0.2
    return score


def _is_sequence(cells: Sequence[str]) -> bool:
    """Whether the numbers, years, dates or hours of a line go on by even steps, as names of columns do."""
    numbers: list[float] = []
    for cell in cells:
        match = re.fullmatch(r"(\d{1,6})(?:[:.]00)?|.*?(\d{1,2})", cell.strip()) if cell.strip() else None
        if is_typed(shape_of(cell)):
            ordinal = _ordinal(cell.strip())
            if ordinal is None and match:
                ordinal = float(match.group(1) or match.group(2))
            if ordinal is None:
                return False
            numbers.append(ordinal)
    if len(numbers) < 3:
        return False
    steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
    usual, count = Counter(steps).most_common(1)[0]
    is_even = usual != 0 and count >= len(steps) * 0.8
    # Years of a survey have gaps; they rise all the same.
    years = all(1800 <= number <= 2100 for number in numbers) and all(step > 0 for step in steps)
    dates = any("-" in cell or "/" in cell for cell in cells) and all(step > 0 for step in steps)
    return is_even or years or dates


def _ordinal(cell: str) -> float | None:
    """A date as a number that rises with it, by either order of day and month."""
    match = re.fullmatch(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})", cell)
    if not match:
        return None
    first, middle, last = (int(part) for part in match.groups())
    year, month, day = (first, middle, last) if first > 31 else (last, first, middle)
    return year * 372 + month * 31 + day


def says_again(row: Sequence[str], header: Sequence[str]) -> bool:
    """Whether the row repeats most of the header's values, several of them: it says nothing of the columns."""
    if sum(map(operator.eq, row, header)) < 3:
        return list(row) == list(header)
    same = sum(1 for cell, name in zip(row, header, strict=False) if cell.strip() and cell == name)
    return list(row) == list(header) or (same > 2 and same * 2 > sum(1 for name in header if name.strip()))


def header_rows(body: Sequence[Sequence[str]], width: int, shapes: Sequence[str], *, certain: bool) -> int:
    """How many of the body's first rows are the header: 0 to MAX_HEADER_LINES, empty rows between them included."""
    others = (row for row in body[1:] if len(row) == width and not says_again(row, body[0]))
    rows = list(itertools.islice(others, JUDGED_ROWS))
    score = header_score(body[0], rows, shapes)
    if body[0] in body[1:] and not any(map(is_typed, shapes)):
        # Words that come again as a whole line are a record's, where nothing says that they are names.
        score = min(score, 0.0)
    if score <= 0 and not certain:
        return 0
    count = 1
    while count < min(MAX_HEADER_LINES, len(body) - 1):
        # An empty row may stand between the lines of a header.
        below = count if any(cell.strip() for cell in body[count]) else count + 1
        if below >= min(MAX_HEADER_LINES, len(body) - 1) or len(body[below]) != width:
            break
        if not _goes_on(body[:count], body[below], shapes):
            break
        count = below + 1
    return count


def _goes_on(above: Sequence[Sequence[str]], row: Sequence[str], shapes: Sequence[str]) -> bool:
    """Whether a row below the names is still the header: units of the columns, or names that the row above lacks.

    A word over numbers is not enough: `pending` may be the first value.
    """
    filled = [(index, cell.strip()) for index, cell in enumerate(row) if cell.strip()]
    if not filled or any(is_typed(shape_of(cell)) or MISSING.fullmatch(cell) for _, cell in filled):
        return False
    over_typed = [index for index, _ in filled if is_typed(shapes[index])]
    if not over_typed:
        return False
    units = sum(1 for _, cell in filled if _UNIT.fullmatch(cell))
    if units * 2 >= len(filled) and len({cell for _, cell in filled}) * 3 >= len(filled):
        return True
    first = above[0]
    gaps = [index for index in range(len(row)) if index >= len(first) or not first[index].strip()]
    completes = sum(1 for index, _ in filled if index in gaps)
    is_group = len(gaps) >= 2 and completes >= 1 and len(over_typed) * 2 >= len(filled)
    if is_group and len({cell for _, cell in filled}) > 1:
        return True
    # Names of a group's parts stand over its columns alone; the row's own name is empty.
    is_part = not row[0].strip() and len(over_typed) == len(filled)
    return is_part and (len(filled) >= 2 or len(above) > 1)


def joined_names(rows: Sequence[Sequence[str]]) -> list[str]:
    """One name for each column of a header of several lines; of one line they stay as they are written."""
    if len(rows) == 1:
        return list(rows[0])
    width = max(len(row) for row in rows)
    filled: list[list[str]] = []
    for number, row in enumerate(rows):
        cells = [cell.strip() for cell in row] + [""] * (width - len(row))
        for index in range(1, width):
            # A group's name stands over its first column only.
            if any(len(below) > index and below[index].strip() for below in rows[number + 1 :]):
                cells[index] = cells[index] or cells[index - 1]
        filled.append(cells)
    return [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*filled, strict=True)]


def usual_shape(cells: Sequence[str]) -> str:
    """The shape that four of five cells have, empty ones left out; "text" where there is no such."""
    return _usual_shape(tuple(cells))


@functools.lru_cache(512)
def _usual_shape(cells: tuple[str, ...]) -> str:
    # The same rows are asked about by every step of the layout.
    counts = Counter(map(shape_of, cells))
    counts.pop("", None)
    for word in filter(is_missing, cells):
        counts[shape_of(word)] -= 1
    total = sum(counts.values())
    if total <= 0:
        return "text" if any(map(str.strip, cells)) else ""
    shape, count = counts.most_common(1)[0]
    return shape if count * 5 >= total * 4 else "text"
