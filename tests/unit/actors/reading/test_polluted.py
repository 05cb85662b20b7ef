"""Damaged and odd files: what is read, what is set apart, and what is said about it."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from actors.reading.errors import Unreadable

from .importing import import_bytes

TABLE = b"id,name,price\n1,alpha,1.50\n2,beta,2.25\n3,gamma,3.75\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_unicode_encodings_and_line_ends_are_read_alike(tmp_path: Path, encoding: str, line_end: str) -> None:
    text = TABLE.decode().replace("alpha", "Zoë €").replace("\n", line_end)
    imported = import_bytes(text.encode(encoding), tmp_path)
    assert imported.names == ["id", "name", "price"]
    assert imported.types == ["integer", "text", "decimal"]
    assert [row[1] for row in imported.rows] == ["Zoë €", "beta", "gamma"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "nom,ville\nZoë,“Orléans”\nJosé,Malmö\n"),
        ("latin-1", "nom;ville\nZoë;Orléans\nJosé;Malmö\n"),
        ("cp1251", "имя,город\nИван,Москва\nОльга,Санкт-Петербург\n"),  # noqa: RUF001 - Cyrillic
        ("shift_jis", "名前,都市\n太郎,東京\n花子,大阪\n日本語のテキスト,京都\n"),
        ("gb18030", "姓名,城市\n张三,北京\n李四,上海\n这是一个中文文本,广州\n"),
    ],
)
def test_other_encodings_are_found(tmp_path: Path, encoding: str, text: str) -> None:
    imported = import_bytes(text.encode(encoding), tmp_path)
    header, *rows = [line.split(";" if ";" in text else ",") for line in text.splitlines()]
    assert imported.names == header
    assert [list(row) for row in imported.rows] == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "||", "::", "¤", "^"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    imported = import_bytes(TABLE.decode().replace(",", delimiter).encode(), tmp_path)
    assert imported.dialect.delimiter == delimiter
    assert imported.names == ["id", "name", "price"]
    assert len(imported.rows) == 3


def test_a_quoted_delimiter_of_two_signs_survives(tmp_path: Path) -> None:
    imported = import_bytes(b'a||b\n1||"x||y"\n2||z\n', tmp_path)
    assert imported.rows == [(1, "x||y"), (2, "z")]


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    lines = [f"{number},name {number},x" for number in range(1, 2001)]
    lines[1201] = '1202,"open,x'
    imported = import_bytes(("id,name,k\n" + "\n".join(lines) + "\n").encode(), tmp_path)
    assert imported.plan.rows == 1999
    (reject,) = imported.rejected
    assert reject["line"] == "1203"
    assert reject["reason"] == "a quote opened here is never closed"
    assert reject["raw"] == '1202,"open,x'


def test_strict_quotes_fail_the_file_and_say_the_line(tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,x\n" * 1201 + b'2,"open\n' + b"3,y\n" * 10
    with pytest.raises(Unreadable, match=r"^line 1203: a quote opened here is never closed$"):
        import_bytes(data, tmp_path, quotes="strict")


def test_quotes_inside_a_value_are_kept(tmp_path: Path) -> None:
    data = b'id,name,k\n1,5" pipe,x\n2,"He said "hi" twice",x\n3,"ok ""q""",x\n4,plain,x\n'
    imported = import_bytes(data, tmp_path)
    assert [row[1] for row in imported.rows] == ['5" pipe', 'He said "hi" twice', 'ok "q"', "plain"]
    assert imported.tally.repaired == 1


def test_backslashed_quotes_are_found(tmp_path: Path) -> None:
    data = b'a,b\n1,"x \\"q\\" y"\n2,"p, \\"z\\""\n3,"back\\\\slash"\n'
    imported = import_bytes(data, tmp_path)
    assert imported.rows == [(1, 'x "q" y'), (2, 'p, "z"'), (3, "back\\slash")]


def test_newlines_inside_quotes_stay_and_count_as_lines(tmp_path: Path) -> None:
    imported = import_bytes(b'a,b\r\n1,"x\r\ny\nz"\r\n2,w\r\n3,u,v\r\n', tmp_path)
    assert imported.rows == [(1, "x\r\ny\nz"), (2, "w")]
    assert [reject["line"] for reject in imported.rejected] == ["6"]


def test_short_rows_are_filled_up_and_long_ones_rejected(tmp_path: Path) -> None:
    data = b"a,b,c,d\n1,2,3,4\n5,6\n7\n8,9,10,11,12\n13,14,15,16,,\n"
    imported = import_bytes(data, tmp_path)
    assert imported.rows == [(1, 2, 3, 4), (5, 6, None, None), (13, 14, 15, 16)]
    assert [reject["line"] for reject in imported.rejected] == ["4", "5"]
    assert "5 fields, the table has 4 columns" in imported.rejected[1]["reason"]


