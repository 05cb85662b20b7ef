"""Takes a file out of what it is packed in, within limits, and refuses what is no table with a sentence.

Packed twice or three times is unpacked as often: the limits on size and growth count for all layers together.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import sizes
from .errors import Unreadable
from .kinds import kind_of_archive, refuse_what_is_no_table

Report = Callable[..., None]

COPY_BYTES = 1024 * 1024
#: A packed file may grow to this many bytes, and to this many times its size once past the allowance.
MAX_UNPACKED = 64 * 1024**3
MAX_RATIO = 400
RATIO_ALLOWANCE = 256 * 1024**2
#: How often a file may be packed.
MAX_LAYERS = 3
#: Bytes that an archive's own lists may have at once: more is no archive of tables.
MAX_HEADER = 32 * 1024**2
#: Bytes of memory that unpacking xz may take; the strongest setting takes 65 MB.
XZ_MEMORY = 256 * 1024**2
ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".psv", ".dat")
UNPACKED = "unpacked.csv"

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
_TAR_PLACE, _TAR_SIGN = 257, b"ustar"
_WORDS = {"gzip": "gzip file", "bzip2": "bzip2 file", "xz": "xz file", "zip": "zip file", "tar": "tar archive"}
_DAMAGE = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    UnicodeError,
    ValueError,
    RuntimeError,
    # A member without a name.
    IndexError,
)


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """The content of a file that may be packed."""

    #: Its name in the folder; empty where the file itself is the content.
    name: str
    #: Its name in the archive, where it has one.
    member: str
    bytes: int


@dataclass
class _Budget:
    """What may still be written, and what was, over all layers."""

    name: str
    packed_bytes: int
    limit: int
    written: int = 0

    def spend(self, size: int) -> None:
        self.written += size
        if self.written > self.limit:
            raise Unreadable(f"{self.name} unpacks to more than {sizes.size(self.limit)}; that is refused.")
        if self.written > RATIO_ALLOWANCE and self.written > self.packed_bytes * MAX_RATIO:
            raise Unreadable(f"{self.name} unpacks to more than {MAX_RATIO} times its size; that is refused.")


def unpack(report: Report, *, path: str, name: str, folder: str, limit_bytes: int | None = None) -> Unpacked:
    """Unpack the file to `folder` when it is packed; `name` is what the sentences call it.

    Raise Unreadable for what is damaged, too large, several files, or no table.
    """
    source, current, member = Path(path), Path(path), ""
    size = source.stat().st_size
    if not size:
        raise Unreadable(f"{name} is empty: it has no bytes.")
    budget = _Budget(name, size, min(limit_bytes or MAX_UNPACKED, MAX_UNPACKED))
    layers = 0
    while packing := packing_of(current):
        if layers == MAX_LAYERS:
            raise Unreadable(f"{name} is packed more than {MAX_LAYERS} times. Unpack it and use the table inside.")
        layers += 1
        target = Path(folder) / f"layer-{layers}"
        inner = _unpack_layer(report, current, target, packing, budget)
        member = inner or member
        if current != source:
            current.unlink()
        current = target
    refuse_what_is_no_table(current, name if current == source else f"The file inside {name}")
    if current == source:
        report(size, size)
        return Unpacked(name="", member="", bytes=size)
    current = current.replace(Path(folder) / UNPACKED)
    return Unpacked(name=UNPACKED, member=member, bytes=current.stat().st_size)


def is_packed(path: Path) -> bool:
    return bool(packing_of(path))


def packing_of(path: Path) -> str:
    """The packing of a file by its first bytes: gzip, zip, bzip2, xz or tar, or "" for none."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(b"BZh") and head[4:10] in _BZIP2_BLOCKS:
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    return "tar" if head.startswith(_TAR_SIGN, _TAR_PLACE) else ""


def _unpack_layer(report: Report, source: Path, target: Path, packing: str, budget: _Budget) -> str:
    """Unpack one layer and return the name that the file has in it, or nothing."""
    size = source.stat().st_size
    with source.open("rb") as packed, target.open("wb") as out:
        blocks = _blocks(packed, packing, budget.name)
        member = next(blocks).decode("utf-8", "replace")
        for block in blocks:
            budget.spend(len(block))
            out.write(block)
            report(min(packed.tell(), size), size)
    if not target.stat().st_size:
        raise Unreadable(f"The file inside {budget.name} is empty.")
    return member


