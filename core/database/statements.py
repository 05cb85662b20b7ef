"""The SQL of a job's life, one file a statement and one folder a database.

A file may hold several statements, each ended by `;` at a line's end; the rows are those of the one that returns
any. `{now}` stands for the database's own clock: processes whose clocks differ agree on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

FOLDER = Path(__file__).parent / "sql"

_NOW = {
    "postgresql": "clock_timestamp()",
    "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
}
_NOW_SHIFTED = {
    "postgresql": "(clock_timestamp() + make_interval(secs => {offset}))",
    "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{offset:+f} seconds')",
}

#: Seconds added to the database's clock; only tests of time set it.
clock_offset_seconds: float = 0.0


def run(name: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run the statement of this name in one transaction and return its rows."""
    texts = _texts(name, connection.vendor)
    if connection.vendor == "postgresql":
        return _execute(texts[0].replace("{now}", now_sql()), params)
    with transaction.atomic():
        # One instant for all the statements of a file: what the first selects, the next one changes.
        params = {**params, "now": _execute(f"SELECT {now_sql()}", {})[0][0]}
        rows: list[tuple[Any, ...]] = []
        for text in texts:
            rows = _execute(text.replace("{now}", "%(now)s"), params) or rows
        return rows


def read(name: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that only reads, outside any transaction of its own: on SQLite it then waits for no writer."""
    return _execute(_texts(name, connection.vendor)[0].removesuffix(";").replace("{now}", now_sql()), params)


def run_together(parts: Sequence[tuple[str, dict[str, Any]]]) -> list[list[tuple[Any, ...]]]:
    """Run several statements in one transaction and return the rows of each; on PostgreSQL in one round trip."""
    if connection.vendor != "postgresql" or len(parts) < 2:
        with transaction.atomic():
            return [run(name, params) for name, params in parts]
    connection.ensure_connection()
    cursors = []
    # What is sent in a pipeline without BEGIN is one transaction, which ends with it.
    with connection.wrap_database_errors, connection.connection.pipeline():
        for name, params in parts:
            cursor = connection.connection.cursor()
            cursors.append(cursor.execute(_texts(name, connection.vendor)[0].replace("{now}", now_sql()), params))
    return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def now_sql() -> str:
    """Return the expression of the database's clock, with its `%` doubled for a query with parameters."""
    if clock_offset_seconds:
        return _NOW_SHIFTED[connection.vendor].format(offset=clock_offset_seconds)
    return _NOW[connection.vendor]


def id_list(ids: Iterable[float]) -> Any:
    """Return many ids, or other numbers, as one parameter of this database's statements."""
    return list(ids) if connection.vendor == "postgresql" else json.dumps(list(ids))


def _execute(text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall() if cursor.description else []


@cache
def _texts(name: str, vendor: str) -> list[str]:
    lines = (FOLDER / vendor / f"{name}.sql").read_text().splitlines()
    body = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    return [text.strip() for text in (body + "\n").split(";\n") if text.strip()]