def test_short_rows_are_rejected_when_asked(tmp_path: Path) -> None:
    imported = import_bytes(b"a,b\n1,2\n3\n", tmp_path, ragged="reject")
    assert [reject["line"] for reject in imported.rejected] == ["3"]


def test_a_preamble_a_footer_and_a_second_table_are_set_apart(tmp_path: Path) -> None:
    data = b"Report 2024\nmade, today\n\n" + TABLE + b"\nTotal: 3\n\nx,y\n1,2\n"
    imported = import_bytes(data, tmp_path)
    assert imported.dialect.preamble_lines == 3
    assert imported.dialect.preamble[0] == "Report 2024"
    assert len(imported.rows) == 3
    assert [reject["line"] for reject in imported.rejected] == ["9", "11", "12"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"1,2\n3,4\n", ["column_1", "column_2"]),
        (b"a,b,c\nkg,cm,date\n1,2,2024-01-01\n3,4,2024-01-02\n5,6,2024-01-03\n", ["a kg", "b cm", "c date"]),
        (b"country,2019,2020\nFR,1,2\nDE,3,4\n", ["country", "2019", "2020"]),
        (b"a,a,,A\n1,2,3,4\n5,6,7,8\n", ["a", "a_2", "column_3", "A_3"]),
        (b'"first\nname",n\nbob,1\neve,2\n', ["first name", "n"]),
        (b"sep=;\na;b\n1;2\n", ["a", "b"]),
    ],
)
def test_headers(tmp_path: Path, data: bytes, names: list[str]) -> None:
    assert import_bytes(data, tmp_path).names == names


@pytest.mark.parametrize(
    ("data", "names", "before", "rows"),
    [
        (b"Report,,\n,,\nid,name,price\n1,a,2.5\n2,b,3.5\n", ["id", "name", "price"], 2, 2),
        (b"Spending in May,\n,\nGroup,Sum\nRail,12.50\nHotels,3.75\n", ["Group", "Sum"], 2, 2),
        (b"Ministry of Tests,,\nPeriod: May,,\nName,Day,Cost\nx y,2024-05-01,3\nz,2024-05-02,4\n", None, 2, 2),
        (b",,\n,May 2024,\n,,\n1,2,3\n4,5,6\n", ["column_1", "column_2", "column_3"], 3, 2),
        (b"x,,\n1,2,3\n4,5,6\n", ["x", "column_2", "column_3"], 0, 2),
        (b"1,,\n2,b,\n3,c,d\n", ["column_1", "column_2", "column_3"], 0, 3),
        (b"a,b,Trip,,e\n,,Air,Rail,\nx,2024-01-01,1.5,2,3\ny,2024-01-02,1,2.5,4\n", None, 0, 2),
    ],
)
def test_titles_as_wide_as_the_table_stand_before_it(
    tmp_path: Path, data: bytes, names: list[str] | None, before: int, rows: int
) -> None:
    imported = import_bytes(data, tmp_path)
    assert imported.names == (
        names or (["a", "b", "Trip Air", "Trip Rail", "e"] if not before else ["Name", "Day", "Cost"])
    )
    assert (imported.dialect.preamble_lines, len(imported.rows)) == (before, rows)
    assert imported.dialect.preamble == tuple(data.decode().split("\n")[:before])


def test_a_header_with_a_quote_that_is_never_closed_is_a_header(tmp_path: Path) -> None:
    imported = import_bytes(b'id,name,"note\n1,alpha,"x, y"\n2,beta,"z"\n3,gamma,w\n', tmp_path)
    assert imported.names == ["id", "name", '"note']
    assert imported.rows == [(1, "alpha", "x, y"), (2, "beta", "z"), (3, "gamma", "w")]


@pytest.mark.parametrize("second", [b"id,name\n1,x\n2,y\n", b"id,name,price,more\n1,x,2.5,\n2,y,3.5,z\n"])
def test_lines_of_a_second_table_are_not_merged(tmp_path: Path, second: bytes) -> None:
    imported = import_bytes(TABLE + second, tmp_path)
    assert imported.names == ["id", "name", "price"]
    assert len(imported.rows) == 3
    assert [reject["line"] for reject in imported.rejected] == ["5", "6", "7"]
    assert "another table begins" in imported.rejected[0]["reason"]


