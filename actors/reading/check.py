"""The step that finds out types, breaches of rules, and duplicates, all by the number of the raw row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from actors.tables import engine

from . import policy
from .asking import Hints
from .columns import Column
from .dialect import Dialect
from .finding import find_types, types_before
from .made import Loaded, Plan
from .read import raw_rows, row_number
from .rules import Rule, columns_of, position_of, rules_from, violation

Report = Callable[..., None]
#: Words that begin a line of totals.
_TOTAL = re.compile(
    r"(?i)(?:grand |sub)?total[es]?:?|totaux:?|(?:gesamt)?summe:?|gesamt:?|sum:?|somma:?|totaal:?|razem:?|итого:?|合計"
)
#: Characters of a value in the list of rejects.
VALUE_CHARACTERS = 2_000


def check(
    report: Report,
    *,
    folder: str,
    target: str,
    scratch: str,
    loaded: Loaded,
    rules: list[dict[str, Any]] | None = None,
    keys: list[str] | None = None,
    options: dict[str, Any] | None = None,
    memory_mb: int = engine.MEMORY_MB,
) -> Plan:
    """Write rejects.parquet and duplicates.parquet to `target`; return the columns' plan and the counts.

    `folder` is what `read` wrote.
    `options`, each optional: null_words, decimal_mark, date_order, max_rejected (rows) and max_rejected_percent (of
    the table's records; DEFAULT_MAX_REJECTED_PERCENT where absent), and model: the readings of an earlier dataset's
    columns by their names, which hold for the columns of the same names. Where more rows were rejected than the limits
    allow, the files are written all the same, to be examined.
    """
    settings = options or {}
    dialect, tally = loaded.dialect, loaded.tally
    work, out = Path(folder), Path(target)
    out.mkdir(parents=True, exist_ok=True)
    names, source_names = list(dialect.names), list(dialect.source_names)
    parsed = rules_from(rules or [])
    by_position = columns_of(parsed, names, source_names)
    key_positions = [position_of(key, names, source_names) for key in keys or []]
    words = tuple(word.strip().lower() for word in settings.get("null_words") or () if word.strip())
    columns = [
        Column(position=position, name=name, source_name=source, words=words)
        for position, (name, source) in enumerate(zip(names, source_names, strict=True))
    ]
    total, totals = tally.rows, 0
    report(0, total)
    with engine.connect(Path(scratch), width=len(columns), memory_mb=memory_mb) as con:
        # The files do not change while they are asked about, and to learn of many columns takes long.
        con.execute("SET parquet_metadata_cache = true")
        checker = _Checker(con, work, columns, loaded.batches, report, total)
        hints = _hints(settings)
        if total:
            checker.find_repeated_headers(dialect)
            totals = checker.find_totals()
            checker.find_types(by_position, hints)
        else:
            types_before(columns, hints)
        checker.find_breaches(by_position)
        for position, rule in by_position.items():
            if rule.unique:
                checker.find_repeats(columns[position])
        checker.keep_rejects(out)
        rejected = checker.rejected
        refused = policy.refusal(con, work, columns, tally=tally, settings=settings, dialect=dialect)
        checker.find_duplicates([columns[position] for position in key_positions], out)
        duplicates = checker.duplicates
    rows = total - rejected - duplicates
    report(total, total)
    return Plan(
        columns=tuple(columns),
        records=tally.records,
        rows=rows,
        rejected=rejected + tally.rejected,
        duplicates=duplicates,
        totals=totals,
        looked_for_duplicates=bool(key_positions),
        refused=refused,
        rules=tuple(parsed),
        keys=tuple(names[position] for position in key_positions),
    )


def _hints(settings: dict[str, Any]) -> Hints:
    return Hints(
        decimal_mark=settings.get("decimal_mark") or "",
        date_order=settings.get("date_order") or "",
        model=settings.get("model") or {},
    )


class _Checker:
    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        folder: Path,
        columns: list[Column],
        starts: Sequence[int],
        report: Report,
        total: int,
    ) -> None:
        self.con = con
        self.folder = folder
        self.columns = columns
        self.number = row_number(starts)
        self.report = report
        self.total = total
        self.rejected = 0
        self.duplicates = 0
        con.execute(
            "CREATE TEMP TABLE rejects (number BIGINT, position INTEGER, value VARCHAR, reason VARCHAR, first BIGINT)"
        )
        con.execute("CREATE TEMP TABLE duplicates (number BIGINT, first BIGINT)")

    @property
    def rows(self) -> str:
        return raw_rows(self.folder)

    def find_repeated_headers(self, dialect: Dialect) -> None:
        """Reject the lines that say the header again: files that were put together have them."""
        names = [name.strip() for name in dialect.source_names]
        if dialect.header_lines != 1 or not dialect.has_certain_header or not any(names):
            return
        same = " AND ".join(
            f"coalesce(trim(c{index}), '') = {engine.literal(name)}" for index, name in enumerate(names[:50])
        )
        self.con.execute(f"""
            INSERT INTO rejects
            SELECT {self.number}, NULL, NULL, 'The line says the header again.', NULL FROM {self.rows} WHERE {same}""")
        self._count_rejects()
        if self.rejected:
            for column, name in zip(self.columns, names, strict=True):
                column.ignored = (name.lower(),)

    def find_totals(self) -> int:
        """Reject a line of totals at the end and return 1, or 0 where there is none.

        It is recognised by a word for it in a column whose other values all have digits: ids, numbers, dates.
        """
        last = self.con.execute(f"SELECT c0 FROM {self.rows} WHERE {self.number} = {self.total - 1}").fetchall()
        word = str(last[0][0] or "").strip() if last else ""
        if self.total < 2 or not _TOTAL.fullmatch(word):
            return 0
        others = f"SELECT count(*) FROM {self.rows} WHERE {self.number} < {self.total - 1}"
        if self.con.execute(f"{others} AND trim(c0) <> '' AND NOT regexp_matches(c0, '[0-9]')").fetchall()[0][0]:
            return 0
        self.con.execute(
            f"""INSERT INTO rejects SELECT number, 0, ?, 'The last line is a total of the rows above.', NULL
            FROM (SELECT {self.total - 1} AS number){self._not_rejected(" WHERE")}""",
            [word],
        )
        before = self.rejected
        self._count_rejects()
        if self.rejected > before:
            self.columns[0].ignored = (*self.columns[0].ignored, word.lower())
        return self.rejected - before

    def find_types(self, rules: dict[int, Rule], hints: Hints) -> None:
        find_types(
            self.con,
            self.folder,
            self.columns,
            rows=self.total,
            rules=rules,
            hints=hints,
            on_progress=self._telling(0.0, 0.5, "finding the types"),
        )

    def find_breaches(self, rules: dict[int, Rule]) -> None:
        """Every row that breaks a rule or has no value of a column's declared type, with its first breach and all."""
        declared = {column.position: Rule(column=column.name) for column in self.columns if column.is_declared}
        rules = declared | rules
        checked: list[tuple[Column, str]] = []
        for position, rule in sorted(rules.items()):
            column = self.columns[position]
            breach = violation(rule, column)
            if breach:
                checked.append((column, breach))
        if not checked or not self.total:
            return
        breaches = ", ".join(f"{breach} AS v{index}" for index, (_, breach) in enumerate(checked))
        raws = ", ".join(dict.fromkeys(column.raw for column, _ in checked))
        values = ", ".join(f"{column.value} AS x{column.position}" for column, _ in checked)
        whens = range(len(checked))
        position_sql = " ".join(f"WHEN v{i} IS NOT NULL THEN {checked[i][0].position}" for i in whens)
        value_sql = " ".join(f"WHEN v{i} IS NOT NULL THEN left({checked[i][0].raw}, {VALUE_CHARACTERS})" for i in whens)
        listed = ", ".join(f"v{i}" for i in whens)
        any_breach = " OR ".join(f"v{i} IS NOT NULL" for i in whens)
        sql = f"""
            INSERT INTO rejects
            SELECT number, CASE {position_sql} END, CASE {value_sql} END, concat_ws('; ', {listed}) || '.', NULL
            FROM (
                SELECT number, {raws}, {breaches}
                FROM (SELECT {self.number} AS number, {raws}, {values} FROM {self.rows})
            )
            WHERE ({any_breach}){self._not_rejected(" AND")}"""
        engine.run(self.con, sql, self._telling(0.5, 0.25, "checking the rules"))
        self._count_rejects()

    def find_repeats(self, column: Column) -> None:
        """Rows whose value of a unique column an earlier sound row has."""
        repeats = self._repeats([column])
        reason = engine.literal(f"{column.name} is not unique.")
        self.con.execute(f"""
            INSERT INTO rejects
            SELECT number, {column.position}, left(raw, {VALUE_CHARACTERS}), {reason}, first FROM ({repeats})""")
        self._count_rejects()

    def find_duplicates(self, keys: list[Column], out: Path) -> None:
        """Rows whose key an earlier sound row has: the first one stays."""
        if keys and self.total:
            self.con.execute(f"INSERT INTO duplicates SELECT number, first FROM ({self._repeats(keys)})")
        self.duplicates = self.con.execute("SELECT count(*) FROM duplicates").fetchall()[0][0]
        target = engine.literal(str(out / "duplicates.parquet"))
        self.con.execute(f"COPY (SELECT * FROM duplicates ORDER BY number) TO {target} (FORMAT parquet)")

    def keep_rejects(self, out: Path) -> None:
        target = engine.literal(str(out / "rejects.parquet"))
        self.con.execute(f"COPY (SELECT * FROM rejects ORDER BY number) TO {target} (FORMAT parquet)")

    def _repeats(self, keys: list[Column]) -> str:
        """The query of repeated keys. Only rows whose key's hash comes twice are compared by value."""
        hashed = ", ".join(f"coalesce(({column.value})::VARCHAR, chr(0))" for column in keys)
        present = " OR ".join(f"({column.value}) IS NOT NULL" for column in keys)
        engine.run(
            self.con,
            f"""
            CREATE OR REPLACE TEMP TABLE repeated AS
            SELECT h FROM (SELECT hash({hashed}) AS h, {self.number} AS number FROM {self.rows} WHERE {present}) r
            {self._not_rejected("WHERE")}
            GROUP BY h HAVING count(*) > 1""",
            self._telling(0.75, 0.2, "looking for repeated rows"),
        )
        listed = ", ".join(f"{column.value} AS k{index}" for index, column in enumerate(keys))
        partition = ", ".join(f"k{index}" for index in range(len(keys)))
        return f"""
            SELECT number, first, raw FROM (
                SELECT number, raw, min(number) OVER (PARTITION BY {partition}) AS first
                FROM (
                    SELECT {self.number} AS number, {keys[0].raw} AS raw, {listed}, hash({hashed}) AS h
                    FROM {self.rows} WHERE {present}
                )
                WHERE h IN (SELECT h FROM repeated){self._not_rejected(" AND")}
            ) WHERE number > first"""

    def _not_rejected(self, word: str) -> str:
        return f"{word} number NOT IN (SELECT number FROM rejects)" if self.rejected else ""

    def _count_rejects(self) -> None:
        self.rejected = self.con.execute("SELECT count(*) FROM rejects").fetchall()[0][0]
        distinct = self.con.execute("SELECT count(DISTINCT number) FROM rejects").fetchall()[0][0]
        if distinct != self.rejected:
            raise AssertionError(f"{self.rejected} rejects for {distinct} rows")

    def _telling(self, start: float, share: float, note: str) -> Callable[[float], None]:
        return lambda part: self.report(int(self.total * (start + share * part)), self.total, note)
