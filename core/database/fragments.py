"""Fragments of SQL: the words in which the databases differ, what statements share, and lists of states.

A statement names a fragment in braces, `{name}` or `{name:argument}`; the innermost are filled in first. Fragments that
differ between the databases are here, the shared ones in `sql/fragments.sql`. There `$` is the argument, and without
one the job's row `j`. The lists of states come from `core.models.states`, as literals: SQLite uses a partial index only
for a condition that is written like the index's own and has no parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
#: Stands for `{now}` until the statement is run, as a test can move the clock.
NOW = "<now>"
#: How SQLite stores a time.
_FORMAT = "'%%Y-%%m-%%d %%H:%%M:%%f'"

#: In PostgreSQL's words and in SQLite's; `$` is the argument.
_WORDS = {
    "now": (NOW, NOW),
    "yes": ("true", "1"),
    "no": ("false", "0"),
    "greatest": ("GREATEST", "MAX"),
    "least": ("LEAST", "MIN"),
    "random": ("random()", "(abs(random() %% 1000) / 1000.0)"),
    # Now plus some seconds; a time from seconds since 1970; and the seconds since 1970 of a time.
    "later": (f"{NOW} + make_interval(secs => $)", f"STRFTIME({_FORMAT}, {NOW}, ($) || ' seconds')"),
    "time": ("to_timestamp($)", f"STRFTIME({_FORMAT}, $, 'unixepoch')"),
    "epoch": ("extract(epoch FROM $)::double precision", "(julianday($) - 2440587.5) * 86400.0"),
    # Whether a value is in a list parameter (see `statements.id_list`), or in what a query returns.
    "in": ("= ANY(%($)s)", "IN (SELECT value FROM json_each(%($)s))"),
    "not_in": ("<> ALL(%($)s)", "NOT IN (SELECT value FROM json_each(%($)s))"),
    "among": ("= ANY(ARRAY($))", "IN ($)"),
    "json": ("$::jsonb", "$"),
    "text": ("$::text", "$"),
    # SQLite's transaction holds the write lock of the whole database.
    "lock": ("FOR NO KEY UPDATE OF j", ""),
    "lock_free": ("FOR NO KEY UPDATE OF j SKIP LOCKED", ""),
    # What only one of them needs.
    "postgresql": ("$", ""),
    "sqlite": ("", "$"),
}
_FRAGMENT = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_states: dict[str, str] = {}


def define_states(**lists: Iterable[str]) -> None:
    """Make these lists of states available to statements, by name."""
    _states.update({name: literals(states) for name, states in lists.items()})
    shared.cache_clear()


def literals(values: Iterable[str]) -> str:
    """Return values as a list of SQL, e.g. `('failed', 'cancelled')`."""
    return "(" + ", ".join("'" + str(value).replace("'", "''") + "'" for value in values) + ")"


def expand(text: str, vendor: str) -> str:
    """Return the text in the words of this database; raise LookupError for a fragment that is not there."""
    while match := _FRAGMENT.search(text):
        name, argument = match[1], match[2]
        text = text[: match.start()] + _fill(name, argument, vendor) + text[match.end() :]
    return text


@cache
def shared() -> dict[str, str]:
    """Return the fragments of `fragments.sql` by name."""
    lines = [line for line in (FOLDER / "fragments.sql").read_text().splitlines() if not line.startswith("--")]
    parts = re.split(r"^(\w+):", "\n".join(lines), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _fill(name: str, argument: str | None, vendor: str) -> str:
    if name in _states:
        return _states[name]
    if name == "rows":
        return _rows(argument or "", vendor)
    if name == "each":
        return _each(argument or "", vendor)
    if name in _WORDS:
        return _WORDS[name][vendor == "sqlite"].replace("$", argument or "")
    if name in shared():
        return shared()[name].replace("$", argument or "j")
    raise LookupError(f"unknown fragment {name!r}")


def _rows(argument: str, vendor: str) -> str:
    """Return the rows of a JSON parameter as a table: `ends AS w (id bigint, result jsonb)`."""
    parameter, alias, columns = re.fullmatch(r"(\w+) AS (\w+) \((.*)\)", argument, flags=re.DOTALL).groups()  # type: ignore[union-attr]
    if vendor == "postgresql":
        return f"jsonb_to_recordset(%({parameter})s::jsonb) AS {alias} ({columns})"
    picks = []
    for column in columns.split(","):
        name, kind = column.strip().split(maxsplit=1)
        picks.append(f"value {'->' if kind == 'jsonb' else '->>'} '{name.strip(chr(34))}' AS {name}")
    return f"(SELECT {', '.join(picks)} FROM json_each(%({parameter})s)) AS {alias}"  # noqa: S608  a file's


def _each(argument: str, vendor: str) -> str:
    """Return a join with the first jobs of each row before it: `d WHERE j.owner_id = p.owner_id … LIMIT 1`."""
    alias, rest = argument.split(maxsplit=1)
    if vendor == "postgresql":
        return f"JOIN LATERAL (SELECT j.* FROM core_job j {rest}) {alias} ON true"  # noqa: S608  a file's
    return f"JOIN core_job {alias} ON {alias}.id IN (SELECT j.id FROM core_job j {rest})"  # noqa: S608  a file's
