"""The tables of the CSV benchmarks, the same each time, and what has to come of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("id", "name", "amount", "price", "day", "at", "ok", "country", "email", "note", "score", "comment")
RULES: list[dict[str, Any]] = [
    {"column": "amount", "type": "integer", "min": 0},
    {"column": "price", "type": "decimal", "min": 0},
    {"column": "day", "type": "date"},
    {"column": "email", "required": True, "pattern": ".+@.+"},
    {"column": "country", "allowed": ["FR", "DE", "US", "IT", "ES"]},
]
KEYS = ["id"]
WORDS = ("alpha", "beta", "gamma", "delta", "omega", "zeta", "kappa", "lambda", "sigma", "rho", "tau", "phi")
#: Records after which all but their ids come again: more than an engine looks at together.
PERIOD = 1_000_000
_BATCH = 10_000
#: Bytes of a record, and some more.
_RECORD_BYTES = 160


@dataclass
class Truth:
    """What a table holds when nothing is asked of it: its records, and sums over those that are rows."""

    records: int = 0
    rows: int = 0
    ids: int = 0
    cents: int = 0
    #: Characters of the names.
    characters: int = 0


@dataclass(frozen=True, slots=True)
class _Record:
    """A record without its id, which is its number less `back`."""

    text: str
    is_row: bool = True
    back: int = 0
    cents: int = 0
    characters: int = 0


def generate(path: Path, size: int, *, seed: int = 2) -> Truth:
    """Write a table of about `size` bytes: twelve mixed columns, quotes, line feeds in values, damaged records."""
    source = random.Random(seed)
    records: list[_Record] = []
    truth, written, number = Truth(), 0, 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(NAMES) + "\n")
        while written < size:
            count = min(_BATCH, max(1, (size - written) // _RECORD_BYTES))
            if len(records) < PERIOD:
                records += (_record(len(records) + index, source) for index in range(count))
            batch = [records[(number + index) % PERIOD] for index in range(count)]
            written += file.write("".join(_lines(batch, number)))
            _count(truth, batch, number)
            number += count
    return truth


def write_wide(path: Path, *, columns: int, rows: int) -> None:
    """Write a table of many columns: whole numbers, decimals, words and dates in turn."""
    source = random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(f"column {index}" for index in range(columns)) + "\n")
        for row in range(rows):
            drawn = [source.randrange(10_000) for _ in range(columns)]
            file.write(",".join(_wide_value(row, index, value) for index, value in enumerate(drawn)) + "\n")


def _wide_value(row: int, index: int, value: int) -> str:
    match index % 4:
        case 0:
            return str(value)
        case 1:
            return f"{value / 100:.2f}"
        case 2:
            return WORDS[value % 12]
        case _:
            return f"2024-{value % 12 + 1:02}-{row % 28 + 1:02}"


def _lines(batch: list[_Record], number: int) -> Iterator[str]:
    for index, record in enumerate(batch):
        yield f"{number + index - record.back},{record.text}" if record.text else "short,row\n"


def _count(truth: Truth, batch: list[_Record], number: int) -> None:
    truth.records += len(batch)
    for index, record in enumerate(batch):
        if record.is_row:
            truth.rows += 1
            truth.ids += number + index - record.back
            truth.cents += record.cents
            truth.characters += record.characters


def _record(number: int, source: random.Random) -> _Record:
    first, second = int(source.random() * 1e9), int(source.random() * 1e9)
    kind, damage = number % 50, number % 1000
    if damage == 600:
        return _Record("", is_row=False)
    name = f"{WORDS[first % 12]} {WORDS[second % 12]}"
    if kind == 1:
        name = f'{name}, "{WORDS[(first + second) % 12]}"'
    elif kind == 2:
        name = f"{name}\nline"
    elif kind == 3:
        name = f"Zoë {name}"
    written = '"' + name.replace('"', '""') + '"' if kind in (1, 2) else name
    amount = f"x{first}" if damage == 7 else str(first % 100_000)
    text = (
        f"{written},{amount},{second % 1000}.{first % 100:02},20{first % 24:02}-{first % 12 + 1:02}-"
        f"{second % 28 + 1:02},2024-{second % 12 + 1:02}-{first % 28 + 1:02} {second % 24:02}:{first % 60:02}:"
        f"{second % 60:02},{'true' if first & 1 else 'false'},{('FR', 'DE', 'US', 'IT', 'ES')[second % 5]},"
        f'user{first}@example.com,"text {WORDS[second % 7]} {second}",{first / 1e9:.8f},'
        f"{' '.join(WORDS[(first >> shift) % 12] for shift in range(second % 6))}"
    )
    return _Record(
        text + (",extra\n" if damage == 500 else "\n"),
        is_row=damage != 500,
        back=5 if damage == 900 else 0,
        cents=second % 1000 * 100 + first % 100,
        characters=len(name),
    )
