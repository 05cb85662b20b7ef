"""The one folder with database, files, logs and secret key."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import HeadwayError
from core.operation.supervision.advice import setting_of


class HomeUnusable(HeadwayError):
    """Raised when the home cannot be made or written. The message says which folder and why."""


class HomeInUse(HeadwayError):
    """Raised when another Headway runs on the same home."""


def prepare_home(home: Path) -> None:
    """Make what the home lacks; existing files stay as they are."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("files", "logs", "run"):
            (home / name).mkdir(exist_ok=True)
        _make_secret_key(home / "secret_key")
    except OSError as error:
        raise HomeUnusable(
            f"{home} cannot be used: {error.strerror}. Name another folder: {setting_of('HOME', '/path')}"
        ) from error


@contextmanager
def hold_home(home: Path, address: str) -> Iterator[int]:
    """Keep any other `up` off this home, and yield the descriptor of the lock.

    Whoever inherits the descriptor holds the home too, so that it is free only when the last part has ended.
    """
    path = home / "run" / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = path.read_text().strip() or "just starting"
            raise HomeInUse(
                f"Headway already runs on {home} ({holder}). Use that one, stop it with Ctrl-C where it was "
                "started, or give this one a home of its own: HEADWAY_HOME=/path make up PORT=8001"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{address}, process {os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _make_secret_key(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_name(f".secret_key.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        # Linked, not renamed: of two that start at once, the key of the first is kept.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
