"""Weighs the candidates for a file's writing: a reading is judged by what it would lose.

What a reading drops, rejects, fills up, cuts through or splits against the quotes counts against it; one column is
always among the candidates. The measure goes back to the consistency of van den Burg, Nazábal and Sutton (2019), the
pattern of rows times the share of cells that are of a known type, and to the table uniformity of García (2024); new
here is that what becomes of each line in the layout takes the place of row patterns.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .candidates import COMMON, QUOTES, cut_share, delimiters, even_signs, is_prose, quote_fit, writings
from .dialect import NO_DELIMITER, Dialect
from .errors import Unreadable
from .layout import CERTAIN_HEADER, Layout, lay_out
from .records import NeedsMore, RecordReader
from .sample import HEAD_CHARACTERS, SAMPLE_ROWS, Parsed, Row, Writing, collapse_blanks, is_damaged, parse
from .shapes import is_typed, looks_like_value
from .weights import WEIGHTS, Weights

#: Cells of a candidate that are looked at, and of one row.
LOOKED_AT_CELLS = 3_000
LOOKED_AT_IN_ROW = 200
#: The share of lines that have to agree for a sign to come evenly, and how many for that to be no chance.
EVEN = 0.99
EVEN_ROWS = 20
#: Characters of a longer sample that all candidates are tried on, the part of the best score from which one is tried on
#: all of it, and the part of its score that the best one has to keep there.
QUICK_CHARACTERS = 12_000
NEAR = 0.45
STEADY = 0.9
#: The share below which the lines do not agree.
MOSTLY_EVEN = 0.9
#: Bytes that a damaged value of a sample may have.
DAMAGED_BYTES = 2048
#: Bytes of a sample that are read tolerantly: slowly.
TOLERANT_BYTES = 48_000

_COLUMN_NAME = re.compile(r"[^\d\W][\w \-/()]{0,50}")


@dataclass(frozen=True)
class Reading:
    """A candidate with how the sample reads by it, and its score: 0 or less for what can't be, about 1 at best."""

    writing: Writing
    parsed: Parsed
    layout: Layout
    score: float


def weigh(
    text: str,
    *,
    delimiter: str | None = None,
    quote: str | None = None,
    escape: str | None = None,
    header: str = "",
    skip: int | None = None,
    comment: str | None = None,
    complete: bool = True,
    weights: Weights = WEIGHTS,
) -> list[Reading]:
    """All readings of a text whose line ends are line feeds, the best first. Raises Unreadable when there is none.

    delimiter, quote, escape, header ("yes", "no", a number of lines) and skip (lines before the table) are what a
    person has set; None and "" are detected. `comment` is what comments begin with: "" for none, None to detect it.
    """
    head = text[:HEAD_CHARACTERS]

    def read_all(part: str, candidates: Sequence[tuple[int, Writing]], *, is_whole: bool) -> list[Reading]:
        readings: list[Reading] = []
        problem: Unreadable | None = None
        for rank, writing in candidates:
            try:
                reading = _read(part, writing, rank, header, skip, comment, complete=is_whole, weights=weights)
                readings.append(reading)
            except Unreadable as error:
                problem = error
        if not readings:
            raise problem or Unreadable("The file holds no table.")
        return sorted(readings, key=lambda reading: -reading.score)

    ranked = list(enumerate(writings(head, delimiter=delimiter, quote=quote, escape=escape)))
    if len(head) > 2 * QUICK_CHARACTERS and len(ranked) > 2 and skip is None:
        # Most candidates are far behind after a few lines.
        first = read_all(head[: head.rfind("\n", 0, QUICK_CHARACTERS) + 1] or head, ranked, is_whole=False)
        near = [item.writing for item in first if item.score >= NEAR * first[0].score]
        if first[0].layout.agreement >= EVEN and len(near) < len(ranked):
            chosen = read_all(head, [item for item in ranked if item[1] in near], is_whole=complete)
            if chosen[0].score >= STEADY * first[0].score:
                return [*chosen, *(item for item in first if item.writing not in near)]
    return read_all(head, ranked, is_whole=complete)


def _read(
    head: str,
    writing: Writing,
    rank: int,
    header: str,
    skip: int | None,
    comment: str | None,
    *,
    complete: bool,
    weights: Weights,
) -> Reading:
    parsed = parse(head, writing, comments=comment != "")
    if comment is None and _comments_are_rows(parsed, writing):
        parsed = parse(head, writing, comments=False)
    damaged = is_damaged(head, writing, parsed)
    if damaged and writing.delimiter in COMMON | {""}:
        parsed = tolerantly(head, parsed, writing, complete=complete)
    layout = lay_out(parsed, weights, header=header, skip=skip)
    score = score_of(head, writing, parsed, layout, weights) * (weights.damaged if damaged else 1.0)
    return Reading(writing, parsed, layout, score - rank * 1e-6)


