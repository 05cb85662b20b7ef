"""The third choice of a case, first half: what stands above, among and below the records of a table."""

from __future__ import annotations

from random import Random

from .columns import sentence
from .draft import Draft, Line, Role
from .tables import build

TITLES = (
    "Monthly report",
    "Sales by region",
    "Export of 01.03.2024",
    "Annual statement 2023",
    "Table 4",
    "Internal use",
)
KEYS = ("Account", "Period", "Created by", "Customer", "Currency", "Report date", "Version", "Filter")
VALUES = ("DE00 0000 1234", "01.01.2024 - 31.01.2024", "Ann Smith", "EUR", "7", "all", "2024-03-01 10:15", "none")
NOTES = (
    "Source: ministry of trade",
    "* estimated",
    "End of report",
    "Note: values of 2020 are provisional.",
    "(c) 2024",
)


def above(draft: Draft, rng: Random, texts: list[str], *, role: Role = "before") -> None:
    """Put lines above the header, often with a blank line after them."""
    lines = [Line(role, text) for text in texts]
    if draft.table.width > 1 and rng.random() < 0.5:
        lines.append(Line("blank", ""))
    at = 1 if draft.writing.says_delimiter else 0
    draft.lines[at:at] = lines


def titles(draft: Draft, rng: Random) -> None:
    """One to three lines of text without the delimiter."""
    texts = [_without(draft, text) for text in rng.sample(TITLES, rng.randint(1, 3))]
    above(draft, rng, texts)


def key_values(draft: Draft, rng: Random) -> None:
    """Lines of a key and its value, with a colon or the file's own delimiter between them."""
    mark = rng.choice((": ", draft.writing.delimiter or ": "))
    mark = ": " if mark == " +" else mark
    chosen = rng.sample(range(len(KEYS)), rng.randint(2, 6))
    above(draft, rng, [_without(draft, KEYS[index]) + mark + _without(draft, VALUES[index]) for index in chosen])


def padded_titles(draft: Draft, rng: Random) -> None:
    """Titles with as many delimiters as the table has, as spreadsheets write them."""
    width = draft.table.width
    rows = []
    for _ in range(rng.randint(1, 4)):
        key = rng.randrange(len(KEYS))
        cells = [KEYS[key], VALUES[key]] if width > 3 and rng.random() < 0.5 else [rng.choice(TITLES)]
        rows.append(cells + [""] * (width - len(cells)))
    if rng.random() < 0.5:
        rows.append([""] * width)
    above(draft, rng, [draft.writing.line([_without(draft, cell) for cell in row]) for row in rows])


def comments_above(draft: Draft, rng: Random) -> None:
    texts = [f"# {sentence(rng, draft.table.language, rng.randint(2, 8))}" for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.4 and draft.table.width > 1:
        texts = [f"# column {index}: {name}" for index, name in enumerate(draft.table.names, 1)]
    above(draft, rng, texts, role="comment")


def comments_among(draft: Draft, rng: Random) -> None:
    places = draft.places("record")[1:]
    for place in sorted(rng.sample(places, min(len(places), rng.randint(1, 4))), reverse=True):
        text = rng.choice(("# comment", "# second block", "#", f"# {sentence(rng, draft.table.language, 6)}"))
        draft.lines.insert(place, Line("comment", text))


def blank_lines(draft: Draft, rng: Random) -> None:
    """Blank lines above, after the header, among the rows or at the end."""
    where = rng.choice(("above", "after header", "among", "end", "every"))
    places = draft.places("record")
    if where == "above":
        draft.lines[0:0] = [Line("blank", "") for _ in range(rng.randint(1, 3))]
    elif where == "after header":
        draft.lines.insert(places[0], Line("blank", ""))
    elif where == "end":
        draft.lines += [Line("blank", rng.choice(("", "", "  "))) for _ in range(rng.randint(1, 5))]
    else:
        chosen = places[1:] if where == "every" else rng.sample(places, min(len(places), 3))
        for place in sorted(chosen, reverse=True):
            draft.lines.insert(place, Line("blank", ""))


def notes_below(draft: Draft, rng: Random) -> None:
    texts = rng.sample(NOTES, rng.randint(1, 3))
    if rng.random() < 0.3:
        count = len(draft.records())
        texts = [rng.choice((f"({count} rows)", f"{count} rows selected.", f"Total records: {count}"))]
    if rng.random() < 0.5 and draft.table.width > 1:
        draft.lines.append(Line("blank", ""))
    draft.lines += [Line("after", _without(draft, text)) for text in texts]


def total_below(draft: Draft, rng: Random) -> None:
    """A line of totals as wide as the table: a row or not, as good either way."""
    table = draft.table
    cells = [str(rng.randint(1000, 9999)) if typed and rng.random() < 0.6 else "" for typed in table.typed]
    cells[0] = rng.choice(("Total", "Sum", "TOTAL:"))
    draft.lines.append(draft.record(cells, may_be_rejected=True, is_counted=False))


def empty_lines_below(draft: Draft, rng: Random) -> None:
    """Lines of delimiters only."""
    text = draft.writing.delimiter * (draft.table.width - 1)
    draft.lines += [Line("blank", text) for _ in range(rng.randint(1, 8))]


def other_below(draft: Draft, rng: Random) -> None:
    """A blank line, and a second table with its own header, of the same or another width."""
    _add_other(draft, rng, is_below=True, width=draft.table.width + rng.choice((0, 0, -1, 1, 2)))


def other_above(draft: Draft, rng: Random) -> None:
    """A smaller table above the main one."""
    _add_other(draft, rng, is_below=False, width=max(2, draft.table.width // 2))


def _add_other(draft: Draft, rng: Random, *, is_below: bool, width: int) -> None:
    pool = ("city", "count", "float", "day", "state", "name", "code")
    count = min(rng.randint(1, 6), max(1, len(draft.table.rows) // 2))
    labels = ["state", *rng.choices(pool, k=max(2, width) - 1)]
    if not any(label in ("count", "float", "day") for label in labels):
        labels[-1] = "count"
    other = build(rng, draft.table.language, labels, count, empties=False)
    own = {name.lower() for name in draft.table.names}
    other.names = [f"{name} of group" if name.lower() in own else name for name in other.names]
    rows = [[_without(draft, cell) for cell in row] for row in (other.names, *other.rows)]
    lines = [Line("other", draft.writing.line(row)) for row in rows]
    gap = [Line("blank", "") for _ in range(rng.randint(1, 2))]
    if is_below:
        draft.lines += [*gap, *lines]
    else:
        draft.lines[0:0] = [*lines, *gap]


def repeated_header(draft: Draft, rng: Random) -> None:
    """The header once more or oftener among the rows, as where pages were joined."""
    header = next(line.text for line in draft.lines if line.role == "header")
    places = draft.places("record")[2:]
    for place in sorted(rng.sample(places, min(len(places), rng.randint(1, 3))), reverse=True):
        draft.lines.insert(place, Line("other", header))


def _without(draft: Draft, text: str) -> str:
    """The text without what is the file's own delimiter or quote."""
    delimiter = draft.writing.delimiter
    if delimiter == " +":
        return text.replace("  ", " ") if draft.writing.gap == 2 else text.replace(" ", "_")
    return text.replace(delimiter[0], "-") if delimiter else text
