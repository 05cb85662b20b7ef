"""The file store: a folder that web and workers share.

A file is written under a temporary name, flushed to the disk, and renamed; what has its final name is whole.
Keys are paths relative to the store's root. Uploads are kept by their content (`uploads/ab/abcd…`), what a job
makes under its attempt's own fence (`jobs/7/3/…`), so that two attempts can never write the same file.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core import mail

from core.conf import conf
from core.errors import Overloaded
from core.failpoints import failpoint

BLOCK_BYTES = 1024 * 1024
#: Seconds after which a submit that a full disk refused may be tried again.
FULL_RETRY_SECONDS = 300.0


#: Where the site keeps files, as it was when it started: HOME and STORAGE_URL of `HEADWAY`.
_of_the_site: dict[str, object] = {}
#: The folder of this process's tests, by its number: tests that run at once have databases of their own.
_of_tests: dict[int, Path] = {}


def remember_site() -> None:
    """Note where the site keeps its files, before any test can say otherwise."""
    _of_the_site.update({name: conf.values().get(name) for name in ("HOME", "STORAGE_URL")})


def root() -> Path:
    """Return the folder of STORAGE_URL; in tests that set no other one, a folder of their own.

    Jobs of a test database begin again at number 1, and would write over the files of the real ones.
    """
    if _is_in_tests() and all(conf.values().get(name) == value for name, value in _of_the_site.items()):
        process = os.getpid()
        if process not in _of_tests:
            _of_tests[process] = Path(tempfile.mkdtemp(prefix="headway-test-files-"))
            atexit.register(_remove, _of_tests[process], process)
        return _of_tests[process]
    return Path(conf.storage_root)


def _remove(folder: Path, process: int) -> None:
    # A process that was forked has this order as well.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _is_in_tests() -> bool:
    # Django's test environment puts it there, and takes it away at the end.
    return hasattr(mail, "outbox")


def resolve(key: str) -> Path:
    """Return the file's path for a key; refuse one that leads out of the store."""
    path = (root() / key).resolve()
    if not path.is_relative_to(root().resolve()):
        raise ValueError(f"key {key!r} leads out of the file store")
    return path


def key_of(path: Path) -> str:
    """Return the key of a path inside the store."""
    return str(path.resolve().relative_to(root().resolve()))


def staging_folder() -> Path:
    """Return the folder of files not yet whole; on the same disk as the store, so that a rename is atomic."""
    folder = root() / "staging"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def job_folder(job_id: int) -> Path:
    return root() / "jobs" / str(job_id)


def attempt_folder(job_id: int, fence: int) -> Path:
    return job_folder(job_id) / str(fence)


def keep_upload(staged: Path, *, sha256: str) -> str:
    """Move a staged file to its final place, durably, and return its key. The same content is kept once."""
    key = f"uploads/{sha256[:2]}/{sha256}"
    final = root() / key
    if touch(key):
        staged.unlink(missing_ok=True)
        return key
    with refused_when_full():
        final.parent.mkdir(parents=True, exist_ok=True)
        # Its age begins now, however long the rest of its form took to arrive.
        os.utime(staged)
        flush_file(staged)
        failpoint("file-rename")
        staged.replace(final)
        flush_folder(final.parent)
    return key


def touch(key: str) -> bool:
    """Renew a stored file's age before a job is made that names it; return whether the file still exists.

    The housekeeper goes by a file's age. If it moves the file away at this very moment, it notices the new age and puts
    the file back. If it was quicker, the file no longer exists.
    """
    try:
        os.utime(resolve(key))
    except FileNotFoundError:
        return False
    return True


def flush_file(path: Path) -> None:
    """Make a file's bytes survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Make a rename into this folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_when_full(incoming_bytes: int = 0) -> None:
    """Raise Overloaded when storing this much would leave less than the floor of free disk."""
    root().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root()).free
    if free - incoming_bytes < conf.DISK_FLOOR_BYTES:
        raise _full()


@contextmanager
def refused_when_full() -> Iterator[None]:
    """Turn the disk's own "no room" into the Overloaded of `refuse_when_full`: free bytes need not be usable ones."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full() from error
        raise


def _full() -> Overloaded:
    return Overloaded(
        "The file store is nearly full, so nothing was accepted. Ask an operator to free disk space, then try again.",
        retry_after_seconds=FULL_RETRY_SECONDS,
    )


def scratch_folder(job_id: int, fence: int) -> Path:
    return root() / "scratch" / f"{job_id}-{fence}"


def remove_scratch(job_id: int, fences: Iterable[int]) -> None:
    """Delete the temporary files of these attempts."""
    for fence in fences:
        shutil.rmtree(scratch_folder(job_id, fence), ignore_errors=True)