def _comments_are_rows(parsed: Parsed, writing: Writing) -> bool:
    """Whether lines that begin with `#` are records after all: most records do, or no other line says less."""
    comments = [row for row in parsed.rows if row.kind]
    if not comments:
        return False
    content = parsed.content
    if not content or (len(comments) >= 2 * len(content) and not writing.delimiter):
        return not content
    width = Counter(len(row.cells) for row in content).most_common(1)[0][0]
    alike = [row for row in comments if len(row.cells) == width]
    if width == 1:
        # Tags of a list, and not words about it.
        at_top = comments[-1].line < content[0].line
        return not at_top and not any(row.cells[0].strip().count(" ") for row in comments)
    is_first = comments[0].line < content[0].line
    return len(alike) == len(comments) and not (is_first and len(comments) == 1)


def tolerantly(head: str, parsed: Parsed, writing: Writing, *, complete: bool) -> Parsed:
    """The sample's rows as the scan will read them: a quote that is never closed costs its one line."""
    mark = writing.delimiter or NO_DELIMITER
    if writing.blanks:
        head, mark = collapse_blanks(head, least=len(writing.delimiter)), NO_DELIMITER
    elif len(mark.encode()) > 1:
        head, mark = head.replace(mark, NO_DELIMITER), NO_DELIMITER
    widths = Counter(len(row.cells) for row in parsed.content)
    width = max(widths, key=lambda item: widths[item] * (item - 0.5) ** 0.5) if widths else 1
    dialect = Dialect(delimiter=mark, quote=writing.quote, escape=writing.escape, names=("",) * width)
    reader = RecordReader(dialect, mark.encode(), max_record=len(head) * 4, damaged_bytes=DAMAGED_BYTES)
    comments = {row.line: row for row in parsed.rows if row.kind}
    buf = head.encode()
    is_whole = complete and len(head) < HEAD_CHARACTERS
    if len(buf) > TOLERANT_BYTES:
        buf, is_whole = buf[:TOLERANT_BYTES], False
    rows: list[Row] = []
    pos = line = 0
    while pos < len(buf) and len(rows) < SAMPLE_ROWS:
        if line in comments:
            rows.append(comments[line])
            pos = reader.line_end(buf, pos, eof=True)
            line += 1
            continue
        try:
            record = reader.read(buf, pos, eof=is_whole)
        except NeedsMore:
            break
        cells = [cell.decode("utf-8", "replace") for cell in record.fields]
        # A damaged header is still read.
        is_lost = bool(rows) and record.trouble in ("never closed", "ends wrong")
        is_blank = len(cells) == 1 and not buf[pos : record.end].strip()
        rows.append(Row([] if is_blank else cells, line, "lost" if is_lost else ""))
        line += buf.count(b"\n", pos, record.end)
        pos = record.end
    return Parsed(rows, line) if any(row.cells for row in rows) else parsed


def score_of(head: str, writing: Writing, parsed: Parsed, layout: Layout, weights: Weights) -> float:
    """How good a reading is: the worth of its lines, times that of its cells, times the evidence of a table."""
    body = [row.cells for row in parsed.rows[layout.start :] if row.cells and not row.kind]
    score: float = layout.agreement**weights.agreement_power
    score *= 1 - weights.cells + weights.cells * _cell_quality(body, writing, _signs(head), weights)
    score *= _quote_factor(head, writing, weights)
    if not writing.delimiter:
        return score * weights.one_column
    if layout.width == 1:
        # Written with a delimiter that stands within quotes alone: as good as one column, and says more.
        is_used = any(writing.delimiter in cells[0] for cells in body) and layout.agreement == 1
        return score * weights.one_column * (1.0 if is_used and writing.delimiter in COMMON else 0.5)
    used = _used(body, layout.width)
    score *= (1 - weights.columns / used) if used > 1 else weights.one_column
    score *= 1 - (1 - weights.cut_values) * cut_share(head, writing.delimiter) ** 3
    if layout.agreement < EVEN and any(sign != writing.delimiter for sign in even_signs(head)):
        # Another sign comes in every line, equally often.
        score *= weights.uneven
    if layout.agreement < MOSTLY_EVEN and is_prose(head, writing.delimiter):
        score *= weights.prose
    if writing.delimiter not in ";\t|" and _drops_the_name(parsed, layout, has_words=writing.delimiter == ","):
        score *= weights.dropped_name
    return score * _trust(writing, parsed, layout, weights)


