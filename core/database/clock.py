"""The database's clock, which all processes agree on."""

import datetime as dt

from django.db import connection

from core.database import statements


def database_now() -> dt.datetime:
    """Return the database's time, aware, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {statements.now_sql()}", {})
        value = cursor.fetchone()[0]
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
