"""A file while it arrives: what is on the disk, and the server's name for the content that it is a part of.

It lies in the folder of one attempt (`fetch/1.part`), with a note beside it of how much of it is safe on the disk. An
attempt that follows a lost one **copies** that much into its own folder: the lost one may not have noticed yet, and
go on writing into its own file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import httpx2

from core.files import storage

from . import answers

#: Seconds by which a file has to be older than its answer for its date to tell two contents apart (RFC 9110, 8.8.2.2).
SETTLED_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the server said of the file."""

    url: str
    etag: str = ""
    last_modified: str = ""
    #: Bytes of the whole file, if it is known.
    total: int | None = None
    #: What names this very content in `If-Range`; empty when a part of it can't be asked for.
    validator: str = ""

    @classmethod
    def of(cls, url: str, headers: httpx2.Headers, total: int | None) -> Origin:
        etag = _sendable(headers.get("etag", ""), 500)
        last_modified = _sendable(headers.get("last-modified", ""), 100)
        takes_ranges = headers.get("accept-ranges", "").strip().lower() == "bytes"
        validator = ""
        if takes_ranges and etag.startswith('"'):
            validator = etag
        elif takes_ranges and not etag and _is_settled(last_modified, headers.get("date", "")):
            validator = last_modified
        return cls(url=url, etag=etag, last_modified=last_modified, total=total, validator=validator)


class Partial:
    """One file that is fetched. Written by one thread."""

    def __init__(self, folder: Path, name: str, *, url: str) -> None:
        self._path = folder / f"{name}.part"
        self._note = folder / f"{name}.json"
        self._url = url
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self.origin: Origin | None = None
        #: Bytes that have arrived.
        self.size = 0

    @property
    def is_resumable(self) -> bool:
        return self.size > 0 and self.origin is not None and self.origin.validator != ""

    def take_over(self, folders: Iterable[Path], check: Callable[[], None]) -> None:
        """Begin with what an earlier attempt left in one of these folders, the newest first."""
        for folder in folders:
            note, source = folder / self._note.name, folder / self._path.name
            saved = _read_note(note)
            if saved is None or saved["origin"]["url"] != self._url:
                continue
            try:
                self._copy(source, saved["bytes"], check)
            except (OSError, EOFError):
                self.reset()
                continue
            self.origin = Origin(**saved["origin"])
            self.keep()
            # The other attempt, if it lives, goes on in a file that has no name any more.
            for path in (note, source):
                path.unlink(missing_ok=True)
            return

    def begin(self, origin: Origin) -> None:
        """Begin from the first byte."""
        self.reset()
        self.origin = origin

    def reset(self) -> None:
        """Forget what has arrived."""
        self._open().truncate(0)
        self._open().seek(0)
        self._digest = hashlib.sha256()
        self.size, self.origin = 0, None
        self._note.unlink(missing_ok=True)

    def append(self, block: bytes) -> None:
        self._open().write(block)
        self._digest.update(block)
        self.size += len(block)

    def keep(self) -> None:
        """Make what has arrived survive the loss of the worker and of the machine."""
        file = self._file
        if file is None or self.origin is None:
            # Closed meanwhile: a cancel does not wait for the thread that does this.
            return
        size = self.size
        file.flush()
        os.fdatasync(file.fileno())
        if not self.is_resumable:
            return
        text = json.dumps({"bytes": size, "origin": asdict(self.origin)})
        written = self._note.with_suffix(".new")
        written.write_text(text)
        written.replace(self._note)

    def finish(self) -> tuple[Path, str]:
        """Return the whole file, safe on the disk under its own name, and its sha256."""
        final = self._path.with_suffix(".fetched")
        self._open().flush()
        os.fsync(self._open().fileno())
        self.close()
        self._path.replace(final)
        self._note.unlink(missing_ok=True)
        storage.flush_folder(final.parent)
        return final, self._digest.hexdigest()

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        return self._file

    def _copy(self, source: Path, size: int, check: Callable[[], None]) -> None:
        self.reset()
        with source.open("rb") as file:
            while self.size < size:
                block = file.read(min(storage.BLOCK_BYTES, size - self.size))
                if not block:
                    raise EOFError(f"{source} is shorter than its note says")
                self.append(block)
                check()


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note = json.loads(path.read_text())
        Origin(**note["origin"])
        return note if isinstance(note["bytes"], int) else None
    except (OSError, ValueError, KeyError, TypeError):
        # A note that a power cut left empty is no note.
        return None


def _sendable(text: str, length: int) -> str:
    """A header's value that can be kept and sent again; empty for one that can't."""
    return text if len(text) <= length and text.isascii() and text.isprintable() else ""


def _is_settled(last_modified: str, date: str) -> bool:
    answered, changed = answers.moment(date), answers.moment(last_modified)
    if answered is None or changed is None:
        return False
    return (answered - changed).total_seconds() >= SETTLED_SECONDS
