"""What Headway needs of a connection, whatever the site's settings say of it."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver


@receiver(connection_created, dispatch_uid="headway_connection")
def prepare(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Set what the site's OPTIONS leave open."""
    if connection.alias != DEFAULT_DB_ALIAS:
        return
    options = connection.settings_dict.get("OPTIONS", {})
    if connection.vendor == "sqlite" and "transaction_mode" not in options:
        # A write transaction takes the lock at its start, so that no reader has to be upgraded and refused.
        connection.transaction_mode = "IMMEDIATE"  # type: ignore[attr-defined]  # SQLite's has it
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=30000")
    elif connection.vendor == "postgresql" and "jit" not in str(options.get("options", "")):
        # Short statements on large tables would be compiled anew at each call, a hundred times as long as they take.
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")
