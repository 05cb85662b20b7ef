"""Headers that are damaged, too short, too long or written in another way than the records."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .damage import joined
from .draft import Draft, Line


def header_quote(draft: Draft, rng: Random) -> bool:
    """One closing quote lacks in the header line."""
    writing, names = draft.writing, draft.table.names
    parts = [writing.quoted(name) for name in names]
    place = rng.randrange(len(parts))
    parts[place] = parts[place].removesuffix(writing.quote)
    header_line(draft).text = joined(draft, parts)
    if not any(writing.quote in line.text for line in draft.records()):
        draft.quote = None
    return True


def header_delimiter(draft: Draft, rng: Random) -> bool:
    """The header line is written with another delimiter than the records."""
    others = [mark for mark in (",", ";", "\t", "|", " ") if mark != draft.writing.delimiter]
    if any(" " in name for name in draft.table.names):
        others.remove(" ") if " " in others else None
    mark = rng.choice(others)
    names = draft.table.names
    if names[0].startswith("#") or any(mark in name or '"' in name or not name for name in names):
        return False
    header_line(draft).text = mark.join(draft.table.names)
    return True


def header_short(draft: Draft, rng: Random) -> bool:
    """The header has one name too few: of the first column, as R writes it, or of the last."""
    names = draft.table.names
    is_first = rng.random() < 0.5
    kept = names[1:] if is_first else names[:-1]
    header_line(draft).text = draft.writing.line(kept, is_header=True)
    first, last = ("", *kept), (*kept, "")
    draft.names = first if is_first else last
    other = last if is_first else first
    draft.also.append(lambda truth: replace(truth, names=other))
    return True


def header_long(draft: Draft, rng: Random) -> bool:
    """The header has an empty name too many, inside or at its end."""
    names = list(draft.table.names)
    if not all(names):
        return False
    names.insert(rng.randint(1, len(names)), "")
    header_line(draft).text = draft.writing.line(names, is_header=True)
    return True


def empty_names(draft: Draft, rng: Random) -> bool:
    """Some columns have no name."""
    places = rng.sample(range(draft.table.width), rng.randint(1, max(1, draft.table.width // 3)))
    names = ["" if index in places else name for index, name in enumerate(draft.table.names)]
    if not any(names):
        return False
    header_line(draft).text = draft.writing.line(names, is_header=True)
    draft.names = tuple(names)
    return True


def repeated_names(draft: Draft, rng: Random) -> bool:
    names = list(draft.table.names)
    names[rng.randrange(1, len(names))] = names[0]
    header_line(draft).text = draft.writing.line(names, is_header=True)
    draft.names = tuple(names)
    return True


def header_line(draft: Draft) -> Line:
    return next(line for line in draft.lines if line.role == "header")
