"""The rows of a report, out of the dataset's Parquet: chosen, ordered, counted, and read as text in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine, selection

from .formats import Format, float_decimals
from .request import NUMERIC, Request, is_identifier

#: Memory of the engine; what is more goes to the attempt's temporary folder.
MEMORY_MB = 260
#: Values that a column is judged by.
SAMPLE_ROWS = 4_000
BATCH_ROWS = 4_096
#: Characters of a batch at most, were all its texts as long as the longest.
BATCH_CHARACTERS = 4_000_000
#: The number of a row, from 0, in the order of the rows; what the dataset's own columns are called is avoided.
_NUMBER = "headway_row"


@dataclass(frozen=True, kw_only=True)
class ColumnStats:
    """What is known of a column over the chosen rows. Sums of numbers only; widest are those of groups, too."""

    filled: int
    low: Any = None
    high: Any = None
    sum: Any = None
    widest: tuple[Any, ...] = ()
    #: Characters of the longest text.
    longest: int = 0


@dataclass(frozen=True, kw_only=True)
class Group:
    """One value of the group's column, with its rows and its sums."""

    label: str
    rows: int
    sums: list[Any]


class Source:
    """The chosen rows. Every query of them has the same order and the same answer every time."""

    def __init__(self, con: duckdb.DuckDBPyConnection, request: Request, parquet: Path, scratch: Path) -> None:
        self.con, self.request = con, request
        self._parquet, self._picked = parquet, scratch / "picked.parquet"
        self._number = _unused(_NUMBER, request.types)
        self.rows = 0
        self.stats: dict[str, ColumnStats] = {}
        self.formats: dict[str, Format] = {}
        # Sums of floats depend on the order in which they are added.
        con.execute("SET threads = 1")

    @property
    def used(self) -> list[str]:
        """The columns that anything of the report needs."""
        request = self.request
        wanted = [name for name, _ in request.columns] + request.charts + request.subtotals + [request.group_by]
        return list(dict.fromkeys(name for name in wanted if name))

    def pick(self, on_progress: Callable[[float], None]) -> None:
        """Choose and order the rows, and measure what their columns hold."""
        request = self.request
        read = self._numbered(self._parquet, request.types)
        keys = list(request.sort)
        if request.group_by:
            own = [key for key in keys if key["column"] == request.group_by]
            rest = [key for key in keys if key["column"] != request.group_by]
            keys = [*(own or [{"column": request.group_by}]), *rest]
        condition = selection.where_sql(request.filters, request.dataset_columns)
        if keys or request.filters or request.row_limit:
            order = selection.order_sql(keys, request.dataset_columns, ties=self._number)
            limit = f"LIMIT {request.row_limit}" if request.row_limit else ""
            listed = ", ".join(engine.name(name) for name in self.used)
            sql = f"SELECT {listed} FROM {read} WHERE {condition} ORDER BY {order} {limit}"
            self.con.execute("SET disabled_optimizers = 'in_clause'")
            engine.run(
                self.con,
                f"COPY ({sql}) TO {engine.literal(str(self._picked))} (FORMAT parquet, COMPRESSION lz4)",
                on_progress,
            )
            self.table = self._numbered(self._picked, self.used)
        else:
            self.table = read
        self._measure()

    def close(self) -> None:
        self._picked.unlink(missing_ok=True)

    def one(self, sql: str) -> tuple[Any, ...]:
        return self.con.execute(sql).fetchall()[0]

    def sample(self, column: str, most_characters: int) -> list[str]:
        """Return evenly spread values of a column of text."""
        every = max(1, self.rows // SAMPLE_ROWS)
        sql = (
            f"SELECT left({engine.name(column)}, {most_characters}) FROM {self.table} "
            f"WHERE {self._number} % {every} = 0 AND {engine.name(column)} IS NOT NULL"
        )
        return [str(row[0]) for row in self.con.execute(sql).fetchall()]

    def groups(self) -> Iterator[Group]:
        """Yield the groups in the order of their rows."""
        group = self.request.group_by
        cell, label_sql = engine.name(group), self.formats[group].sql(group)
        sums = "".join(f", {_sum(name, self.request.types[name])}" for name in self.request.subtotals)
        # By first row, not by value: the person chose the order of the rows.
        sql = (
            f"SELECT coalesce(any_value({label_sql}), ''), count(*){sums}, min({self._number}) AS headway_first "
            f"FROM {self.table} GROUP BY {cell} ORDER BY headway_first"
        )
        cursor = self.con.cursor().execute(sql)
        while rows := cursor.fetchmany(BATCH_ROWS):
            for label, count, *values in rows:
                yield Group(label=label if label.strip() else "(empty)", rows=count, sums=values[:-1])

    def batches(self, most_characters: int) -> Iterator[list[tuple[str, ...]]]:
        """Yield the table's rows as text in their order; no text is longer than `most_characters`."""
        cells = []
        for name, kind in self.request.set_columns:
            text = f"left({engine.name(name)}, {most_characters})" if kind == "text" else self.formats[name].sql(name)
            cells.append(f"coalesce({text}, '')")
        longest = sum(min(self.stats[name].longest, most_characters) for name, _ in self.request.set_columns)
        size = max(64, min(BATCH_ROWS, BATCH_CHARACTERS // max(1, longest)))
        cursor = self.con.cursor().execute(f"SELECT {', '.join(cells)} FROM {self.table}")
        while rows := cursor.fetchmany(size):
            yield rows

    def _numbered(self, path: Path, names: Iterable[str]) -> str:
        """Return the table of a file with the numbers of its rows."""
        read = engine.literal(str(path))
        if any(name.casefold() == "file_row_number" for name in names):
            # The engine's own number has the name of a column here.
            return f"(SELECT *, row_number() OVER () - 1 AS {self._number} FROM read_parquet({read}))"
        return f"(SELECT *, file_row_number AS {self._number} FROM read_parquet({read}, file_row_number = true))"

    def _measure(self) -> None:
        types, request = self.request.types, self.request
        terms = ["count(*)"]
        for name in self.used:
            cell, kind = engine.name(name), types[name]
            bounds = [f"min({cell})", f"max({cell})"] if kind not in ("text", "boolean") else ["NULL", "NULL"]
            if kind == "text":
                bounds[1] = f"max(length({cell}))"
            total = _sum(name, kind) if kind in NUMERIC else "NULL"
            beyond = [f"bool_or(date_trunc('{part}', {cell}) <> {cell})" for part in ("day", "minute")]
            clock = {
                "timestamp": f"[{', '.join(beyond)}]",
                "time": f"[true, bool_or(extract(second FROM {cell}) <> 0)]",
            }.get(kind, "NULL")
            terms += [f"count({cell})", *bounds, total, clock]
        self.rows, *answers = self.one(f"SELECT {', '.join(terms)} FROM {self.table}")
        for name, place in zip(self.used, range(0, len(answers), 5), strict=True):
            filled, low, high, total, clock = answers[place : place + 5]
            if types[name] == "text":
                self.stats[name] = ColumnStats(filled=filled, longest=high or 0)
            else:
                self.stats[name] = ColumnStats(filled=filled, low=low, high=high, sum=total, widest=(low, high))
            self.formats[name] = self._format(name, clock or [False, False])
        if request.group_by and request.subtotals and self.rows:
            sums = ", ".join(f"{_sum(name, types[name])} AS s{place}" for place, name in enumerate(request.subtotals))
            ends = ", ".join(f"min(s{place}), max(s{place})" for place in range(len(request.subtotals)))
            by_group = f"SELECT {sums} FROM {self.table} GROUP BY {engine.name(request.group_by)}"
            extremes = self.one(f"SELECT {ends} FROM ({by_group})")
            for place, name in enumerate(request.subtotals):
                stats = self.stats[name]
                widest = (*stats.widest, *extremes[2 * place : 2 * place + 2])
                self.stats[name] = replace(stats, widest=widest)

    def _format(self, name: str, clock: list[bool | None]) -> Format:
        request, kind = self.request, self.request.types[name]
        decimals: int | None = 0
        if kind == "float":
            every = max(1, self.rows // SAMPLE_ROWS)
            sql = f"SELECT {engine.name(name)} FROM {self.table} WHERE {self._number} % {every} = 0"
            decimals = float_decimals([row[0] for row in self.con.execute(sql).fetchall() if row[0] is not None])
        elif kind == "decimal":
            sql_type = str(self.con.execute(f"DESCRIBE SELECT {engine.name(name)} FROM {self.table}").fetchall()[0][1])
            decimals = int(sql_type.rstrip(")").rpartition(",")[2]) if sql_type.startswith("DECIMAL") else 2
        return Format(
            type=kind,
            numbers=request.numbers,
            dates=request.dates,
            decimals=decimals,
            is_grouped=not is_identifier(name, request.types),
            has_time=bool(clock[0]),
            has_seconds=bool(clock[1]),
        )


def _sum(name: str, kind: str) -> str:
    # Kahan's sum: the digits that are shown do not depend on the order of the values.
    return f"{'fsum' if kind == 'float' else 'sum'}({engine.name(name)})"


def _unused(name: str, names: Iterable[str]) -> str:
    """Return the name, made longer until no column has it; the engine takes capitals and small letters as the same."""
    taken = {each.casefold() for each in names}
    while name in taken:
        name += "_"
    return name
