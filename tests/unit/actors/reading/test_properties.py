"""Generated tables and generated damage: every value comes back, and every record is accounted for."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.reading.dialect import Dialect
from actors.reading.errors import Unreadable
from actors.reading.records import RecordReader
from actors.reading.scan import MIN_WINDOW, Scanner

from .importing import import_bytes

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

TEXT = st.text(st.sampled_from("abxyz019 ,;\t|\"'\n\r\\éŽ€日=-.#"), max_size=12)


def as_csv(rows: list[list[str]], *, delimiter: str, quote: str, line_end: str, quoting: Any) -> str:
    out = io.StringIO()
    csv.writer(
        out, delimiter=delimiter, quotechar=quote, lineterminator=line_end, quoting=quoting, doublequote=True
    ).writerows(rows)
    return out.getvalue()


@FEW
@given(
    width=st.integers(2, 6),
    data=st.data(),
    delimiter=st.sampled_from(",;\t|"),
    quote=st.sampled_from("\"'"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_every_value_of_a_sound_table_comes_back(
    width: int, data: st.DataObject, delimiter: str, quote: str, line_end: str, encoding: str, quoting: Any
) -> None:
    rows = data.draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=12))
    header = [f"name{index}" for index in range(width)]
    if quoting == csv.QUOTE_MINIMAL and line_end == "\n":
        # The standard library leaves such a return bare, and a bare one before a line feed is a line end.
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    rows = [row for row in rows if row != header]
    # Lines of delimiters only are blank lines: of two columns at the end of a file, of more everywhere.
    rows = [row for row in rows if width == 2 or any(cell.strip(" \t") for cell in row)]
    while rows and not any(cell.strip(" \t") for cell in rows[-1]):
        rows.pop()
    text = as_csv([header, *rows], delimiter=delimiter, quote=quote, line_end=line_end, quoting=quoting)
    with tempfile.TemporaryDirectory() as folder:
        imported = import_bytes(
            text.encode(encoding),
            Path(folder),
            encoding="utf-16-le" if encoding.startswith("utf-16") else "utf-8",
            delimiter=delimiter,
            quote=quote,
            escape="double",
            header="1",
            preamble_lines=0,
            line_end="\n",
            comment="none",
            rules=[{"column": name, "type": "text"} for name in header],
        )
        assert imported.names == header
        assert [["" if cell is None else cell for cell in row] for row in imported.rows] == rows
        assert imported.rejected == []


def scan(data: bytes, folder: Path, *, block: int, chunk: int, **dialect: Any) -> tuple[Any, list[list[str]]]:
    """The scan alone: its tally, and the rows of its chunks as the standard library reads them."""
    chosen = Dialect(**{"header_lines": 0, "names": ("a", "b", "c"), **dialect})
    chunks: list[Path] = []
    scanner = Scanner(
        chosen, folder, on_chunk=lambda _number, path, _rows, _size: chunks.append(path), chunk_bytes=chunk
    )
    blocks = iter([data[start : start + block] for start in range(0, len(data), block)])
    tally = scanner.scan(blocks, lambda _seen: None)
    rows: list[list[str]] = []
    for path in chunks:
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.reader(file, quotechar=scanner.engine_quote.decode())
    return tally, rows


PIECES = [b"a", b"b1", b",", b",", b'"', b'""', b'","', b"\n", b"\n", b"\r\n", b"\r", b" ", b'"\n"']
PIECES += [b"\xe9", b"\xc3\xa9", b"1,2,3\n", b'"x","y","z"\n', b'1,"p\nq",3\n', b"x" * 50]
NASTY = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@MANY
@given(data=NASTY, block=st.integers(1, 40), line_end=st.sampled_from(["\n", "any", "\r"]))
@example(data=b'a,"b\nc', block=3, line_end="\n")
def test_the_scan_says_the_same_however_the_bytes_are_cut(data: bytes, block: int, line_end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cut, cut_rows = scan(data, Path(folder, "cut"), block=block, chunk=30, line_end=line_end)
        whole, rows = scan(data, Path(folder, "whole"), block=1 << 20, chunk=1 << 20, line_end=line_end)
    assert cut_rows == rows
    assert replace(cut, longest=0) == replace(whole, longest=0)
    assert whole.records == len(rows) + whole.rejected
    assert all(len(row) == 3 for row in rows)


@MANY
@given(data=NASTY)
def test_the_fast_reading_and_the_careful_one_agree(data: bytes) -> None:
    """A file whose first record is damaged is read one by one; the same records alone are read by windows."""
    with tempfile.TemporaryDirectory() as folder:
        tally, rows = scan(data, Path(folder, "fast"), block=1 << 20, chunk=1 << 20)
        slow = _one_by_one(data, Path(folder, "slow"))
    assert (tally.rows, tally.rejected, tally.lines) == slow[:3]
    assert rows == slow[3]


def _one_by_one(data: bytes, folder: Path) -> tuple[int, int, int, list[list[str]]]:
    chosen = Dialect(header_lines=0, names=("a", "b", "c"))
    chunks: list[Path] = []
    scanner = Scanner(chosen, folder, on_chunk=lambda _number, path, _rows, _size: chunks.append(path))
    if data and not data.endswith(b"\n"):
        data += b"\n"
    reader = RecordReader(chosen, b",", max_record=1 << 20)
    position = 0
    while position < len(data):
        record = reader.read(data, position, eof=True)
        scanner._judge(record, data[position : record.end], scanner._line)
        scanner._line += reader.count_lines(data[position : record.end])
        position = record.end
    tally = scanner.scan(iter(()), lambda _seen: None)
    rows: list[list[str]] = []
    for path in chunks:
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.reader(file)
    return tally.rows, tally.rejected, tally.lines, rows


@FEW
@given(
    data=st.data(),
    sample=st.sampled_from(
        [
            b'id,name,price\n1,"a, b",1.5\n2,"c ""d""",2.5\n3,e,3.5\n',
            "id;nom\n1;Zoë\n2;Renée\n".encode("utf-16"),
            b"x\ty\r\n1\t2\r\n3\t4\r\n\r\nnote\r\n",
            b"k,v\r1,2\r3,4\r",
        ]
    ),
)
def test_damaged_bytes_are_read_or_refused_with_a_sentence(data: st.DataObject, sample: bytes) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        if data.draw(st.booleans()):
            damaged[position] = data.draw(st.integers(0, 255))
        else:
            del damaged[position : position + data.draw(st.integers(1, 4))]
        if not damaged:
            break
    with tempfile.TemporaryDirectory() as folder:
        try:
            imported = import_bytes(bytes(damaged), Path(folder))
        except Unreadable:
            return
        plan = imported.plan
        assert plan.records == plan.rows + plan.rejected + plan.duplicates
        assert len(imported.rows) == plan.rows
        assert len(imported.rejected) == plan.rejected