def _drops_the_name(parsed: Parsed, layout: Layout, *, has_words: bool) -> bool:
    """Whether the one line above all rows, a title by this reading, would name a single column.

    Words have commas, and much has blanks; other signs in all of the lines are a delimiter.
    """
    above = [row for row in parsed.rows[: layout.start] if not row.kind]
    if len(above) != 1 or len(above[0].cells) != 1 or (has_words and any(map(is_typed, layout.shapes))):
        return False
    name = above[0].cells[0].strip()
    return bool(_COLUMN_NAME.fullmatch(name)) and name.count(" ") < 4 and layout.header_score < CERTAIN_HEADER


def _quote_factor(head: str, writing: Writing, weights: Weights) -> float:
    """Less than 1 where quotes stand within values, or where the reading cuts through what quotes hold together."""
    factor = 1.0
    for mark in QUOTES[:2]:
        fit, density = quote_fit(head, writing.delimiter, mark)
        if not density:
            continue
        if writing.quote == mark:
            factor *= 1 - density * (1 - weights.stray_quotes) * (1 - fit)
        else:
            best = max(quote_fit(head, sign, mark)[0] for sign in (*_signs(head), writing.delimiter, ""))
            factor *= 1 - density * (1 - weights.stray_quotes) * max(0.0, 2 * best - 1)
    return factor


def _trust(writing: Writing, parsed: Parsed, layout: Layout, weights: Weights) -> float:
    """How far a sign is to be trusted as a delimiter: one that words have for other reasons needs typed columns."""
    sign = writing.delimiter
    if sign in COMMON or (len(sign) == 2 and not writing.blanks):
        return 1.0 if writing.quote != "'" else 0.98
    least = weights.space if sign.startswith(" ") else weights.colon if sign == ":" else weights.rare_sign
    if sign in "\x1f\x01¤§^~":
        least = 0.9
    if layout.agreement >= EVEN and layout.width >= 3 and len(parsed.content) >= EVEN_ROWS:
        # Words do not come equally often in so many lines.
        least = max(least, weights.even_sign)
    shapes = [shape for shape in layout.shapes if shape]
    typed = sum(map(is_typed, shapes)) / len(shapes) if shapes else 0.0
    if layout.header_rows and layout.header_score > 0.3:
        typed = (1 + typed) / 2
    trust = least + (0.95 - least) * typed**2
    return trust * (weights.uneven if layout.agreement < MOSTLY_EVEN else 1.0)


def _used(body: Sequence[Sequence[str]], width: int) -> int:
    """The columns in which any row has a value."""
    used: set[int] = set()
    for cells in body:
        used.update(index for index, cell in enumerate(cells[:width]) if cell.strip())
        if len(used) == width:
            break
    return len(used)


@functools.lru_cache(8)
def _signs(head: str) -> tuple[str, ...]:
    """The signs of one character that could part values in this text, but for blanks and colons, which words have."""
    return tuple(sign for sign in delimiters(head) if len(sign) == 1 and sign not in " :")


def _cell_quality(body: Sequence[Sequence[str]], writing: Writing, signs: Sequence[str], weights: Weights) -> float:
    """The mean over cells of how much each looks like one value, 0 to 1; less where a whole column was cut wrongly."""
    columns: dict[int, list[str]] = {}
    count = 0
    for cells in body:
        for index, cell in enumerate(cells[:LOOKED_AT_IN_ROW]):
            columns.setdefault(index, []).append(cell)
            count += 1
        if count > LOOKED_AT_CELLS:
            break
    total = 0.0
    worst = 1.0
    steady: list[str] = []
    for column in columns.values():
        good = sum(1.0 for cell in column if looks_like_value(cell, writing.delimiter, writing.quote))
        sign = _steady_sign(column, writing.delimiter, signs)
        steady.append(sign)
        total += good * (weights.steady_cell if sign else 1.0)
        if good * 5 <= len(column) and (sign or len(column) == 1):
            worst = weights.mixed_column
    if len(steady) > 1 and steady[0] and len(set(steady)) == 1 and steady[0] in "".join(body[0]):
        # What all columns hold, and the header, is the sign that parts them.
        worst = weights.mixed_column
    return worst * total / max(1, count)


def _steady_sign(column: Sequence[str], delimiter: str, signs: Sequence[str]) -> str:
    """Another delimiter that all cells of a column hold equally often: they were cut at the wrong one. Or nothing."""
    filled = [cell for cell in column[:100] if cell.strip()]
    if len(filled) < 2:
        return ""
    for sign in signs:
        if sign == delimiter or sign not in filled[-1]:
            continue
        if not delimiter and sign == "," and all(", " in cell for cell in filled[1:20]):
            # A name with its first name after a comma is one value.
            continue
        counts = Counter(cell.count(sign) for cell in filled)
        usual, times = counts.most_common(1)[0]
        if usual and times >= 0.95 * len(filled) and not all(re.search(r"\d,\d", cell) for cell in filled[:5]):
            return sign
    return ""
