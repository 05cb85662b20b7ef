"""Long files in which something first comes after what a reader has sampled."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .columns import sentence
from .damage import wider_later
from .draft import Draft, Line, Record
from .tables import Table, build
from .words import ENGLISH
from .writing import Writing

LATE_ROWS = (1000, 1600)


def late_quotes(rng: Random) -> Draft:
    """Quotes around cells that first come after a thousand rows."""
    draft, table = _plain(rng, rng.choice((",", ";", "\t")), ["id", "city", "count", "state"])
    delimiter = draft.writing.delimiter
    for line, number in _last(draft, rng):
        cells = [number, f"Late{delimiter} and {rng.choice(table.language.cities)}", "7", "open"]
        draft.set_cells(line, cells)
    draft.quote = '"'
    return draft


def late_literal_quotes(rng: Random) -> Draft:
    """A file without quoting in which quotes, as text, first come after a thousand rows."""
    draft, _ = _plain(rng, rng.choice(("\t", "\t", "|", ";")), ["id", "person", "count"])
    form = rng.choice(('"{}" and more', 'the "{}"', '"{}', '{} 5"', '"{}" "x"'))
    for line, number in _last(draft, rng):
        cells = [number, form.format(rng.choice(ENGLISH.words)), "7"]
        text = draft.writing.delimiter.join(cells)
        # One quote alone at the start of a cell may as well be damage.
        line.text, line.record = text, Record((tuple(cells),), may_be_rejected=form == '"{}', raw=text)
    return draft


def late_backslash(rng: Random) -> Draft:
    """A quoted file in which a backslash before a quote first comes after a thousand rows."""
    draft, _ = _plain(rng, rng.choice((",", ";")), ["id", "sentence", "count"], quoting="all")
    for line, number in _last(draft, rng):
        cells = (number, 'he said "no", twice', "7")
        text = draft.writing.delimiter.join((f'"{number}"', '"he said \\"no\\", twice"', '"7"'))
        line.text, line.record = text, Record((cells,), raw=text)
    draft.quote = '"'
    return draft


def late_delimiter(rng: Random) -> Draft:
    """One column of words; a sign that could be a delimiter first comes after hundreds of rows."""
    label = rng.choice(("city", "name", "state", "code"))
    table = build(rng, ENGLISH, [label], rng.randint(500, 1500), empties=False)
    for index, row in enumerate(table.rows):
        row[0] = f"{row[0].split()[0]}{index}"
    table.kind = "one column"
    for row in rng.sample(table.rows[420:], rng.randint(1, 4)):
        row[0] = f"{row[0]}{rng.choice((',', ';', '|', ', ', ' '))}{rng.choice(ENGLISH.cities)}"
    return Draft.of(table, Writing("", quoting="none"))


def late_width(rng: Random) -> Draft:
    """A column more from a line on that no sample reaches."""
    draft, _ = _plain(rng, rng.choice((",", ";", "\t")), ["id", "city", "count"])
    wider_later(draft, rng)
    return draft


def late_text(rng: Random) -> Draft:
    """Numbers for a thousand rows, then cells with texts that need quotes."""
    draft, _ = _plain(rng, ",", ["id", "count", "float"])
    for line, number in _last(draft, rng):
        text = sentence(rng, ENGLISH, 9) + '\n"and more", it says'
        draft.set_cells(line, [number, text, ""])
    draft.quote = '"'
    return draft


def _plain(rng: Random, delimiter: str, labels: list[str], *, quoting: str = "minimal") -> tuple[Draft, Table]:
    table = build(rng, ENGLISH, labels, rng.randint(*LATE_ROWS), empties=False)
    table.kind = "long"
    table.names = ["no" if name == "#" else name for name in table.names]
    for row in table.rows:
        row[:] = [cell.replace(delimiter, " ").replace('"', "") for cell in row]
    return Draft.of(table, Writing(delimiter, quoting=quoting)), table


def _last(draft: Draft, rng: Random) -> list[tuple[Line, str]]:
    """Some records behind what is sampled, each with its number as it is written."""
    chosen = rng.sample(draft.records()[900:], rng.randint(1, 6))
    return [(line, line.text.partition(draft.writing.delimiter)[0].strip('"')) for line in chosen]


LATE: dict[str, Callable[[Random], Draft]] = {
    "late quotes": late_quotes,
    "late literal quotes": late_literal_quotes,
    "late backslash": late_backslash,
    "late delimiter": late_delimiter,
    "late column": late_width,
    "late text": late_text,
}