def _blocks(packed: IO[bytes], packing: str, name: str) -> Iterator[bytes]:
    """The name of what is packed, as UTF-8, then its bytes. Raises Unreadable for what is damaged."""
    try:
        if packing in _ARCHIVES:
            yield from _ARCHIVES[packing](packed, name)
        else:
            yield b""
            yield from _STREAMS[packing](packed)
    except Unreadable:
        raise
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            # The disk's trouble, not the file's; invalid is a place before its first byte, which the file names.
            raise
        raise Unreadable(f"{name} is a damaged {_WORDS[packing]}: {_reason(error)}.") from error


def _gzip(packed: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=packed) as stream:
        yield from iter(lambda: stream.read(COPY_BYTES), b"")


def _bzip2(packed: IO[bytes]) -> Iterator[bytes]:
    with bz2.BZ2File(packed) as stream:
        yield from iter(lambda: stream.read(COPY_BYTES), b"")


def _xz(packed: IO[bytes]) -> Iterator[bytes]:
    # Not LZMAFile: the file says how much memory it needs, and that needs a limit.
    raw = packed.read(COPY_BYTES)
    while raw.strip(b"\0"):
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        while not stream.eof:
            if not raw and stream.needs_input:
                raise EOFError
            yield stream.decompress(raw, COPY_BYTES)
            raw = packed.read(COPY_BYTES) if stream.needs_input and not stream.eof else b""
        raw = stream.unused_data or packed.read(COPY_BYTES)


def _zip(packed: IO[bytes], name: str) -> Iterator[bytes]:
    with zipfile.ZipFile(packed) as archive:
        info = _only_member(archive, name)
        yield info.filename.encode("utf-8", "replace")
        with archive.open(info) as stream:
            yield from iter(lambda: stream.read(COPY_BYTES), b"")


def _tar(packed: IO[bytes], name: str) -> Iterator[bytes]:
    with tarfile.open(fileobj=_Bounded(packed), mode="r:") as archive:  # type: ignore[call-overload]
        entry = _only_entry(archive, name)
        yield entry.name.encode("utf-8", "replace")
        stream = archive.extractfile(entry)
        yield from iter(lambda: stream.read(COPY_BYTES), b"")


_STREAMS = {"gzip": _gzip, "bzip2": _bzip2, "xz": _xz}
_ARCHIVES = {"zip": _zip, "tar": _tar}


class _Bounded:
    """A file of which no more is read at once than an archive's list may have: its size is the archive's word."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError("its list of files is too long")
        return self._file.read(size)


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    names = [info.filename for info in members]
    mimetype = next((info for info in members if info.filename == "mimetype" and info.file_size < 1000), None)
    if kind := kind_of_archive(names, archive.read(mimetype) if mimetype and not mimetype.flag_bits & 1 else b""):
        raise Unreadable(f"{name} is {kind.name}, not a table. {kind.advice}")
    member = members[_only(names, [info.is_dir() for info in members], name)]
    if member.flag_bits & 1:
        raise Unreadable(f"{name} is protected by a password; upload it without.")
    return member


def _only_entry(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    entries = archive.getmembers()
    return entries[_only([entry.name for entry in entries], [not entry.isfile() for entry in entries], name)]


def _only(names: list[str], no_files: list[bool], archive: str) -> int:
    """The place of the one table in an archive, or of its one file."""
    files = [
        place
        for place, name in enumerate(names)
        if not no_files[place] and not name.startswith("__MACOSX/") and Path(name).name[:1] != "."
    ]
    tables = [place for place in files if names[place].lower().endswith(ENDINGS)] or files
    if not tables:
        raise Unreadable(f"{archive} holds no file.")
    if len(tables) > 1:
        listed = ", ".join(names[place] for place in tables[:10]) + (", …" if len(tables) > 10 else "")
        raise Unreadable(f"{archive} holds {len(tables)} files; upload one at a time: {listed}")
    return tables[0]


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or "it ends too early"
