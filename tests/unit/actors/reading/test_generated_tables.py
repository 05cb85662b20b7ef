"""Tables written in every supported way come back: with the dialect told, and found out where it is plain."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.reading import look, read
from actors.reading.account import Tally
from actors.reading.made import Detected
from actors.tables import engine

from .importing import silent
from .writing import LETTERS, Way, plain, told_apart

TOLD = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
FOUND = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))

DELIMITERS = [",", ";", "\t", "|", ":", "#", "^", "~", "¤", "§", "\x1f", " ", "||", "::", "<>", ";;;", "-=-="]
WAYS = st.builds(
    Way,
    delimiter=st.sampled_from(DELIMITERS),
    blanks=st.sampled_from([False] * 7 + [True]),
    spaced=st.sampled_from([False, False, True]),
    quote=st.sampled_from(['"', '"', "'", ""]),
    escape=st.sampled_from(["double", "double", "backslash"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(list(LETTERS)),
    has_header=st.booleans(),
    comment=st.sampled_from(["", "", "#"]),
    quotes_all=st.booleans(),
    is_ended=st.booleans(),
).map(plain)
MARKS = "ab019 ,;\t|\"'\\\n\r=-.#:<>\x1e"


def read_as_told(data: bytes, told: Detected, *, chunk_bytes: int) -> tuple[list[list[str]], Tally]:
    """The raw rows, and the tally."""
    with tempfile.TemporaryDirectory() as folder, engine.sharing():
        path, target, scratch = Path(folder, "table.csv"), Path(folder, "read"), Path(folder, "scratch")
        path.write_bytes(data)
        loaded = read.read(
            silent, path=str(path), folder=str(target), scratch=str(scratch), detected=told, chunk_bytes=chunk_bytes
        )
        with engine.connect(scratch) as con:
            rows = con.sql(f"FROM {read.raw_rows(target)}").fetchall() if loaded.tally.rows else []
    return [["" if cell is None else cell for cell in row[: told.dialect.width]] for row in rows], loaded.tally


@TOLD
@given(way=WAYS, width=st.integers(1, 5), data=st.data())
def test_a_table_comes_back_when_the_dialect_is_told(way: Way, width: int, data: st.DataObject) -> None:
    marks = st.sampled_from((MARKS + LETTERS[way.encoding]).replace("\x1e", "" if way.quote else "\x1e"))
    cell = st.text(marks, max_size=8).filter(way.can_write)
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8))
    rows = told_apart(way, rows)
    names = [f"name{place}" for place in range(width)]
    comments = data.draw(st.dictionaries(st.integers(0, 7), st.sampled_from(["#a, b", "#"]), max_size=2))
    if not way.comment:
        comments = {}
    written = way.write(names, rows, comments=comments)
    found, tally = read_as_told(written, way.dialect(names), chunk_bytes=data.draw(st.sampled_from([20, 1 << 20])))
    assert (found, tally.rejected) == (rows, 0)
    assert tally.comment_lines == sum(number < len(rows) for number in comments)
    assert tally.header_lines == way.has_header


WORDS = ["Anna", "Berlin", "Kiel", "north", "paper", "Lyon", "blue", "Otto", "river", "York", "seven", "Malta", "lamp"]
NOTES = ["plain", "in two, parts", 'said "yes"', "a; b", "it's late", "one | two", "no. 7", "first\nsecond", "ok"]
START = dt.date(2023, 11, 3)


def typed_row(number: int, data: st.DataObject, *, notes: list[str]) -> tuple[Any, ...]:
    """A row of an integer, a word, a date, a decimal with two places and a note."""
    cents = data.draw(st.integers(100, 99_999))
    return (
        number,
        data.draw(st.sampled_from(WORDS)),
        START + dt.timedelta(data.draw(st.integers(0, 400))),
        Decimal(cents) / 100,
        data.draw(st.sampled_from(notes)),
    )


def as_cells(row: tuple[Any, ...]) -> list[str]:
    return [f"{value:.2f}" if isinstance(value, Decimal) else str(value) for value in row]


@FOUND
@given(
    way=st.builds(
        Way,
        delimiter=st.sampled_from([",", ",", ";", "\t", "|", "#", "^", "~", "||", "::", "\x1f"]),
        blanks=st.sampled_from([False] * 7 + [True]),
        spaced=st.sampled_from([False, False, False, True]),
        quote=st.sampled_from(['"', '"', '"', "'", ""]),
        escape=st.sampled_from(["double", "double", "backslash"]),
        line_end=st.sampled_from(["\n", "\r\n", "\r"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]),
        has_header=st.booleans(),
        quotes_all=st.booleans(),
        is_ended=st.booleans(),
    ).map(plain),
    count=st.integers(4, 25),
    data=st.data(),
)
def test_a_table_comes_back_typed_when_its_dialect_is_found_out(way: Way, count: int, data: st.DataObject) -> None:
    # A bar beside `||`, and a line of a value where the sign is rare, leave open what the delimiter is.
    open_marks = {"||": "|", "#": "\n", "^": "\n", "~": "\n"}.get(way.delimiter, "\0")
    notes = [note for note in NOTES if way.can_write(note) and open_marks not in note] or ["ok", "plain"]
    if way.delimiter == "\x1f" and way.encoding == "utf-16-le":
        # Without a mark such a file has as many control codes as one that is no text.
        way = replace(way, encoding="utf-16")
    if way.quote == "'":
        way = replace(way, escape="double")
    rows = [typed_row(number + 1, data, notes=notes) for number in range(count)]
    names = ["id", "name", "day", "amount", "note"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(way.write(names, [as_cells(row) for row in rows]))
        with look(path) as table:
            assert table.dialect.delimiter == way.delimiter or table.dialect.blanks
            assert [column.name for column in table.columns] == list(way.dialect(names).dialect.names)
            assert list(table.rows()) == rows
            assert list(table.rejected()) == []
            assert table.lines.add_up
