"""Any bytes at all: a sentence why they are no table, or an account in which each physical line has one place."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.reading import Unreadable, look
from actors.reading.decoding import decode_mixed, utf8_blocks

from .places import places_of, scanned_places_of

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
FAST = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))

#: What files are made of, sound or not.
PIECES = [
    b"a",
    b"b1",
    b"12",
    b"2024-01-02",
    b"name",
    b" ",
    b"  ",
    b",",
    b",",
    b";",
    b"\t",
    b"|",
    b"::",
    b"#",
    b"# note\n",
]
PIECES += [b'"', b'"', b'""', b'","', b'"\n"', b"'", b"\\", b'\\"', b"\n", b"\n", b"\n\n", b"\r\n", b"\r", b",,\n"]
PIECES += [
    b"1,2,3\n",
    b'"x","y","z"\n',
    b'1,"p\nq",3\n',
    b"a,b,c\n",
    b"Total: 3\n",
    b"a b  c\n",
    b"1  2  3\n",
    b"x" * 50,
]
PIECES += [b"\0", b"\x1e", b"\x1f", b"\x85", b"\xe9", b"\xc3\xa9", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe"]
PIECED = st.lists(st.sampled_from(PIECES), min_size=1, max_size=50).map(b"".join)
#: Few kinds of pieces make files that are nearly tables.
ALIKE = st.lists(st.sampled_from(PIECES), min_size=2, max_size=8).flatmap(
    lambda kinds: st.lists(st.sampled_from(kinds), min_size=3, max_size=50).map(b"".join)
)
WIDE = st.tuples(ALIKE, st.sampled_from(["utf-16", "utf-16-le", "utf-32"])).map(
    lambda pair: pair[0].decode("latin-1").encode(pair[1])
)
ANY = st.one_of(st.binary(min_size=1, max_size=200), PIECED, ALIKE, ALIKE, WIDE)
SETTINGS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"delimiter": ","},
        {"delimiter": ""},
        {"delimiter": "::"},
        {"delimiter": " ", "quote": "none"},
        {"delimiter": ";", "quote": "'"},
        {"quote": "none"},
        {"escape": "backslash"},
        {"header": "no"},
        {"header": "yes"},
        {"header": "2"},
        {"preamble_lines": 1},
        {"preamble_lines": 3, "header": "no"},
        {"comment": ""},
        {"encoding": "cp1252"},
        {"line_end": "any"},
    ]
)


@FAST
@given(data=ANY, chosen=SETTINGS)
@example(data=b'","3\n",:","\n1', chosen={})
@example(data=b'a,b,c\n1,2,3\n,"x\r\n"\n4,5,6\n', chosen={})
@example(data=b'""y","z"\n\r\r\n"', chosen={})
@example(data=b'"", ,1  2  3\n""  2 3\n"\n"  "\n""\n ', chosen={})
@example(data=b'"","""\n\r""', chosen={})
@example(data=b",3\xff\n\x1f2,3\x1e\n", chosen={"delimiter": "::"})
@example(data=b',",""\n,\\"#","\n","\n"1', chosen={"header": "no"})
@example(data=b"-", chosen={"header": "2"})
def test_each_line_has_exactly_one_place(data: bytes, chosen: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            places = scanned_places_of(data, Path(folder), settings=chosen)
        except Unreadable as error:
            assert_sentence(error)
            return
        assert places.faults() == []


@SLOW
@given(data=ANY, chosen=SETTINGS)
@example(data=b'c\nn"\x1e', chosen={})
@example(data=b',"x\n\x1e"\n"', chosen={})
@example(data=b"Z\x1f", chosen={})
def test_each_line_has_one_place_however_often_the_file_is_read(data: bytes, chosen: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            places = places_of(data, Path(folder), settings=chosen)
        except Unreadable as error:
            assert_sentence(error)
            return
        assert places.faults() == []


@SLOW
@given(data=ANY)
def test_rows_rejected_records_and_lines_aside_are_all_there_is(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(data)
        try:
            table = look(path)
        except Unreadable as error:
            assert_sentence(error)
            return
        with table:
            assert len(list(table.rows())) == table.row_count
            rejected = list(table.rejected())
            assert table.records == table.row_count + len(rejected) == table.row_count + table.rejected_count
            aside = sum(lines.last_line - lines.first_line + 1 for lines in table.aside())
            lines = table.lines
            assert aside in (0, lines.header + lines.before_table + lines.comments + lines.blank)
            assert lines.add_up
            text = text_of(path, table.dialect.encoding, table.dialect.fallback)
            if not table.dialect.blanks:
                assert [reject.raw for reject in rejected if bare(reject.raw) not in text] == []


def text_of(path: Path, encoding: str, fallback: str) -> str:
    raw = b"".join(block for block, _ in utf8_blocks(path, encoding))
    return bare("\n".join(decode_mixed(line, fallback) for line in raw.split(b"\n")))


def bare(text: str) -> str:
    """What of a text is there however its bytes are decoded, and whatever control bytes are left out."""
    return "".join(mark for mark in text if " " <= mark <= "~")


def assert_sentence(error: Unreadable) -> None:
    sentence = str(error)
    assert sentence[:1].isupper() or sentence.startswith(("table.csv ", "line "))
    assert "Error" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_shortest_files_are_read_or_refused(size: int, tmp_path: Path) -> None:
    marks = [b"a", b",", b'"', b"\n", b"\r", b" ", b"\0", b"\xff", b"#"]
    for number in range(len(marks) ** size):
        data = b"".join(marks[number // len(marks) ** place % len(marks)] for place in range(size))
        try:
            places = scanned_places_of(data, tmp_path / str(number))
        except Unreadable as error:
            assert_sentence(error)
            continue
        assert (data, places.faults()) == (data, [])
