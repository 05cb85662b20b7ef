"""The format of a CSV file: what it is made of, and how a sample of it is read to find that out."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .errors import Unreadable
from .shapes import looks_like_value, shape_of

#: Delimiters that are tried, the likelier first; a tie goes to the earlier one.
DELIMITERS = (",", ";", "\t", "|", "||", "::", "\x1f", "\x01", "^", "~", "¤", "§", ":", " ")
#: Stands for "no delimiter": a table of one column. It is never in real text.
NO_DELIMITER = "\x1f"
QUOTES = ('"', "'", "")
#: Rows of the sample that are parsed for each candidate.
SAMPLE_ROWS = 400
#: Characters of the sample that are parsed for each candidate.
HEAD_CHARACTERS = 200_000
MAX_COLUMNS = 20_000
MAX_HEADER_LINES = 3
#: Rows at the top of the table among which titles are looked for.
MAX_TITLE_ROWS = 30
#: Preamble lines that are kept in the report.
KEPT_PREAMBLE_LINES = 50

_MISSING = re.compile(r"(?i)n/?a|null|none|nan|-+|\?|\\n|missing|unknown")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one file is written. `line_end` is "\\n" (which includes "\\r\\n"), "\\r" or "any"."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = "double"
    line_end: str = "\n"
    header_lines: int = 1
    preamble_lines: int = 0
    names: tuple[str, ...] = ()
    source_names: tuple[str, ...] = ()
    preamble: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def width(self) -> int:
        return len(self.names)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Dialect:
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        for name in ("names", "source_names", "preamble", "notes"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True)
class Parsed:
    """A sample read one way: its rows (blank lines are None) and the physical line each begins on."""

    rows: list[list[str] | None]
    lines: list[int]

    @property
    def widths(self) -> list[int]:
        return [len(row) for row in self.rows if row is not None]


def detect_dialect(sample: str, *, encoding: str, complete: bool, options: dict[str, Any]) -> Dialect:
    """The format of the file that `sample` is the beginning of.

    `complete` says that the sample is the whole file. `options` holds what the person has set: delimiter,
    quote, escape, line_end, header ("yes", "no" or a number of lines), preamble_lines. Absent keys are detected.
    """
    notes: list[str] = []
    if not sample.strip("\r\n \t\0"):
        raise Unreadable("The file holds no records: it is empty or has only blank lines.")
    sample = sample.replace("\0", "")
    said_lines = 0
    hint = re.match(r"[\ufeff\"]*sep=(.{1,2}?)\"?(?:\r\n|\n|\r)", sample, re.IGNORECASE)
    said_delimiter = None
    if hint and "delimiter" not in options:
        said_delimiter = hint.group(1)
        sample = sample[hint.end() :]
        said_lines = 1
        notes.append(f"The first line names the delimiter: {hint.group(0).strip()}")
    line_end = options.get("line_end") or _line_end_of(sample)
    if not complete:
        sample = _cut_at_line_end(sample, line_end)
    text = _with_line_feeds(sample, line_end)
    delimiter = options.get("delimiter") or said_delimiter
    quote = options.get("quote")
    if quote == "none":
        quote = ""
    parsed, delimiter, quote, escape = _best_reading(text, delimiter, quote, options.get("escape"))
    parsed = _tolerantly(text[:HEAD_CHARACTERS], parsed, delimiter, quote, escape)
    layout = _layout_of(parsed, delimiter, options, said_lines)
    if layout.note:
        notes.append(layout.note)
    if layout.first_line > KEPT_PREAMBLE_LINES:
        notes.append(f"{layout.first_line:,} lines stand before the table: they may hold another one.")
    names, renamed = unique_names(layout.source_names)
    if renamed:
        notes.append(f"{renamed} empty or repeated column names were made unique.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(f"The table has {len(names):,} columns; at most {MAX_COLUMNS:,} can be imported.")
    all_lines = text.split("\n")
    kept = [line[:500] for line in all_lines[: layout.first_line][:KEPT_PREAMBLE_LINES]]
    if said_lines and hint:
        kept.insert(0, hint.group(0).strip())
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        line_end=line_end,
        header_lines=layout.header_lines,
        preamble_lines=layout.first_line + said_lines,
        names=tuple(names),
        source_names=tuple(layout.source_names),
        preamble=tuple(kept),
        notes=tuple(notes),
    )


def with_names(dialect: Dialect, names: list[str]) -> Dialect:
    return replace(dialect, names=tuple(names))


def unique_names(source: list[str]) -> tuple[list[str], int]:
    """Names that differ from one another without regard to case, and how many had to be changed."""
    taken: set[str] = set()
    names: list[str] = []
    changed = 0
    wanted = Counter(" ".join(name.split()).lower() for name in source)
    for position, name in enumerate(source, 1):
        base = " ".join(name.split())[:200] or f"column_{position}"
        candidate, number = base, 1
        while candidate.lower() in taken or (number > 1 and wanted[candidate.lower()]):
            number += 1
            candidate = f"{base}_{number}"
        changed += candidate != " ".join(name.split())
        taken.add(candidate.lower())
        names.append(candidate)
    return names, changed


def _line_end_of(sample: str) -> str:
    outside = re.sub(r'"[^"]*"', "", sample)
    pairs = outside.count("\r\n")
    feeds = outside.count("\n") - pairs
    returns = outside.count("\r") - pairs
    if not pairs and not feeds:
        pairs, feeds = sample.count("\r\n"), sample.count("\n") - sample.count("\r\n")
        returns = max(returns, 0)
        if returns:
            return "\r"
        return "\n"
    if not returns:
        return "\n"
    # A few stray returns in a file of line feeds are damage inside values, not line ends.
    return "any" if returns * 10 >= pairs + feeds else "\n"


def _cut_at_line_end(sample: str, line_end: str) -> str:
    end = max(sample.rfind("\n"), sample.rfind("\r") if line_end != "\n" else -1)
    return sample[: end + 1] if end > 0 else sample


def _with_line_feeds(sample: str, line_end: str) -> str:
    sample = sample.replace("\r\n", "\n")
    return sample if line_end == "\n" else sample.replace("\r", "\n")


def _best_reading(
    text: str, delimiter: str | None, quote: str | None, escape: str | None
) -> tuple[Parsed, str, str, str]:
    delimiters = [delimiter] if delimiter else [item for item in DELIMITERS if item in text]
    for double in ("||", "::"):
        # Where a sign always comes twice, the pair is the delimiter, not two with nothing between.
        if double in delimiters and text.count(double) * 2 == text.count(double[0]) and not delimiter:
            delimiters.remove(double[0])
    head = text[:HEAD_CHARACTERS]
    quotes = [quote] if quote is not None else [item for item in QUOTES if not item or item in head]
    escapes = [escape] if escape else (["double", "backslash"] if "\\" in head else ["double"])
    best: tuple[float, Parsed, str, str, str] | None = None
    for rank, candidate in enumerate([*delimiters, NO_DELIMITER] if not delimiter else delimiters):
        for quote_char in quotes if quote is not None else _likely_quotes(quotes, candidate, head):
            for escape_style in escapes if quote_char else escapes[:1]:
                parsed = parse_sample(head, candidate, quote_char, escape_style)
                score = _score(parsed, candidate, quote_char, head) - rank * 1e-6
                if escape_style == "backslash":
                    score -= 1e-7
                if best is None or score > best[0]:
                    best = (score, parsed, candidate, quote_char, escape_style)
    if best is None:
        raise Unreadable("The file holds no table.")
    _, parsed, chosen, quote_char, escape_style = best
    if quote is None and not quote_char and not re.search(rf'(?:^|{re.escape(chosen)})"', head, re.MULTILINE):
        quote_char = '"'
    return parsed, chosen, quote_char, escape_style


def _likely_quotes(quotes: list[str], delimiter: str, text: str) -> list[str]:
    """Without "none" where most quotes at the start of a value are closed: one that is not is damage."""
    edge = re.escape(delimiter)
    opened = len(re.findall(rf'(?:^|{edge}) *"', text, re.MULTILINE))
    closed = len(re.findall(rf'(?:^|{edge}) *"(?:[^"]|"")*"(?= *(?:{edge}|$))', text, re.MULTILINE))
    if opened - closed > max(2, opened / 2) or '"' not in quotes:
        return quotes
    return [quote for quote in quotes if quote]


def parse_sample(text: str, delimiter: str, quote: str, escape: str) -> Parsed:
    """Up to SAMPLE_ROWS rows of a text whose line ends are line feeds."""
    if len(delimiter) > 1:
        text = text.replace(delimiter, NO_DELIMITER)
        delimiter = NO_DELIMITER
    lines = text.split("\n")
    reader = csv.reader(
        (line + "\n" for line in lines),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=True,
        escapechar="\\" if escape == "backslash" and quote else None,
        skipinitialspace=bool(quote) and delimiter not in " \t" and f"{delimiter} {quote}" in text,
    )
    csv.field_size_limit(1 << 30)
    rows: list[list[str] | None] = []
    starts: list[int] = []
    while len(rows) < SAMPLE_ROWS:
        start = reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        starts.append(start)
        rows.append(None if len(row) == 0 or (len(row) == 1 and not row[0].strip()) else row)
    return Parsed(rows, starts)


def _score(parsed: Parsed, delimiter: str, quote: str, text: str) -> float:
    rows = [row for row in parsed.rows if row is not None]
    if not rows:
        return -1.0
    width, count = _main_width(parsed)
    agreement = count / len(rows)
    cells = [cell for row in rows if len(row) == width for cell in row[:200]][:20_000]
    values = sum(1 for cell in cells if looks_like_value(cell, delimiter, quote)) / max(1, len(cells))
    broken = sum(1 for row in rows for cell in row[:200] if "\n" in cell and cell.count("\n") > 20)
    columns = 1 - 0.75 / width if width > 1 else 0.18
    penalty = 0.85 if delimiter in " :" and width > 1 else 1.0
    if quote == "'":
        closed = len(re.findall(rf"(?:^|{re.escape(delimiter)})'[^'\n]*'(?:$|{re.escape(delimiter)})", text, re.M))
        penalty *= 1.0 if closed > 1 and '"' not in text else 0.9
    if not quote:
        penalty *= 0.999
    return float(agreement**1.5) * (0.3 + 0.7 * values) * columns * penalty - 0.2 * min(1.0, broken / len(rows))


def _main_width(parsed: Parsed) -> tuple[int, int]:
    """The width that the main table has, and the rows that have it. More cells in runs of one width win.

    Of two tables of like length and nearly the same width, one after the other, the first is the main one.
    """
    widths = parsed.widths
    counts: Counter[int] = Counter(widths)
    width = max(counts, key=lambda item: (counts[item] * (item - 0.5) ** 0.5 * (item > 1 or 0.6), item))
    above = Counter(widths[: widths.index(width)])
    if above:
        first, rows = above.most_common(1)[0]
        is_alike = rows > 2 and counts[width] <= 2 * rows and first > 1 and width * 4 <= first * 5
        # Rows of both widths among one another are one ragged table, not two.
        if is_alike and rows * 10 >= counts[first] * 9:
            width = first
    return width, counts[width]


def _tolerantly(head: str, parsed: Parsed, delimiter: str, quote: str, escape: str) -> Parsed:
    """The sample's rows as the scan will read them: a quote that is never closed costs its one line."""
    # That module is built on this one.
    from .records import NeedsMore, RecordReader

    if not quote or len(parsed.rows) < 2:
        return parsed
    mark = delimiter
    if len(delimiter.encode()) > 1:
        head, mark = head.replace(delimiter, NO_DELIMITER), NO_DELIMITER
    names = ("",) * _main_width(parsed)[0]
    dialect = Dialect(delimiter=mark, quote=quote, escape=escape, names=names)
    reader = RecordReader(dialect, mark.encode(), max_record=len(head) * 4)
    buf = head.encode()
    rows: list[list[str] | None] = []
    starts: list[int] = []
    pos = line = 0
    while pos < len(buf) and len(rows) < SAMPLE_ROWS:
        try:
            record = reader.read(buf, pos, eof=len(head) < HEAD_CHARACTERS)
        except NeedsMore:
            break
        cells = [cell.decode() for cell in record.fields]
        starts.append(line)
        rows.append(None if len(cells) == 1 and not cells[0].strip() else cells)
        line += buf.count(b"\n", pos, record.end)
        pos = record.end
    return Parsed(rows, starts) if any(row is not None for row in rows) else parsed


