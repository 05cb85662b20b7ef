"""The first choice of a case: a table, as it is meant, before it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from .columns import KINDS, Cells, Kind
from .words import ENGLISH, LANGUAGES, Language

#: How often each kind of column stands in a mixed table.
USUAL = {
    "id": 3, "code": 3, "uuid": 1, "person": 3, "last_first": 2, "nickname": 1, "name": 3, "city": 4, "state": 4,
    "street": 2, "address": 3, "sentence": 5, "clauses": 2, "text": 1.5, "email": 3, "url": 2.5, "phone": 3, "day": 6,
    "stamp": 3, "time": 2, "count": 6, "float": 6, "double": 1.5, "money": 5, "percent": 2, "measure": 1.5,
    "boolean": 3, "json": 1.2, "list": 2.5, "path": 1.5, "host": 1, "version": 1, "html": 0.7, "inches": 1, "span": 1,
}  # fmt: skip
TEXTS = ("person", "last_first", "name", "city", "state", "street", "address", "sentence", "clauses", "email", "list")
#: Kinds that a person knows for one column even without a header.
PLAIN_ALONE = ("id", "code", "uuid", "email", "url", "time", "stamp", "count", "float", "version", "host", "phone")
ALONE = (*PLAIN_ALONE, "person", "city", "address", "sentence", "day", "money", "street", "state", "path", "last_first")


@dataclass
class Table:
    """A table as it is meant: `names` always, though a way of writing may leave them out.

    `typed` says of each column whether its cells are numbers, days and the like; `above` holds lines of group names
    or `below` a line of units that belong to the header.
    """

    kind: str
    language: Language
    names: list[str]
    rows: list[list[str]]
    typed: list[bool]
    labels: list[str]
    above: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    #: Whether a person would know it without a header for what it is.
    plain_without_header: bool = True

    @property
    def width(self) -> int:
        return len(self.names)


def make_table(rng: Random) -> Table:
    """A table of some kind, mostly of 2 to 200 rows."""
    language = rng.choice(LANGUAGES) if rng.random() < 0.25 else ENGLISH
    shapes = list(SHAPES)
    shape = rng.choices(shapes, [SHAPES[name][0] for name in shapes])[0]
    table = SHAPES[shape][1](rng, language)
    table.kind = shape
    return table


def some_rows(rng: Random) -> int:
    """A number of rows: small tables are the usual ones."""
    return rng.choices((rng.randint(3, 12), rng.randint(10, 60), rng.randint(60, 200)), (5, 4, 1.5))[0]


def build(rng: Random, language: Language, labels: list[str], count: int, *, empties: bool = True) -> Table:
    """A table of columns of those kinds."""
    kinds = [KINDS[label] for label in labels]
    cells = [kind.start(rng, language) for kind in kinds]
    if empties:
        cells = [column if index == 0 else _sometimes_empty(rng, column) for index, column in enumerate(cells)]
    rows = [[column(row) for column in cells] for row in range(count)]
    names = unique([_name_of(rng, language, kind) for kind in kinds])
    return Table("", language, names, rows, [kind.is_typed for kind in kinds], labels)


def unique(names: list[str]) -> list[str]:
    """Names that differ without regard to case."""
    taken: set[str] = set()
    made = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in taken:
            candidate, number = f"{name} {number}", number + 1
        taken.add(candidate.lower())
        made.append(candidate)
    return made


def _name_of(rng: Random, language: Language, kind: Kind) -> str:
    own = language.names.get(kind.label)
    return own if own and rng.random() < 0.9 else rng.choice(kind.names)


def _sometimes_empty(rng: Random, column: Cells) -> Cells:
    share = rng.choice((0, 0, 0, 0.05, 0.2, 0.7))
    missing = rng.choice(("", "", "", "", "NA", "-", "NULL"))
    return lambda row: missing if rng.random() < share else column(row)


def _labels(rng: Random, count: int, pool: tuple[str, ...] = tuple(USUAL)) -> list[str]:
    return rng.choices(pool, [USUAL.get(label, 1) for label in pool], k=count)


def _mixed(rng: Random, language: Language) -> Table:
    labels = _labels(rng, rng.randint(3, 12))
    if rng.random() < 0.5:
        labels[0] = "id"
    if labels.count("text") > 1:
        labels = [label if label != "text" else "sentence" for label in labels]
    return build(rng, language, labels, some_rows(rng))


def _texts(rng: Random, language: Language) -> Table:
    return build(rng, language, _labels(rng, rng.randint(3, 6), TEXTS), some_rows(rng), empties=rng.random() < 0.5)


def _categories(rng: Random, language: Language) -> Table:
    """Few values that come again and again, all of them words."""
    return build(rng, language, rng.choices(("state", "city", "name"), k=rng.randint(2, 4)), rng.randint(15, 60))


def _two_columns(rng: Random, language: Language) -> Table:
    labels = [rng.choice(("id", "code", "person", "city", "day", "stamp", "email", "state", "url"))]
    labels += _labels(rng, 1)
    return build(rng, language, labels, some_rows(rng))


def _word_list(rng: Random, language: Language) -> Table:
    """Words and what they mean: texts with blanks and stops in every cell."""
    table = build(rng, language, ["state", "sentence"], rng.randint(4, 40), empties=False)
    for row in table.rows:
        row[0] = f"{rng.choice(language.words)} {rng.choice(language.words)}"
        row[1] = f"{rng.choice(('n.', 'v.', 'adj.'))} {row[1].lower()}"
    table.names = ["word", "meaning"]
    return table


def _numbers(rng: Random, language: Language) -> Table:
    pool = ("count", "float", "double", "money")
    labels = ["id", *rng.choices(pool, k=rng.randint(1, 9))] if rng.random() < 0.6 else ["float"] * rng.randint(2, 8)
    return build(rng, language, labels, some_rows(rng), empties=rng.random() < 0.3)


def _wide(rng: Random, language: Language) -> Table:
    return build(rng, language, ["id", *_labels(rng, rng.randint(25, 90))], rng.randint(3, 25))


def _tiny(rng: Random, language: Language) -> Table:
    labels = _labels(rng, rng.randint(2, 6), tuple(label for label in USUAL if label not in ("text", "clauses")))
    if not any(KINDS[label].is_typed for label in labels):
        labels[-1] = "count"
    return build(rng, language, labels, rng.randint(1, 4), empties=False)


def _years(rng: Random, language: Language) -> Table:
    """One line a thing, one column a year; the first name may be empty."""
    first, count = rng.randint(1960, 2010), rng.randint(2, 12)
    table = build(rng, language, ["city", *[rng.choice(("count", "float"))] * count], rng.randint(3, 40))
    step = rng.choice((1, 1, 5))
    table.names = [rng.choice(("Country", "", "region", "Indicator")), *(str(first + step * i) for i in range(count))]
    return table


def _days(rng: Random, language: Language) -> Table:
    """One column a day, week, month or hour."""
    count, first = rng.randint(3, 40), date(rng.randint(2015, 2023), rng.randint(1, 12), 1)
    table = build(rng, language, ["city", "state", *["count"] * count], rng.randint(3, 25), empties=False)
    forms: list[Callable[[int], str]] = [
        lambda i: (first + timedelta(days=i)).isoformat(),
        lambda i: f"{(first + timedelta(days=i)).month}/{(first + timedelta(days=i)).day}/{first.year % 100}",
        lambda i: (first + timedelta(days=31 * i)).strftime("%b-%y"),
        lambda i: (first + timedelta(days=i)).strftime("%d.%m.%Y"),
        lambda i: f"{i % 24:02}:00" if count <= 24 else f"W{i + 1}",
    ]
    table.names = ["Province", "Country", *map(rng.choice(forms), range(count))]
    return table


def _groups(rng: Random, language: Language) -> Table:
    """Names of groups over the names of columns, each over its first column only."""
    groups, size = rng.randint(2, 4), rng.randint(2, 3)
    labels = [rng.choice(("city", "person", "code")), *["count", "float", "money"][:size] * groups]
    table = build(rng, language, labels, rng.randint(4, 40), empties=False)
    inner, outer = rng.sample(("men", "women", "total", "plan", "actual"), size), rng.randint(2000, 2020)
    table.names = [table.names[0], *inner * groups]
    named = rng.random() < 0.5
    table.above = [""]
    for group in range(groups):
        table.above += [f"Group {'ABCD'[group]}" if named else f"Year {outer + group}", *[""] * (size - 1)]
    return table


def _units(rng: Random, language: Language) -> Table:
    """A line of units below the names."""
    labels = [rng.choice(("day", "stamp", "id")), *rng.choices(("float", "count", "double"), k=rng.randint(2, 6))]
    table = build(rng, language, labels, rng.randint(4, 60), empties=False)
    units = ("°C", "mm", "km/h", "kg", "hPa", "%", "m")
    table.below = [rng.choice(("", "", "UTC")), *(rng.choice(units) for _ in labels[1:])]
    table.names = unique([table.names[0], *(rng.choice(("temp", "rain", "wind", "mass")) for _ in labels[1:])])
    return table


def _long_texts(rng: Random, language: Language) -> Table:
    return build(rng, language, ["id", "sentence", "text", "state"], rng.randint(4, 30))


def _structured(rng: Random, language: Language) -> Table:
    """Cells with a structure of their own: JSON, lists, HTML, paths."""
    labels = ["id", *rng.choices(("json", "list", "html", "path", "url", "span", "stamp", "host"), k=rng.randint(2, 5))]
    return build(rng, language, labels, some_rows(rng), empties=rng.random() < 0.4)


def _one_column(rng: Random, language: Language) -> Table:
    label = rng.choice(ALONE)
    table = build(rng, language, [label], some_rows(rng), empties=False)
    # A comma in the name as in every cell would make it two columns for anybody.
    table.names = [name.replace(",", "") for name in table.names]
    table.plain_without_header = label in PLAIN_ALONE and not (label == "float" and language.decimal == ",")
    return table


def _long(rng: Random, language: Language) -> Table:
    pool = tuple(label for label in USUAL if label not in ("text", "json", "html", "clauses"))
    return build(rng, language, ["id", *_labels(rng, rng.randint(1, 5), pool)], rng.randint(2000, 3000))


#: The kinds of tables, each with how often it comes.
SHAPES: dict[str, tuple[float, Callable[[Random, Language], Table]]] = {
    "mixed": (34, _mixed),
    "texts": (7, _texts),
    "categories": (3, _categories),
    "two columns": (8, _two_columns),
    "word list": (2, _word_list),
    "numbers": (8, _numbers),
    "wide": (3, _wide),
    "tiny": (7, _tiny),
    "years": (3, _years),
    "days": (2.5, _days),
    "groups": (2.5, _groups),
    "units": (2.5, _units),
    "long texts": (3, _long_texts),
    "structured": (4, _structured),
    "one column": (15, _one_column),
    "long": (1.5, _long),
}
