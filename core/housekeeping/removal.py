"""Deleting from the file store, and only from there. No link is followed; what can't be deleted is reported."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.files import storage
from core.housekeeping.rounds import Tally

#: Depth to which folders are entered: a job's own are two or three deep.
DEPTH = 50


@dataclass
class Extent:
    """The number, size and age of the files in a folder."""

    files: int = 0
    bytes: int = 0
    #: When anything in it was changed last, in epoch seconds.
    newest: float = 0.0


def entries(folder: Path, tally: Tally | None = None) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder of the store; none of a link or a missing one. An unreadable one is reported."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return
        with os.scandir(folder) as listing:
            yield from listing
    except FileNotFoundError:
        # Another round has deleted it.
        return
    except OSError as error:
        if tally is not None:
            tally.leave(f"{_store_path(folder)} could not be read: {error.strerror or error}.")


def measure(folder: Path) -> Extent:
    """Return the extent of a folder with all that is in it."""
    extent = Extent()
    with suppress(OSError):
        extent.newest = folder.lstat().st_mtime
        _measure(folder, extent, depth=0)
    return extent


def remove_tree(folder: Path, tally: Tally) -> None:
    """Delete a folder of the store with all that is in it, and count it. Links in it are deleted, not followed."""
    try:
        is_folder = stat.S_ISDIR(folder.lstat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        tally.leave(f"{_store_path(folder)} could not be deleted: {error.strerror or error}.")
        return
    if is_folder:
        _remove(folder, tally, depth=0)
    else:
        tally.leave(f"{_store_path(folder)} is not a folder, and was left alone.")


def remove_file(path: Path, tally: Tally, *, name: str = "files") -> None:
    """Delete a file, or a link itself, and count it."""
    try:
        status = path.lstat()
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        tally.leave(f"{_store_path(path)} could not be deleted: {error.strerror or error}.")
        return
    tally.counts[name] += 1
    tally.bytes += freed_bytes(status)


def remove_key(key: str, tally: Tally) -> None:
    """Delete the file of a key; a key that leads out of the store is reported."""
    try:
        path = storage.resolve(key)
    except ValueError as error:
        tally.leave(f"{error}.")
        return
    remove_file(path, tally)


def freed_bytes(status: os.stat_result) -> int:
    """Return the bytes that deleting a file frees: none while it has another name."""
    return status.st_size if status.st_nlink == 1 else 0


def _measure(folder: Path, extent: Extent, *, depth: int) -> None:
    for entry in entries(folder):
        # What can't be read can't be deleted either; the deletion reports it.
        with suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            extent.newest = max(extent.newest, status.st_mtime)
            if not stat.S_ISDIR(status.st_mode):
                extent.files += 1
                extent.bytes += freed_bytes(status)
            elif depth < DEPTH:
                _measure(Path(entry.path), extent, depth=depth + 1)


def _remove(folder: Path, tally: Tally, *, depth: int) -> None:
    for entry in entries(folder, tally):
        if not entry.is_dir(follow_symlinks=False):
            remove_file(Path(entry.path), tally)
        elif depth < DEPTH:
            _remove(Path(entry.path), tally, depth=depth + 1)
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        tally.leave(f"{_store_path(folder)} could not be deleted: {error.strerror or error}.")


def _store_path(path: Path) -> str:
    """Return the path relative to the store, as an operator knows it."""
    try:
        return str(path.relative_to(storage.root()))
    except ValueError:
        return str(path)
