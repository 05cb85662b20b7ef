"""The third choice of a case, second half: damage to records, quotes and bytes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .draft import Cells, Draft, Line, Record, Truth


def short_rows(draft: Draft, rng: Random) -> bool:
    """Some records lack their last values: padded, or rejected."""
    width = draft.table.width
    for line in _some(draft, rng):
        cells = list(_cells(line))
        cut = cells[: rng.randint(max(1, width // 3), width - 1)]
        _set(draft, line, cut, (tuple(cut + [""] * (width - len(cut))),), may_be_rejected=True)
    return True


def narrow_rows(draft: Draft, rng: Random) -> bool:
    """All records lack the header's last columns."""
    width = draft.table.width
    kept = rng.randint((width + 1) // 2, width - 1)
    for line in draft.records():
        cells = list(_cells(line))[:kept]
        _set(draft, line, cells, (tuple(cells + [""] * (width - kept)),))
    return True


def long_rows(draft: Draft, rng: Random) -> bool:
    """A few records have values too many: they are rejected, or the table has a column more."""
    extra = rng.randint(1, 2)
    for line in _some(draft, rng, share=0.05):
        cells = [*_cells(line), *(rng.choice(("extra", "7", "x y")) for _ in range(extra))]
        _set(draft, line, cells, (), may_be_rejected=True)
    draft.also.append(lambda truth: _widened(truth, draft, draft.table.width + extra))
    return True


def wider_later(draft: Draft, rng: Random) -> bool:
    """From some line on all records have a column or two more: the table is widened, or they are rejected."""
    records = draft.records()
    if len(records) < 4:
        return False
    extra = rng.randint(1, 2)
    for line in records[int(len(records) * rng.uniform(0.25, 0.8)) :]:
        _set(draft, line, [*_cells(line), *(str(rng.randint(1, 2000)) for _ in range(extra))], (), may_be_rejected=True)
    narrow: list[Truth] = []

    def widened(truth: Truth) -> Truth:
        narrow.append(truth)
        return _widened(truth, draft, draft.table.width + extra)

    draft.also.append(widened)
    return True


def _widened(truth: Truth, draft: Draft, width: int) -> Truth:
    """The same table with unnamed columns more, in which all records have a place."""
    names = truth.names and truth.names + ("",) * (width - len(truth.names))
    long = {line.record.raw: line.cells for line in draft.lines if line.record and line.cells}
    records = []
    for record in truth.records:
        readings = tuple(cells + ("",) * (width - len(cells)) for cells in record.readings or (long[record.raw],))
        records.append(replace(record, readings=readings, may_be_rejected=False))
    return Truth(names, tuple(records), truth.begins)


def open_quote(draft: Draft, rng: Random) -> bool:
    """Quotes that are opened and never closed: each costs at most its own record."""
    writing, done = draft.writing, False
    for line in _some(draft, rng, share=0.03):
        cells = list(_cells(line))
        if any("\n" in cell for cell in cells):
            continue
        place = rng.randrange(len(cells))
        if cells[place].endswith((writing.quote, "\\")) or not cells[place]:
            continue
        parts = [writing.quoted(cell) if index == place else writing.cell(cell) for index, cell in enumerate(cells)]
        parts[place] = parts[place].removesuffix(writing.quote)
        text = joined(draft, parts)
        plain = tuple(text.split(writing.delimiter))
        readings = (tuple(cells), *((plain, _unquoted(plain, writing.quote)) if len(plain) == len(cells) else ()))
        line.text = text
        line.record = Record(readings, may_be_rejected=True, raw=text)
        done = True
    return done


def _unquoted(cells: Cells, quote: str) -> Cells:
    return tuple(cell.strip(quote) for cell in cells)


def inner_quotes(draft: Draft, rng: Random) -> bool:
    """Quotes inside quoted cells that nobody doubled."""
    writing, done = draft.writing, False
    for line in _some(draft, rng, share=rng.choice((0.02, 0.1, 0.5))):
        cells = list(_cells(line))
        place = _quoted_place(draft, cells, rng)
        word = rng.choice(("Bus Stop", "new", "Annie", "A"))
        if place < 0 or writing.quote in cells[place]:
            continue
        inner = f"{writing.quote}{word}{writing.quote}"
        cells[place] = rng.choice((f"Old {inner} x", f"{cells[place]} {inner}", f"The {inner} {cells[place]}"))
        parts = [writing.cell(cell) for cell in cells]
        parts[place] = f"{writing.quote}{cells[place]}{writing.quote}"
        line.text = joined(draft, parts)
        line.record = Record((tuple(cells),), raw=line.text)
        draft.quote, done = writing.quote, True
    return done


def space_after_quotes(draft: Draft, rng: Random) -> bool:
    """Blanks or a tab between a closing quote and the delimiter."""
    writing, blank, done = draft.writing, rng.choice((" ", "  ", "\t")), False
    if blank.strip(writing.delimiter) != blank or writing.delimiter in " \t":
        return False
    for line in _some(draft, rng):
        cells = list(_cells(line))
        place = _quoted_place(draft, cells, rng)
        if place < 0:
            continue
        parts = [writing.cell(cell) for cell in cells]
        parts[place] += blank
        line.text = joined(draft, parts)
        line.record = Record((tuple(cells),), raw=line.text)
        done = True
    return done


def missing_words(draft: Draft, rng: Random) -> bool:
    """Words among numbers, the first record's above all: it is no second line of the header."""
    table, records = draft.table, draft.records()
    word = rng.choice(("pending", "n/a", "error", "missing", "tbd"))
    places = [index for index, typed in enumerate(table.typed) if typed]
    if not places or len(records) < 4:
        return False
    for line in [records[0], *rng.sample(records, len(records) // 10)]:
        cells = [word if index in places and rng.random() < 0.8 else cell for index, cell in enumerate(_cells(line))]
        _set(draft, line, cells, (tuple(cells),))
    return True


def mixed_encoding(draft: Draft, rng: Random) -> bool:
    """Half of the lines in UTF-8, half in Windows-1252."""
    try:
        for line in draft.lines:
            line.text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    if draft.writing.encoding != "utf-8" or all(line.text.isascii() for line in draft.lines):
        return False
    for number, line in enumerate(draft.lines):
        line.encoding = "cp1252" if number % 2 else ""
    return True


def odd_byte(draft: Draft, rng: Random) -> bool:
    """One byte of Windows-1252 in a file of ASCII or UTF-8."""
    line = rng.choice(draft.records())
    cells = list(_cells(line))
    place = _text_place(draft, rng)
    if draft.writing.encoding != "utf-8" or place < 0 or not line.text.isascii() or "\n" in line.text:
        return False
    cells[place] = f"{cells[place]} {rng.choice('©é°ü')}".strip()
    draft.set_cells(line, cells)
    line.encoding = "cp1252"
    return True


def cut_character(draft: Draft, rng: Random) -> bool:
    """The file ends in the middle of a character."""
    writing, line = draft.writing, draft.lines[-1]
    cells = list(_cells(line)) if line.record else [""]
    if writing.encoding != "utf-8" or not cells[-1].isalpha() or not line.text.endswith(cells[-1]):
        return False
    draft.writing = replace(writing, ends_with_line=False)
    line.text += "é"
    ends = ("", "\ufffd", "Ã")
    line.record = Record(tuple((*cells[:-1], cells[-1] + end) for end in ends), may_be_rejected=True, raw=cells[0])
    draft.cut = 1
    return True


def literal_quotes(draft: Draft, rng: Random) -> bool:
    """Quotes as text at the start of cells, in a file without quoting."""
    place = _text_place(draft, rng)
    if place < 0:
        return False
    for line in _some(draft, rng, share=rng.choice((0.05, 0.3))):
        cells = list(_cells(line))
        form = rng.choice(('"{}" and more', '"{}" x', 'the "{}"', '{} 5"'))
        cells[place] = form.format(rng.choice(("Bus Stop", "new", "Annie", "North"))).replace(
            draft.writing.delimiter, "_"
        )
        draft.set_cells(line, cells)
    return True


def nul_bytes(draft: Draft, rng: Random) -> bool:
    """A NUL in a cell: no part of its text."""
    for line in _some(draft, rng, share=0.02):
        if line.record:
            place = line.text.find(draft.writing.delimiter) + 1
            line.text = f"{line.text[:place]}\0{line.text[place:]}"
    return True


def _some(draft: Draft, rng: Random, *, share: float = 0.1) -> list[Line]:
    """Some records, never the first two nor most of them."""
    records = draft.records()[2:] or draft.records()[-1:]
    return rng.sample(records, max(1, min(len(records) // 3, int(len(records) * share))))


def _cells(line: Line) -> Cells:
    if line.record is None:
        raise AssertionError("a line of records has its record")
    return line.record.readings[0]


def _set(
    draft: Draft, line: Line, cells: list[str], readings: tuple[Cells, ...], *, may_be_rejected: bool = False
) -> None:
    line.text = draft.writing.line(cells)
    line.cells = tuple(cells)
    line.record = Record(readings, may_be_rejected, line.text)


def joined(draft: Draft, parts: list[str]) -> str:
    writing = draft.writing
    return (writing.delimiter + " " * writing.is_spaced).join(parts) + writing.delimiter * bool(writing.trailing)


def _quoted_place(draft: Draft, cells: list[str], rng: Random) -> int:
    """A filled cell of one line that this way of writing quotes, or -1: its neighbours show that quotes are used."""
    writing = draft.writing
    places = [
        index
        for index, cell in enumerate(cells)
        if cell.strip() and "\n" not in cell and writing.cell(cell).startswith(writing.quote)
    ]
    return rng.choice(places) if places else -1


def _text_place(draft: Draft, rng: Random) -> int:
    places = [index for index, typed in enumerate(draft.table.typed) if not typed]
    return rng.choice(places) if places else -1