def test_of_two_tables_nearly_as_wide_the_first_is_read(tmp_path: Path) -> None:
    first = b"a,b,c,d,e\n" + b"1,2,3,4,5\n" * 6
    imported = import_bytes(first + b"a,b,c,d,e,f\n" + b"1,2,3,4,5,6\n" * 6, tmp_path / "two")
    assert (len(imported.rows), imported.plan.rejected, imported.dialect.preamble_lines) == (6, 7, 0)
    notes = import_bytes(b"k,v\n" * 4 + b"a,b,c\n" + b"1,2,3\n" * 6, tmp_path / "notes")
    assert (notes.names, len(notes.rows), notes.dialect.preamble_lines) == (["a", "b", "c"], 6, 4)


def test_repeated_header_lines_are_rejected_and_types_stay(tmp_path: Path) -> None:
    imported = import_bytes(b"a,b\n1,2\na,b\n3,4\n", tmp_path)
    assert imported.types == ["integer", "integer"]
    assert [reject["line"] for reject in imported.rejected] == ["3"]


@pytest.mark.parametrize("data", [b"", b"\n \n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\0\0\0"])
def test_a_file_without_records_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"empty|no records"):
        import_bytes(data, tmp_path)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    imported = import_bytes(b"a,b,c\n", tmp_path)
    assert imported.names == ["a", "b", "c"]
    assert imported.rows == []
    assert imported.profile()[0].nulls == 0


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    imported = import_bytes(b'text\nhello\nSmith, John\n\n""\nfoo\n', tmp_path)
    assert [row[0] for row in imported.rows] == ["hello", "Smith, John", None, "foo"]


def test_mixed_line_ends_are_all_ends(tmp_path: Path) -> None:
    imported = import_bytes(b"a,b\r\n1,2\n3,4\r5,6\r\n7,8\r9,x,y\n", tmp_path)
    assert imported.rows == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert [reject["line"] for reject in imported.rejected] == ["6"]


def test_a_line_in_another_encoding_is_read_as_western(tmp_path: Path) -> None:
    data = "a,b\nZoë,1\nñandú,2\nÅse,3\nJosé,5\n".encode() + b"Malm\xf6,4\n"
    imported = import_bytes(data, tmp_path)
    assert [row[0] for row in imported.rows][-1] == "Malmö"
    assert imported.tally.mixed_encoding == 1


def test_nul_bytes_are_left_out_and_counted(tmp_path: Path) -> None:
    imported = import_bytes(b"a,b\n1,x\0y\n2,z\n", tmp_path)
    assert imported.rows == [(1, "xy"), (2, "z")]
    assert imported.tally.nul_bytes == 1


def test_a_record_over_the_limit_is_rejected_and_the_rest_read(tmp_path: Path) -> None:
    data = b"a,b\n1,x\n2," + b"y" * 6_000_000 + b"\n3,z\n"
    imported = import_bytes(data, tmp_path, max_record=1_000_000)
    assert imported.rows == [(1, "x"), (3, "z")]
    assert [reject["line"] for reject in imported.rejected] == ["3"]


def test_a_huge_value_is_read(tmp_path: Path) -> None:
    data = b'a,b\n1,"' + b"x\n" * 2_500_000 + b'"\n2,z\n'
    imported = import_bytes(data, tmp_path)
    assert [len(row[1]) for row in imported.rows] == [5_000_000, 1]


def test_a_thousand_columns_keep_their_places(tmp_path: Path) -> None:
    header = ",".join(f"c{index}" for index in range(1000))
    rows = [",".join(str(index * row) for index in range(1000)) for row in range(5)]
    imported = import_bytes("\n".join([header, *rows, ""]).encode(), tmp_path)
    assert [list(row) for row in imported.rows] == [[index * row for index in range(1000)] for row in range(5)]
    assert len(imported.preview["columns"]) == 200
    assert imported.preview["hidden_columns"] == 800


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/table.csv", TABLE)
        archive.writestr("__MACOSX/._table.csv", b"x")
    for number, data in enumerate((gzip.compress(TABLE), packed.getvalue())):
        assert len(import_bytes(data, tmp_path / str(number)).rows) == 3


def test_an_archive_of_several_tables_is_refused_by_name(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.csv", TABLE)
        archive.writestr("two.csv", TABLE)
    with pytest.raises(Unreadable, match=r"2 files.*one\.csv, two\.csv"):
        import_bytes(packed.getvalue(), tmp_path)


@pytest.mark.parametrize(
    "data", [gzip.compress(TABLE, mtime=0)[:-12], b"PK\x03\x04broken", b"%PDF-1.7\n", b"PAR1\0\0PAR1"]
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^table\.csv is "):
        import_bytes(data, tmp_path)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.reading.unpack.RATIO_ALLOWANCE", 1_000_000)
    with pytest.raises(Unreadable, match="times its size"):
        import_bytes(gzip.compress(b"a,b\n" * 2_000_000), tmp_path)
