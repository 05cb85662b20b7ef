"""What is packed is taken out of it, within limits; what is no table is refused with a sentence that says what."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.reading import unpack
from actors.reading.encoding import sample_text
from actors.reading.errors import Unreadable
from actors.reading.kinds import HEAD_BYTES, kind_of


def silent(*_: Any) -> None:
    """Report to nobody."""


MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
TABLE = b"id,name\n1,Ann\n2,Bob\n"


def by_type(value: object) -> str:
    """The id of a case: packed bytes have the time in them, and every process has to name its tests alike."""
    return type(value).__name__


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes], *, mode: Any = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def unpacked(
    data: bytes, folder: Path, *, name: str = "table.csv", limit_bytes: int | None = None
) -> tuple[bytes, str]:
    """The bytes that the file holds, and the name they have in it."""
    source = folder / "source"
    source.write_bytes(data)
    target = folder / "out"
    target.mkdir()
    result = unpack.unpack(silent, path=str(source), name=name, folder=str(target), limit_bytes=limit_bytes)
    content = target / result.name if result.name else source
    # Nothing is left of the layers between.
    assert sorted(path.name for path in target.iterdir()) == ([result.name] if result.name else [])
    assert result.bytes == content.stat().st_size
    assert unpack.is_packed(source) == bool(result.name)
    return content.read_bytes(), result.member


class TestPackings:
    @pytest.mark.parametrize(
        ("data", "member"),
        [
            (TABLE, ""),
            (gzip.compress(TABLE), ""),
            (gzip.compress(TABLE[:9]) + gzip.compress(TABLE[9:]), ""),
            (bz2.compress(TABLE), ""),
            (lzma.compress(TABLE), ""),
            (lzma.compress(TABLE[:9]) + lzma.compress(TABLE[9:]), ""),
            (zipped({"orders.csv": TABLE}), "orders.csv"),
            (zipped({"orders.csv": TABLE, "readme.md": b"x", "__MACOSX/._orders.csv": b"x"}), "orders.csv"),
            (tarred({"folder/orders.csv": TABLE}), "folder/orders.csv"),
            (tarred({"folder/orders.csv": TABLE}, mode="w:gz"), "folder/orders.csv"),
            (tarred({"folder/orders.csv": TABLE}, mode="w:xz"), "folder/orders.csv"),
            (gzip.compress(gzip.compress(TABLE)), ""),
            (gzip.compress(bz2.compress(lzma.compress(TABLE))), ""),
            (zipped({"inner.zip": zipped({"orders.csv": TABLE})}), "orders.csv"),
            (zipped({"orders.csv.gz": gzip.compress(TABLE)}), "orders.csv.gz"),
        ],
        ids=by_type,
    )
    def test_the_table_is_taken_out(self, tmp_path: Path, data: bytes, member: str) -> None:
        assert unpacked(data, tmp_path) == (TABLE, member)

    def test_blocks_larger_than_one_are_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack, "COPY_BYTES", 1000)
        table = b"id,name\n" + b"".join(b"%d,%d\n" % (number, number**3) for number in range(5000))
        for number, packed in enumerate((gzip.compress(table), bz2.compress(table), lzma.compress(table))):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert unpacked(packed * 2, folder)[0] == table * 2

    def test_what_is_packed_more_often_is_refused(self, tmp_path: Path) -> None:
        data = TABLE
        for _ in range(unpack.MAX_LAYERS + 1):
            data = gzip.compress(data)
        with pytest.raises(Unreadable, match="packed more than 3 times"):
            unpacked(data, tmp_path)

    @pytest.mark.parametrize(
        "data", [zipped({"a.csv": TABLE, "b.csv": TABLE}), tarred({"a.csv": TABLE, "b.csv": TABLE})], ids=by_type
    )
    def test_an_archive_of_several_tables_is_refused_by_name(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(Unreadable, match=r"^data\.zip holds 2 files; upload one at a time: a\.csv, b\.csv$"):
            unpacked(data, tmp_path, name="data.zip")

    @pytest.mark.parametrize("data", [zipped({}), tarred({})], ids=by_type)
    def test_an_archive_without_a_file_is_refused(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(Unreadable, match="holds no file"):
            unpacked(data, tmp_path)

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped({"a": data})])
    @pytest.mark.parametrize("cut", [1, 12])
    def test_a_damaged_one_is_refused(self, tmp_path: Path, pack: Any, cut: int) -> None:
        with pytest.raises(Unreadable, match=r"^t is a damaged \w+ file: .*\.$"):
            unpacked(pack(TABLE * 100)[:-cut], tmp_path, name="t")

    @pytest.mark.parametrize("data", [b"", gzip.compress(b""), zipped({"a.csv": b""})], ids=by_type)
    def test_an_empty_one_is_refused(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(Unreadable, match="is empty"):
            unpacked(data, tmp_path)


class TestLimits:
    def test_the_size_counts_for_all_layers_together(self, tmp_path: Path) -> None:
        inner = gzip.compress(b"a,b\n" * 50_000, compresslevel=0)
        data = bz2.compress(inner)
        with pytest.raises(Unreadable, match=r"unpacks to more than 366 KB"):
            unpacked(data, tmp_path, limit_bytes=375_000)
        (tmp_path / "again").mkdir()
        assert len(unpacked(data, tmp_path / "again", limit_bytes=450_000)[0]) == 200_000

    def test_growth_is_measured_from_the_file_that_came(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack, "RATIO_ALLOWANCE", 100_000)
        # Each layer alone grows by less than the limit.
        data = gzip.compress(gzip.compress(b"a,b\n" * 500_000))
        with pytest.raises(Unreadable, match="400 times its size"):
            unpacked(data, tmp_path)

    def test_an_archive_with_an_endless_header_takes_no_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unpack, "MAX_HEADER", 10_000)
        entry = tarfile.TarInfo("pax")
        entry.type, entry.size = tarfile.XHDTYPE, 200_000
        data = entry.tobuf() + b"20 path=x\n" * 20_000 + tarred({"a.csv": TABLE})
        with pytest.raises(Unreadable, match="damaged tar archive"):
            unpacked(data, tmp_path)

    def test_a_full_disk_is_not_called_a_damaged_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(gzip.GzipFile, "read", full)
        with pytest.raises(OSError, match="No space left"):
            unpacked(gzip.compress(TABLE), tmp_path)


def sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(f"{folder}/x.db")
        connection.execute("CREATE TABLE t (a)")
        connection.close()
        return Path(folder, "x.db").read_bytes()


def duckdb_file(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/x"
        if kind == "parquet":
            with duckdb.connect() as connection:
                connection.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
        else:
            with duckdb.connect(path) as connection:
                connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        return Path(path).read_bytes()


PAGE = b"<html><head><title>Log in</title></head>\n<body><form>Name</form></body></html>\n"
MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\nSubject: Orders\r\n\r\nHello\r\n"


class TestKinds:
    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (PAGE, "a web page"),
            (b"\xef\xbb\xbf \n<!DOCTYPE html>\n<p>Sign in", "a web page"),
            (b"<!-- cached -->\n<!doctype HTML>\n<title>x</title>", "a web page"),
            (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">\n' + PAGE, "a web page"),
            (b"<div>\n<p>404</p>\n</div>\n", "a web page"),
            (PAGE.decode().encode("utf-16"), "a web page"),
            (b'<?xml version="1.0"?>\n<orders><order id="1"/><order id="2"/></orders>\n', "XML"),
            (b"<orders>\n<order>1</order>\n<order>2</order>\n</orders>\n", "XML"),
            (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>\n<Workbook></Workbook>', "an Excel"),
            (b'{"error": "not found"}', "JSON"),
            (b'[{"a": 1, "b": [1.5e3, null]},\n {"a": 2}]\n', "JSON"),
            (json.dumps([{"id": number, "name": "x" * 40} for number in range(5000)]).encode(), "JSON"),
            (json.dumps({"rows": [[number, "x"] for number in range(9000)]}, indent=1).encode(), "JSON"),
            (b'{\n "a": 1\n}\n{\n "a": 2\n}\n', "JSON"),
            (b'{"a": 1}\n{"a": 2}\n', "JSON Lines"),
            (b'{"a": "x,y", "b": {"c": []}}\r\n' * 5000, "JSON Lines"),
            (b"%PDF-1.7\n%abc\n1 0 obj", "a PDF"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
            (b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0", "a picture"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel"),
            (zipped({"xl/workbook.xml": b"x", "[Content_Types].xml": b"x"}), "an Excel workbook"),
            (zipped({"word/document.xml": b"x", "[Content_Types].xml": b"x"}), "a Word document"),
            (
                zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
                "an OpenDocument spreadsheet",
            ),
            (sqlite_file(), "an SQLite database"),
            (duckdb_file("parquet"), "a Parquet file"),
            (duckdb_file("database"), "a DuckDB database"),
            (b"\x28\xb5\x2f\xfd\x04\x00abc", "packed with Zstandard"),
            (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive"),
            (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
            (b"{\\rtf1\\ansi Hello}", "a document"),
            (MAIL, "an email"),
            (b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", "an address book"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "only a pointer"),
            (b"-- MySQL dump 10.13\n\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `a`;\n", "a dump"),
            (b"#!/bin/sh\necho 1,2\n", "a program"),
            (bytes(range(256)) * 4, "binary data, not a table"),
            (bytes(1000), "empty"),
        ],
        ids=by_type,
    )
    def test_each_is_named_and_says_what_to_do(self, tmp_path: Path, data: bytes, kind: str) -> None:
        with pytest.raises(Unreadable) as raised:
            unpacked(data, tmp_path, name="orders.csv")
        assert str(raised.value).startswith(f"orders.csv is {kind}")
        assert str(raised.value).endswith((".", "?"))

    def test_it_is_named_inside_a_packing_too(self, tmp_path: Path) -> None:
        with pytest.raises(Unreadable, match=r"^The file inside orders\.csv\.gz is a web page"):
            unpacked(gzip.compress(PAGE), tmp_path, name="orders.csv.gz")

    @pytest.mark.parametrize(
        "text",
        [
            '{"k": 1},00:31\n{"k": 2},00:32\n',
            '"{""k"": 1}",5\n"{""k"": 2}",6\n',
            '{"k": 1};a\n{"k": 2};b\n',
            "{a},{b}\n{c},{d}\n",
            "{1}\n{2}\n",
            "[a],[b]\n1,2\n",
            "[1],[2]\n[3],[4]\n",
            "[1]\n[2]\n",
            "[id],[name]\n1,x\n",
            "[2024-01-01 00:00],start\n",
            "<b>x</b>,1\n<i>y</i>,2\n",
            "<b>x</b>\n<b>y</b>\n<b>z</b>\n",
            "<div>x</div>\n<div>y</div>\n",
            "<tag>;value\n<a>;1\n<b>;2\n",
            "<html>x</html>,1\n<html>y</html>,2\n",
            "<none>\n1\n2\n",
            "<5,>9\n<7,>8\n",
            "PAR1,PAR2\n1,2\n",
            "ORC,MZ\n1,2\n",
            "MZ\n1\n",
            "Rar!\nx\n",
            "GIF,PNG\n1,2\n",
            "BZh,1\n",
            "a.b:c\nFrom: x\nTo: y\n",
            "name: Ann\nage: 5\ncity: Bonn\n\nname: Bob\nage: 6\ncity: Kiel\n",
            "CREATE,DROP\n1,2\n",
            "-- note\na,b\n1,2\n",
            "id\x01name\n1\x01x\n",
            "id\x1fname\x1e1\x1fx\x1e",
            "a,b\n1,\x07\n",
            "a,b\n\0,2\n",
            "a,b\n1,2\n" + "\0" * 200,
            "a,b\n1,2\n\x1a",
        ],
    )
    def test_a_table_that_begins_like_one_is_none_of_them(self, tmp_path: Path, text: str) -> None:
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            path = tmp_path / "table.csv"
            path.write_bytes(text.encode(encoding))
            assert kind_of(path) is None, encoding

    def test_a_long_table_of_json_values_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_text('{"k": [1, 2]},00:31\n' * HEAD_BYTES, encoding="utf-8")
        assert kind_of(path) is None

    def test_long_lines_of_fields_take_no_long_time(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        for line in ("Key: value\r\n", "/* x */ ", "<a>", '{"', "-- x\n", "<!-- x --> ", "[", '"a\\'):
            path.write_text(line * 20_000, encoding="utf-8")
            kind_of(path)


#: Damaged lists of zip archives: a member without a name, and one that begins before the file does.
_NAMELESS = b"PK\x03\x04PK\x01\x02" + bytes(29) + b"\x01" + bytes(13) + b"PK\x05\x06" + bytes(8) + b"/" + bytes(9)
_TOO_EARLY = (
    b"PK\x03\x04PK\x01\x02"
    + (bytes(25) + b"\x01" + bytes(16) + b"\x01")
    + (b"PK\x05\x06" + bytes(8) + b"/" + bytes(6) + b"\x01" + bytes(2))
)


@MANY
@example(data=b"\x1f\x8b\x08")
@example(data=b"PK\x03\x04broken")
@example(data=b"PK\x05\x06" + bytes(18))
@example(data=_NAMELESS)
@example(data=_TOO_EARLY)
@example(data=bytes(257) + b"ustar" + bytes(300))
@example(data=b"BZh91AY&SYxx")
@example(data=b"\xfd7zXZ\0\0")
@example(data=b"[" * 5000)
@example(data=b'{"a":' * 5000)
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=100).map(str.encode),
        st.text('<>/{}[]":, ab1\n!-?=', max_size=60).map(str.encode),
        st.binary(max_size=40).map(gzip.compress),
        st.tuples(
            st.sampled_from(
                [
                    gzip.compress(TABLE),
                    bz2.compress(TABLE),
                    lzma.compress(TABLE),
                    zipped({"a": TABLE}),
                    tarred({"a": TABLE}),
                ]
            ),
            st.integers(0, 400),
            st.binary(max_size=5),
        ).map(lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + len(made[2]) :]),
    )
)
def test_any_bytes_are_a_readable_sample_or_a_sentence(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            content, _ = unpacked(data, Path(folder), name="any.csv")
        except Unreadable as error:
            assert "any.csv" in str(error)  # noqa: PT017 - either way is right
            return
        path = Path(folder) / "content"
        path.write_bytes(content)
        assert isinstance(sample_text(path, None).text, str)