def test_rows_keep_their_order_and_lines_over_many_chunks(tmp_path: Path) -> None:
    lines, expected, rejected = ["id,text"], [], []
    for number in range(30_000):
        if number % 997 == 0:
            rejected.append(len(lines) + 1)
            lines.append(f"{number},a,b")
        elif number % 500 == 0:
            lines += [f'{number},"two', 'lines"']
            expected.append((number, "two\nlines"))
        else:
            lines.append(f"{number},text {number}")
            expected.append((number, f"text {number}"))
    imported = import_bytes(("\n".join(lines) + "\n").encode(), tmp_path, chunk_bytes=20_000)
    assert imported.rows == expected
    assert [int(reject["line"]) for reject in imported.rejected] == rejected


def test_raw_lines_are_found_again_over_many_chunks(tmp_path: Path) -> None:
    lines = [f'"{number}","text, {number}"' for number in range(20_000)]
    for number in range(0, 20_000, 777):
        lines[number] = f'"x{number}","two\nlines {number}"'
    rules = [{"column": "id", "type": "integer"}]
    data = ('"id","text"\n' + "\n".join(lines) + "\n").encode()
    imported = import_bytes(data, tmp_path, rules=rules, chunk_bytes=MIN_WINDOW * 4)
    rejects = [(int(reject["line"]), reject["raw"]) for reject in imported.rejected]
    assert rejects == [(number + 2 + index, lines[number]) for index, number in enumerate(range(0, 20_000, 777))]
