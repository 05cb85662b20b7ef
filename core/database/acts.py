"""Acts on jobs, each written once: which rows, how they change, the events of their timelines, what comes back.

A file of an act has sections, each begun by its word at the start of a line:

    WITH    what the next one needs; mostly left out
    SELECT  the rows, locked in the order of their ids (no deadlocks); `p` in what follows
    SET     how each changes; `j` is the job's row, and after it the changed one
    INSERT  in the place of these: makes jobs, `done` in what follows
    ALSO    inserts more beside them; for a change, `done` has the columns of RETURN as r0, r1 and so on
    EVENT   an event on the timeline of each: `kind = …`, where they differ from the usual `attempt = …`, `worker = …`,
            `text = …`, `detail = …` and `error_class = …`, and under the condition `only = …`
    RETURN  the columns of the act's own rows

`SET core_jobprogress.job_id:` changes that table instead. On PostgreSQL an act is one statement with a CTE for each
section. SQLite has no such; there each section is a statement, all in one transaction, and the rows of the first are
given to the others as JSON. Where nothing asks for more than their ids, SELECT is a part of the change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: Runs one statement; returns the names of its columns, and its rows.
Execute = Callable[[str, dict[str, Any]], tuple[Sequence[str], list[tuple[Any, ...]]]]

_SECTION = re.compile(r"^(WITH|SELECT|SET|INSERT|ALSO|EVENT|RETURN)\b", flags=re.MULTILINE)
_FIELD = re.compile(r"(?:^|,\s+)(kind|attempt|worker|text|detail|error_class|only) = ")
_EVENT = ("kind", "attempt", "worker", "text", "detail", "error_class")
_COMMA = re.compile(r",\s+(?![^()]*\))")


@dataclass(frozen=True, eq=False)
class Act:
    """The sections of an act, in the words of one database."""

    #: WITH and SELECT, or INSERT.
    first: str
    makes_jobs: bool
    #: The table that is changed, and its column with the job's id.
    table: str
    key: str
    sets: str
    also: tuple[str, ...]
    #: The fields of each event.
    events: tuple[tuple[tuple[str, str], ...], ...]
    #: The columns that come back.
    returns: tuple[str, ...]
    #: The clock's expression.
    now: str
    _steps: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    @cached_property
    def as_one(self) -> str:
        """The statement for PostgreSQL."""
        columns = [f"{text} AS r{number}" for number, text in enumerate(self.returns)]
        if self.makes_jobs:
            # Their own names are what the next sections read.
            parts = [f"done AS (\n{self.first}\nRETURNING {', '.join((*self.returns, *columns))}\n)"]
        else:
            events = [f"{text} AS {field}{number}" for number, event in enumerate(self.events) for field, text in event]
            columns += [*(["j.id AS job"] if events else []), *events]
            parts = [
                f"picked AS (\n{self.first}\n)",
                f"done AS (\n{self._update('picked p')}\nRETURNING {', '.join(columns)}\n)",
            ]
        parts += [f"also{number} AS (\n{text}\n)" for number, text in enumerate(self.also)]
        if self.events:
            parts.append(f"logged AS (\n{self._insert_events(' FROM done', is_named=not self.makes_jobs)}\n)")
        rows = ", ".join(f"r{number}" for number in range(len(self.returns)))
        return f"WITH {', '.join(parts)}\nSELECT {rows} FROM done"

    def in_steps(self, execute: Execute, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run it on SQLite, in the caller's transaction, and return its rows."""
        names, rows = execute(self._first_step, params)
        if not rows:
            return rows
        changed = self._go_on(execute, params, names, rows)
        if self.also and not self.makes_jobs:
            returned = {**params, "first": json.dumps(changed)}
            for text in self._also_steps:
                execute(text, returned)
        return changed

    def _go_on(
        self, execute: Execute, params: dict[str, Any], names: Sequence[str], rows: list[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """Run the statements after the first one and return the act's own rows."""
        if self._is_short and not self.events:
            return rows
        width = 1 if self._is_short else len(names)
        params = {**params, "first": json.dumps([row[:width] for row in rows])}
        answers = [execute(step, params)[1] for step in self._next_steps(tuple(names[:width]))]
        if self.makes_jobs or self._is_short:
            return rows
        return answers[0] if self._returns_columns else answers[-1]

    @cached_property
    def _also_steps(self) -> list[str]:
        """What a change inserts beside itself: its own rows are `done`, with columns r0, r1 and so on."""
        columns = ", ".join(f"value ->> {number} AS r{number}" for number in range(len(self.returns)))
        # The parts are of files of this folder.
        return [f"WITH done AS (SELECT {columns} FROM json_each(%(first)s))\n{text}" for text in self.also]  # noqa: S608

    @cached_property
    def _is_short(self) -> bool:
        """Whether the picked rows are needed for their ids alone: then the change itself can pick them."""
        values = [text for event in self.events for _, text in event]
        is_by_id = self.returns[0] == "j.id" or not values
        return self._returns_columns and is_by_id and not re.search(r"\bp\.", " ".join((self.sets, *values)))

    @cached_property
    def _returns_columns(self) -> bool:
        """Whether columns of the changed row are all that comes back: SQLite's RETURNING has nothing else."""
        return not self.makes_jobs and all(re.fullmatch(r"j\.\w+", text) for text in self.returns)

    @cached_property
    def _returning(self) -> str:
        return f"\nRETURNING {', '.join(text.removeprefix('j.') for text in self.returns)}"

    @cached_property
    def _first_step(self) -> str:
        if self._is_short:
            return f"{self._change}\nWHERE j.{self.key} IN (\n{self.first}\n){self._returning}"
        return self.first + (self._returning if self.makes_jobs else "")

    def _next_steps(self, names: tuple[str, ...]) -> list[str]:
        """Return the statements after the first one, whose rows have columns of these names."""
        if names not in self._steps:
            self._steps[names] = self._make_steps(names)
        return self._steps[names]

    def _make_steps(self, names: Iterable[str]) -> list[str]:
        columns = ", ".join(f"value ->> {number} AS {name}" for number, name in enumerate(names))
        rows = f"(SELECT {columns} FROM json_each(%(first)s))"  # noqa: S608  names that the database gave
        if self.makes_jobs:
            inserts = [f"WITH done AS {rows}\n{text}" for text in self.also]
            return [*inserts, self._insert_events(f" FROM {rows} AS done")]
        # In this order and no other: the events are those of the first rows, one after the other.
        changed = f" FROM {rows} AS p CROSS JOIN {self.table} AS j ON j.{self.key} = p.id"
        inserts = [self._insert_events(changed)] if self.events else []
        if self._is_short:
            return inserts
        update = self._update(f"{rows} AS p")
        if self._returns_columns:
            return [update + self._returning, *inserts]
        return [update, *inserts, f"SELECT {', '.join(self.returns)}{changed}"]

    @property
    def _change(self) -> str:
        # The parts are of files of this folder.
        return f"UPDATE {self.table} AS j SET {self.sets}"  # noqa: S608

    def _update(self, source: str) -> str:
        return f"{self._change}\nFROM {source} WHERE j.{self.key} = p.id"

    def _insert_events(self, source: str, *, is_named: bool = False) -> str:
        """Return the INSERT of the events: from their expressions or, `is_named`, from the columns that hold them."""
        selects = []
        for number, event in enumerate(self.events):
            values = {field: f"{field}{number}" if is_named else text for field, text in event}
            job = "job" if is_named else "id" if self.makes_jobs else "j.id"
            only = f" WHERE {values['only']}" if "only" in values else ""
            selects.append(f"SELECT {job}, {self.now}, {', '.join(values[field] for field in _EVENT)}{source}{only}")
        into = f"INSERT INTO core_jobevent (job_id, at, {', '.join(_EVENT)})"
        return f"{into}\n{' UNION ALL '.join(selects)}"


def read_act(body: str, *, now: str) -> Act | None:
    """Return the act that a text is, with the clock's expression in it; None for a plain statement."""
    parts = _SECTION.split(body)
    sections = [(word, text.strip()) for word, text in zip(parts[1::2], parts[2::2], strict=True)]
    texts = dict(sections)
    if "RETURN" not in texts:
        return None
    makes_jobs = "INSERT" in texts
    begins = ("INSERT",) if makes_jobs else ("WITH", "SELECT")
    table, key, sets = re.fullmatch(r"(?:(\w+)\.(\w+):)?(.*)", texts.get("SET", ""), flags=re.DOTALL).groups()  # type: ignore[union-attr]
    usual = {"attempt": "0" if makes_jobs else "j.attempt"} | dict.fromkeys(_EVENT[2:], "''")
    return Act(
        first="\n".join(f"{word} {text}" for word, text in sections if word in begins),
        makes_jobs=makes_jobs,
        table=table or "core_job",
        key=key or "id",
        sets=sets.strip(),
        also=tuple(text for word, text in sections if word == "ALSO"),
        events=tuple(tuple({**usual, **_fields(text)}.items()) for word, text in sections if word == "EVENT"),
        returns=tuple(_COMMA.split(texts["RETURN"])),
        now=now,
    )


def _fields(text: str) -> dict[str, str]:
    parts = _FIELD.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
