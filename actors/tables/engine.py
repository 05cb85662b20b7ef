"""DuckDB as the pipelines use it: bounded memory, its own temporary folder, live progress."""

from __future__ import annotations

import atexit
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

Report = Callable[..., None]

THREADS = 2
MEMORY_MB = 700
#: Columns from which a table is wide: statements then take one thread, small row groups and a few columns at once.
WIDE = 1_000
#: Bytes that the engine accounts to each column it writes; pages it never touches cost no memory.
_COLUMN_BYTES = 768 * 1024
_POLL_SECONDS = 0.2


def connect(
    folder: Path, *, width: int = 1, memory_mb: int = MEMORY_MB, threads: int = THREADS
) -> duckdb.DuckDBPyConnection:
    """A connection of its own in-memory database, which spills to `folder`; a part of the kept one within `sharing`."""
    if _shared is not None and width <= WIDE:
        return _shared.cursor()
    temp = folder / "spill"
    temp.mkdir(parents=True, exist_ok=True)
    limit = max(memory_mb, width * _COLUMN_BYTES // 1_000_000)
    return _made(str(temp), threads=1 if width > WIDE else threads, limit_mb=limit)


_database: duckdb.DuckDBPyConnection | None = None
_shared: duckdb.DuckDBPyConnection | None = None


@atexit.register
def _let_go() -> None:
    """Close the kept database before the interpreter ends: its library complains of what is left open."""
    global _database
    if _database is not None:
        _database.close()
        _database = None


@contextmanager
def sharing() -> Iterator[None]:
    """Within it, connections of narrow tables are to one database, which the process keeps: to make one takes 30 ms.

    It does not spill: for small tables. Their own tables have to be temporary ones.
    """
    global _database, _shared
    if _database is None:
        _database = _made("", threads=THREADS, limit_mb=MEMORY_MB)
    _shared = _database
    try:
        yield
    except BaseException:
        # The database may still be at work, or be full.
        _database = None
        raise
    finally:
        _shared = None


def _made(temp: str, *, threads: int, limit_mb: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{limit_mb}MB",
            "temp_directory": temp,
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    con.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false; SET TimeZone = 'UTC'")
    return con


def run(
    con: duckdb.DuckDBPyConnection,
    sql: str,
    on_progress: Callable[[float], None] | None = None,
    parameters: Any = None,
) -> list[tuple[Any, ...]]:
    """Execute one statement and return its rows; `on_progress` is told the part done, 0 to 1, while it runs."""
    if on_progress is None:
        return con.execute(sql, parameters).fetchall()
    rows: list[tuple[Any, ...]] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            rows.extend(con.execute(sql, parameters).fetchall())
        except BaseException as error:  # handed to the caller's thread below
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            thread.join(_POLL_SECONDS)
            if not thread.is_alive():
                break
            on_progress(max(0.0, min(1.0, con.query_progress() / 100)))
    except BaseException:
        con.interrupt()
        thread.join(5)
        raise
    if errors:
        raise errors[0]
    return rows


def copy_in_order(con: duckdb.DuckDBPyConnection, sql: str, on_progress: Callable[[float], None] | None = None) -> int:
    """Execute a COPY whose file has to hold the rows in their order; returns how many there are."""
    # A long IN list would become a join, and a join does not keep the rows in their order.
    con.execute("SET disabled_optimizers = 'in_clause'")
    # Only lists and joins become joins; planning a statement of thousands of columns twice would take seconds.
    if re.search(r"\b(IN|JOIN)\b", sql):
        plan = con.execute(f"EXPLAIN {sql}").fetchall()[0][1]
        if "Join" in plan:
            raise AssertionError(f"the engine would not keep the order of the rows: {plan}")
    return int(run(con, sql, on_progress)[0][0])


def name(text: str) -> str:
    """A quoted identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A quoted literal of text, or of a number or truth value."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def file_list(paths: Iterable[Path | str]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def row_group_rows(width: int) -> int:
    """Rows of a Parquet row group that keep a group of this many columns within memory."""
    return max(2048, min(122_880, 2_500_000 // max(width, 1) // 2048 * 2048))