@dataclass(frozen=True)
class Layout:
    first_line: int
    header_lines: int
    source_names: list[str]
    note: str = ""


def _layout_of(parsed: Parsed, delimiter: str, options: dict[str, Any], said_lines: int) -> Layout:
    width, _ = _main_width(parsed)
    skip = options.get("preamble_lines")
    header = str(options.get("header") or "")
    if skip is not None:
        start = _row_at_line(parsed, int(skip) - said_lines)
    else:
        start = _first_row(parsed, width)
        if header != "no":
            start = _after_titles(parsed, start, width)
    body = [row for row in parsed.rows[start:] if row is not None]
    if not body:
        raise Unreadable("The file holds no table after the lines that were skipped.")
    widest = len(body[0])
    if header.isdigit():
        header_rows = int(header)
    elif header == "no":
        header_rows = 0
    else:
        header_rows = _header_rows(body, width, certain=header == "yes")
    note = ""
    if header_rows:
        names = _joined_names(body[:header_rows])
        if header_rows > 1:
            note = f"The header takes {header_rows} lines; they were joined into one name for each column."
        data_widths = Counter(len(row) for row in body[header_rows:])
        usual = data_widths.most_common(1)[0][0] if data_widths else len(names)
        is_short = len(names) < min(width, usual)
        if is_short and delimiter != NO_DELIMITER and data_widths[usual] * 2 > sum(data_widths.values()):
            extra = [row[len(names) :] for row in body[header_rows:] if len(row) == usual]
            if any(cell.strip() for cells in extra for cell in cells):
                note = f"The header names {len(names)} columns, most rows have {usual}; the rest were named."
                names += [""] * (usual - len(names))
        while len(names) > max(usual, 1) and not names[-1].strip():
            names.pop()
    else:
        names = [""] * max(width, widest if header == "no" and len(body) == 1 else width)
    first_line = parsed.lines[start]
    header_end = header_rows
    header_lines = _line_of(parsed, start, header_end) - first_line
    return Layout(first_line, header_lines, names, note)


