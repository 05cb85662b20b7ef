"""Cases by number and seed: a table, a way of writing it, and what surrounds or damages it.

    python -m tests.bench.corpus.cases --count 20 --seed 1 --folder FOLDER

writes them with their truths, to be looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from . import damage, headers, surroundings
from .draft import Case, Draft, with_first_row_as_names
from .late import LATE
from .tables import make_table
from .writing import choose_writing

#: The share of cases that have no damage, and of those that have two kinds of it.
UNDAMAGED = 0.4
TWICE = 0.15
LATE_SHARE = 0.025
#: Tables that are tried for a kind of damage that few of them can have.
MOST_TRIES = 80


@dataclass(frozen=True)
class Damage:
    """A kind of damage: how often it comes, whether it fits a draft, and which part of the file it changes."""

    weight: float
    part: str
    apply: Callable[[Draft, Random], object]
    fits: Callable[[Draft], bool]


def _any(draft: Draft) -> bool:
    return True


def _many(draft: Draft) -> bool:
    """Whether it is a table of several columns with some rows, whose lines can be written one by one."""
    return draft.table.width > 1 and draft.writing.delimiter != " +" and len(draft.table.rows) > 3


def _wide(draft: Draft) -> bool:
    return _many(draft) and draft.table.width > 2


def _separated(draft: Draft) -> bool:
    return draft.table.width > 1


def _no_gaps(draft: Draft) -> bool:
    return draft.table.width > 1 and not draft.writing.says_delimiter


def _commented(draft: Draft) -> bool:
    return draft.writing.delimiter != "#"


def _headed(draft: Draft) -> bool:
    """Whether it has a header of one line over some rows, some of which have types."""
    return _many(draft) and draft.writing.has_header and not (draft.table.above or draft.table.below)


def _typed(draft: Draft) -> bool:
    return _headed(draft) and sum(draft.table.typed) * 3 >= draft.table.width and len(draft.table.rows) > 4


def _quoted(draft: Draft) -> bool:
    writing = draft.writing
    return _many(draft) and bool(writing.quote) and writing.escape == "double" and len(draft.table.rows) > 4


def _bare(draft: Draft) -> bool:
    """Whether the file has no quoting, and a delimiter that says so."""
    return _many(draft) and draft.writing.quoting == "none" and draft.writing.delimiter in "\t|;^~"


def _header_quoted(draft: Draft) -> bool:
    return _quoted(draft) and _headed(draft) and draft.writing.quoting != "minimal"


#: The kinds of damage and surroundings.
DAMAGES: dict[str, Damage] = {
    "titles": Damage(5, "above", surroundings.titles, _separated),
    "key and value above": Damage(4, "above", surroundings.key_values, lambda draft: draft.table.width > 3),
    "padded titles": Damage(4, "above", surroundings.padded_titles, _wide),
    "comments above": Damage(3, "above", surroundings.comments_above, _commented),
    "comments among": Damage(4, "among", surroundings.comments_among, _commented),
    "blank lines": Damage(4, "among", surroundings.blank_lines, _no_gaps),
    "notes below": Damage(5, "below", surroundings.notes_below, _separated),
    "total below": Damage(2, "below", surroundings.total_below, _wide),
    "empty lines below": Damage(3, "below", surroundings.empty_lines_below, _many),
    "table below": Damage(4, "below", surroundings.other_below, _headed),
    "table above": Damage(3, "above", surroundings.other_above, lambda draft: _headed(draft) and draft.table.width > 3),
    "header again": Damage(2.5, "among", surroundings.repeated_header, _headed),
    "short rows": Damage(4, "rows", damage.short_rows, _many),
    "narrow rows": Damage(2, "width", damage.narrow_rows, lambda draft: _headed(draft) and draft.table.width > 3),
    "long rows": Damage(3, "width", damage.long_rows, _many),
    "wider later": Damage(3, "width", damage.wider_later, _many),
    "open quote": Damage(4, "rows", damage.open_quote, _quoted),
    "inner quotes": Damage(4, "rows", damage.inner_quotes, _quoted),
    "blanks after quotes": Damage(2, "rows", damage.space_after_quotes, _quoted),
    "header quote": Damage(2, "width", headers.header_quote, _header_quoted),
    "header's delimiter": Damage(2.5, "width", headers.header_delimiter, _typed),
    "header short": Damage(2.5, "width", headers.header_short, lambda draft: _typed(draft) and draft.table.width > 2),
    "header long": Damage(2.5, "width", headers.header_long, _typed),
    "empty names": Damage(2, "width", headers.empty_names, _typed),
    "repeated names": Damage(1, "width", headers.repeated_names, _typed),
    "words among numbers": Damage(2, "rows", damage.missing_words, _typed),
    "mixed encoding": Damage(1.5, "bytes", damage.mixed_encoding, _any),
    "literal quotes": Damage(3, "rows", damage.literal_quotes, _bare),
    "odd byte": Damage(1.5, "bytes", damage.odd_byte, _many),
    "cut character": Damage(1.5, "bytes", damage.cut_character, _many),
    "NUL": Damage(1, "bytes", damage.nul_bytes, _many),
}


def cases(count: int, seed: int) -> Iterator[Case]:
    """The first `count` cases of the seed; each depends on its number and the seed alone."""
    for number in range(count):
        yield case(number, seed)


def case(number: int, seed: int) -> Case:
    rng = Random(f"{seed}:{number}")
    name = f"{seed}-{number:05}"
    if rng.random() < LATE_SHARE:
        kind = rng.choice(list(LATE))
        draft = LATE[kind](rng)
        draft.damage.append(kind)
        return draft.finish(name)
    draft = _undamaged(rng) if rng.random() < UNDAMAGED else _damaged(rng)
    if _needs_no_header(draft):
        draft.also.append(with_first_row_as_names)
    return draft.finish(name)


def _undamaged(rng: Random) -> Draft:
    table = make_table(rng)
    return Draft.of(table, choose_writing(rng, table))


def _damaged(rng: Random) -> Draft:
    """A file with one kind of damage, or two to different parts of it: the damage is chosen before the table."""
    name = rng.choices(list(DAMAGES), [kind.weight for kind in DAMAGES.values()])[0]
    draft = _undamaged(rng)
    for _ in range(MOST_TRIES):
        if _apply(draft, name, rng):
            break
        draft = _undamaged(rng)
    if draft.damage and rng.random() < TWICE:
        part = DAMAGES[name].part
        others = [other for other, kind in DAMAGES.items() if kind.part != part and _goes(kind, {part})]
        _apply(draft, rng.choice(others), rng)
    return draft


def _apply(draft: Draft, name: str, rng: Random) -> bool:
    kind = DAMAGES[name]
    if kind.part == "width" and draft.writing.trailing:
        # An empty value at the end of each line hides how many there are.
        return False
    if not kind.fits(draft) or kind.apply(draft, rng) is False:
        return False
    draft.damage.append(name)
    return True


def _goes(kind: Damage, parts: set[str]) -> bool:
    """Whether the damage goes with what is there: of two, at most one changes records or their width."""
    changing = {"rows", "width"}
    return not (kind.part in changing and parts & {"rows", "width", "among", "bytes"}) and not (
        kind.part in {"among", "bytes", "below"} and parts & {"width"}
    )


def _needs_no_header(draft: Draft) -> bool:
    """Whether its first record may as well be its header: all is text there, and comes nowhere again."""
    if draft.writing.has_header:
        return False
    first = next(line.record.readings for line in draft.lines if line.record)
    table = draft.table
    if table.width == 1:
        return not table.plain_without_header
    if any(table.typed) and len(table.rows) > 2:
        return False
    rows = [row for row in table.rows if tuple(row) not in first]
    again = sum(any(row[index] == cell for row in rows) for index, cell in enumerate(first[0]) if cell)
    return again * 2 < len([cell for cell in first[0] if cell])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for item in cases(options.count, options.seed):
        (options.folder / f"{item.name}.csv").write_bytes(item.data)
        truth = item.truths[0]
        kept = {
            "table": item.table,
            "writing": item.writing,
            "damage": item.damage,
            "encoding": item.encoding,
            "quote": item.quote,
            "escape": item.escape,
            "names": truth.names,
            "begins": truth.begins,
            "records": [record.readings for record in truth.records],
        }
        (options.folder / f"{item.name}.json").write_text(json.dumps(kept, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
