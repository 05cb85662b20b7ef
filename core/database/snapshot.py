"""One moment for many reads: what a page shows, and the version that it says it has, may not be of two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Have everything that is read within be of one moment, and let nothing be written.

    Inside a transaction that is there already, such as a test's, it changes nothing: that one's rules hold.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with _repeatable(), transaction.atomic():
            yield
    else:
        with _deferred(), transaction.atomic():
            yield


@contextmanager
def _repeatable() -> Iterator[None]:
    from psycopg import IsolationLevel

    connection.ensure_connection()
    # What the session does by default is two moments for two statements.
    raw: Any = connection.connection
    before = raw.isolation_level, raw.read_only
    raw.isolation_level, raw.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        yield
    finally:
        if not raw.closed:
            raw.isolation_level, raw.read_only = before


@contextmanager
def _deferred() -> Iterator[None]:
    """Begin without the write lock: in write-ahead mode a reader then sees one moment, and holds up nobody."""
    # A connection that is opened sets the mode.
    connection.ensure_connection()
    sqlite: Any = connection
    before = sqlite.transaction_mode
    sqlite.transaction_mode = "DEFERRED"
    try:
        yield
    finally:
        sqlite.transaction_mode = before