def _line_of(parsed: Parsed, start: int, rows: int) -> int:
    """The physical line after `rows` non-blank rows from row `start`."""
    position, seen = start, 0
    while seen < rows:
        seen += parsed.rows[position] is not None
        position += 1
    if rows == 0:
        return parsed.lines[start]
    if position < len(parsed.lines):
        return parsed.lines[position]
    last = parsed.rows[position - 1] or [""]
    return parsed.lines[position - 1] + 1 + sum(cell.count("\n") for cell in last)


def _row_at_line(parsed: Parsed, line: int) -> int:
    for position, start in enumerate(parsed.lines):
        if start >= line and parsed.rows[position] is not None:
            return position
    raise Unreadable(f"There is nothing after the {line} lines that were to be skipped.")


def _first_row(parsed: Parsed, width: int) -> int:
    """The row at which the main table begins: its header, when it has one."""
    rows = parsed.rows
    for position, row in enumerate(rows):
        if row is None or len(row) != width:
            continue
        following = [len(item) for item in rows[position + 1 : position + 9] if item is not None][:5]
        if following and sum(item == width for item in following) * 2 < len(following):
            continue
        before = rows[position - 1] if position else None
        # A header that lacks a name or has one too many stands right above the first row of usual width.
        if (
            before is not None
            and len(before) >= 2
            and abs(len(before) - width) <= max(1, width // 5)
            and not any(shape_of(cell) not in ("", "text") for cell in before)
            and any(shape_of(cell) not in ("", "text") for cell in row)
        ):
            return position - 1
        return position
    return next(index for index, row in enumerate(rows) if row is not None)


def _after_titles(parsed: Parsed, start: int, width: int) -> int:
    """The row after titles that are as wide as the table: a text in one cell, the others empty, or all empty.

    A title is one only where an empty row sets it apart, or the row below it is plainly the header.
    """
    rows, titles, gap = parsed.rows, 0, -1
    for position, row in enumerate(rows[start : start + MAX_TITLE_ROWS], start):
        filled = [cell for cell in row or () if cell.strip()]
        if len(filled) > 1 or (filled and shape_of(filled[0]) != "text"):
            body = [item for item in rows[position:] if item is not None]
            is_apart = gap >= 0 or (width > 2 and len(filled) * 2 >= _used_columns(body, width))
            if titles and len(filled) > 1 and len(body) > 1 and is_apart and _header_rows(body, width, certain=False):
                return position
            break
        titles += row is not None
        if row is not None and not filled:
            gap = position
    if gap < 0:
        return start
    return next((index for index in range(gap + 1, len(rows)) if rows[index] is not None), start)


def _used_columns(body: list[list[str]], width: int) -> int:
    return sum(any(len(row) > index and row[index].strip() for row in body[:50]) for index in range(width))


def _header_rows(body: list[list[str]], width: int, *, certain: bool) -> int:
    """How many rows of the body are header: 0 to MAX_HEADER_LINES."""
    rows = [row for row in body[1:] if len(row) == width][:200]
    first = body[0]
    shapes = [_usual_shape([row[index] for row in rows[MAX_HEADER_LINES - 1 :] or rows]) for index in range(width)]
    if not rows:
        plain = all(shape_of(cell) in ("", "text") for cell in first) and any(cell.strip() for cell in first)
        return 1 if certain or plain else 0
    votes = 0.0
    for index, cell in enumerate(first[:width]):
        shape = shape_of(cell)
        usual = shapes[index]
        if usual not in ("", "text"):
            if re.fullmatch(r"(?:19|20)\d\d", cell.strip()) and not _are_years([row[index] for row in rows]):
                continue
            votes += 1.0 if shape == "text" else (-1.5 if shape == usual else -0.1)
        elif shape not in ("", "text"):
            votes -= 1.0
        elif shape == "text":
            # Where the whole line comes again, the header was written twice.
            column = [row[index] for row in rows if row != first]
            lengths = [len(item) for item in column if item]
            if cell in column:
                votes -= 0.5
            elif lengths and max(lengths) == min(lengths) != len(cell) and len(lengths) > 2:
                votes += 0.4
            elif re.fullmatch(r"[^\d\W][\w .\-/()#%°]{0,60}", cell.strip()):
                votes += 0.1
        elif usual:
            votes -= 0.05
    names = [cell.strip().lower() for cell in first if cell.strip()]
    if len(set(names)) < len(names) / 2:
        votes -= 0.5
    if votes <= 0 and not certain:
        return 0
    typed = [index for index, usual in enumerate(shapes) if usual not in ("", "text")]
    count = 1
    while count < min(MAX_HEADER_LINES, len(body) - 1) and len(typed) * 2 >= sum(map(bool, shapes)):
        # An empty row may stand between the lines of a header.
        below = count if any(cell.strip() for cell in body[count]) else count + 1
        if below >= min(MAX_HEADER_LINES, len(body) - 1):
            break
        if len(body[below]) != width or not (_names_all(body[below], typed) or _completes(body[below], shapes)):
            break
        count = below + 1
    return count


def _names_all(row: list[str], typed: list[int]) -> bool:
    """Whether the row has names over at least half of the columns that hold numbers, dates and the like."""
    filled = [row[index] for index in typed if row[index].strip()]
    return (
        len(filled) * 2 >= len(typed)
        and len(filled) >= min(2, len(row))
        and all(shape_of(cell) == "text" and not _MISSING.fullmatch(cell.strip()) for cell in filled)
    )


def _completes(row: list[str], shapes: list[str]) -> bool:
    """Whether the row has only names for the columns of a group: texts over columns that hold no text."""
    filled = [(cell.strip(), shape) for cell, shape in zip(row, shapes, strict=True) if cell.strip()]
    return (
        not row[0].strip()
        and len(filled) >= 2
        and any(shape for _, shape in filled)
        and all(shape != "text" and shape_of(cell) == "text" and not _MISSING.fullmatch(cell) for cell, shape in filled)
    )


def _are_years(cells: list[str]) -> bool:
    """Whether a column of numbers could hold years itself: then a year above it is a value."""
    return any(re.fullmatch(r"(?:19|20)\d\d", cell.strip()) for cell in cells)


def _usual_shape(cells: list[str]) -> str:
    counts = Counter(shape_of(cell) for cell in cells)
    counts.pop("", None)
    if not counts:
        return ""
    shape, count = counts.most_common(1)[0]
    return shape if count * 5 >= sum(counts.values()) * 4 else "text"


def _joined_names(rows: list[list[str]]) -> list[str]:
    if len(rows) == 1:
        return [cell.strip() for cell in rows[0]]
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
