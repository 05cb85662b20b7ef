"""Takes the uploaded file as it is, or out of its gzip or zip within limits."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from .errors import Unreadable

Report = Callable[..., None]

COPY_BYTES = 1024 * 1024
#: A packed file may grow to this many bytes, and to this many times its size once past the allowance.
MAX_UNPACKED = 64 * 1024**3
MAX_RATIO = 400
RATIO_ALLOWANCE = 256 * 1024**2
ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".psv", ".dat")
_NOT_TABLES = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
)


def receive(report: Report, *, path: str, name: str, folder: str, limit_bytes: int | None = None) -> dict[str, Any]:
    """Unpack the file to `folder` when it is packed. Returns {"unpacked": name or None, "member", "bytes"}."""
    limit = min(limit_bytes or MAX_UNPACKED, MAX_UNPACKED)
    source = Path(path)
    with source.open("rb") as file:
        head = file.read(16)
    if not head:
        raise Unreadable(f"{name} is empty: it has no bytes.")
    if head.startswith(b"\x1f\x8b"):
        target = Path(folder) / "unpacked.csv"
        size = _unpack_gzip(report, source, target, name, limit)
        return {"unpacked": target.name, "member": "", "bytes": size}
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        target = Path(folder) / "unpacked.csv"
        member, size = _unpack_zip(report, source, target, name, limit)
        return {"unpacked": target.name, "member": member, "bytes": size}
    for mark, kind in _NOT_TABLES:
        if head.startswith(mark):
            raise Unreadable(f"{name} is {kind}, not a CSV. Save it as CSV and upload that.")
    size = source.stat().st_size
    report(size, size)
    return {"unpacked": None, "member": "", "bytes": size}


def is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith((b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"))


def _unpack_gzip(report: Report, source: Path, target: Path, name: str, limit: int) -> int:
    size = source.stat().st_size
    with source.open("rb") as packed:
        try:
            with gzip.GzipFile(fileobj=packed) as stream:
                return _copy(stream, target, name, size, limit, lambda: report(packed.tell(), size))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Unreadable(f"{name} is a damaged gzip file: {_reason(error)}.") from error


def _unpack_zip(report: Report, source: Path, target: Path, name: str, limit: int) -> tuple[str, int]:
    try:
        with zipfile.ZipFile(source) as archive:
            member = _only_table(archive, name)
            if member.flag_bits & 1:
                raise Unreadable(f"{name} is protected by a password; upload it without.")
            with archive.open(member) as stream:
                done = 0

                def tell() -> None:
                    nonlocal done
                    done = min(done + COPY_BYTES, member.file_size)
                    report(done, member.file_size)

                return member.filename, _copy(stream, target, name, max(member.compress_size, 1), limit, tell)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Unreadable(f"{name} is a zip file that cannot be read: {_reason(error)}.") from error


def _only_table(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/") and Path(info.filename).name[:1] != "."
    ]
    if any(info.filename == "xl/workbook.xml" for info in members):
        raise Unreadable(f"{name} is an Excel workbook. Save the sheet as CSV and upload that.")
    tables = [info for info in members if info.filename.lower().endswith(ENDINGS)] or members[:]
    if not tables:
        raise Unreadable(f"{name} holds no file.")
    if len(tables) > 1:
        listed = ", ".join(info.filename for info in tables[:10]) + (", …" if len(tables) > 10 else "")
        raise Unreadable(f"{name} holds {len(tables)} files; upload one at a time: {listed}")
    return tables[0]


def _copy(
    stream: IO[bytes] | gzip.GzipFile, target: Path, name: str, packed_bytes: int, limit: int, tell: Callable[[], None]
) -> int:
    written = 0
    with target.open("wb") as out:
        while block := stream.read(COPY_BYTES):
            written += len(block)
            if written > limit:
                raise Unreadable(f"{name} unpacks to more than {size_in_words(limit)}; that is refused.")
            if written > RATIO_ALLOWANCE and written > packed_bytes * MAX_RATIO:
                raise Unreadable(f"{name} unpacks to more than {MAX_RATIO} times its size; that is refused.")
            out.write(block)
            tell()
    if not written:
        raise Unreadable(f"The file inside {name} is empty.")
    return written


def size_in_words(size: int) -> str:
    """A number of bytes as people say it: 1.5 GB."""
    value, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.0f} bytes" if unit == "bytes" else f"{value:,.1f} {unit}"


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or "it ends too early"
