"""The SQL of a job's life, one file a statement for both databases: an act on jobs (`acts`) or plain SQL.

`{now}` stands for the database's own clock: processes whose clocks differ agree on it. The other braces are
`fragments`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, transaction

from core.database.acts import Act, read_act
from core.database.fragments import FOLDER, NOW, expand

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
    if connection.vendor == "postgresql":
        return _execute(one_statement(name), params)[1]
    return run_together([(name, params)])[0]


def read(name: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that only reads, without a transaction: on SQLite it then waits for no writer."""
    return _execute(one_statement(name), params)[1]


def run_together(parts: Sequence[tuple[str, dict[str, Any]]]) -> list[list[tuple[Any, ...]]]:
    """Run several statements in one transaction and return the rows of each; on PostgreSQL in one round trip."""
    if connection.vendor != "postgresql":
        loaded = [(_statement(name, connection.vendor, now="%(now)s"), params) for name, params in parts]
        with transaction.atomic():
            # All of them get one instant: what the first selects by time, the next one changes.
            now = _execute(f"SELECT {now_sql()}", {})[1][0][0]
            return [_run_in_steps(statement, {**params, "now": now}) for statement, params in loaded]
    if len(parts) == 1:
        return [run(*parts[0])]
    connection.ensure_connection()
    cursors = []
    # Statements sent in one pipeline without BEGIN are one transaction, which ends with the pipeline.
    with connection.wrap_database_errors, connection.connection.pipeline():
        for name, params in parts:
            cursor = connection.connection.cursor()
            cursors.append(cursor.execute(one_statement(name), params))
    return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def one_statement(name: str) -> str:
    """Return the text of a plain statement, or for PostgreSQL of an act as well, with the clock set in."""
    statement = _statement(name, connection.vendor)
    text = statement.as_one if isinstance(statement, Act) else statement
    return text.replace(NOW, now_sql())


def now_sql() -> str:
    """Return the expression of the database's clock, with its `%` doubled for a query with parameters."""
    if clock_offset_seconds:
        return _NOW_SHIFTED[connection.vendor].format(offset=clock_offset_seconds)
    return _NOW[connection.vendor]


def id_list(ids: Iterable[float | str]) -> Any:
    """Return many ids, or other numbers and names, as one parameter of this database's statements."""
    return list(ids) if connection.vendor == "postgresql" else json.dumps(list(ids))


def _run_in_steps(statement: Act | str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    return statement.in_steps(_execute, params) if isinstance(statement, Act) else _execute(statement, params)[1]


def _execute(text: str, params: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        if not cursor.description:
            return [], []
        return [column[0] for column in cursor.description], cursor.fetchall()


@cache
def _statement(name: str, vendor: str, *, now: str = NOW) -> Act | str:
    lines = (FOLDER / f"{name}.sql").read_text().splitlines()
    body = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    text = expand(body, vendor).replace(NOW, now).strip()
    return read_act(text, now=now) or text
