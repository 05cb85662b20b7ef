"""A round of the housekeeper as a job: a step a part, and what has gone as its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core import formatting
from core import housekeeping as keep
from core.attempt.context import JobContext
from core.pipelines import pipeline

from .forms import HousekeepingForm

Part = Callable[[keep.Round], keep.Tally]

#: The parts of a round in their order: name, title, what its progress counts.
PARTS: tuple[tuple[str, str, str, Part], ...] = (
    ("datasets", "Datasets", "datasets", keep.expire_datasets),
    ("jobs", "Jobs", "jobs", keep.expire_jobs),
    ("events", "Timelines", "events", keep.forget_events),
    ("mails", "Mails", "mails", keep.forget_mails),
    ("audit", "Audit trail", "rows", keep.forget_acts),
    ("sessions", "Sessions and schedules", "rows", keep.forget_sessions),
    ("files", "Files", "files", keep.collect_files),
)
#: What is no row of a table, and so no reason to tidy one.
_NO_ROWS = frozenset({"files", "database bytes", "seconds to write it anew", "tables vacuumed"})


@pipeline(
    title="Housekeeping",
    description="Deletes jobs, datasets and files that are past their time, and files that nothing refers to.",
    form=HousekeepingForm,
    icon="trash",
    stages=(*((name, title) for name, title, _, _ in PARTS), ("database", "Database")),
    every="15 3 * * *",
    retention_days=30,
    is_listed=False,
    is_for_staff=True,
    notifies_owner=False,
)
def housekeeping(ctx: JobContext, *, dry_run: bool = False) -> dict[str, Any]:
    tallies = []
    for name, title, unit, part in PARTS:
        ctx.stage(name)
        tallies.append(ctx.step(name, _run, ctx, part, unit, dry_run, title=title, returns=keep.Done))
    ctx.stage("database")
    rows = sum(count for tally in tallies for what, count in tally.counts.items() if what not in _NO_ROWS)
    tallies.append(ctx.step("database", _tidy, dry_run, rows, title="Database", returns=keep.Done))
    return _result(tallies, is_dry=dry_run)


def _run(ctx: JobContext, part: Part, unit: str, dry_run: bool) -> keep.Done:
    return part(keep.Round(is_dry=dry_run, watch=lambda done: ctx.progress(done, unit=unit))).done()


def _tidy(dry_run: bool, rows: int) -> keep.Done:
    return keep.tidy_database(keep.Round(is_dry=dry_run), deleted_rows=rows).done()


def _result(tallies: list[keep.Done], *, is_dry: bool) -> dict[str, Any]:
    """Return how many of each have gone, and the bytes that are free again."""
    counts: dict[str, int] = {}
    for tally in tallies:
        for name, count in tally.counts.items():
            counts[name] = counts.get(name, 0) + count
    freed = sum(tally.bytes for tally in tallies)
    facts: list[list[Any]] = [[name.capitalize(), count] for name, count in counts.items()]
    if freed or "files" in counts:
        facts.append(["Bytes that would be freed" if is_dry else "Bytes freed", freed])
    left = [sentence for tally in tallies for sentence in tally.left]
    more = sum(tally.left_count for tally in tallies) - len(left)
    if more:
        left.append(f"And {more:,} more.")
    facts += [["Left alone", sentence] for sentence in left]
    return {"headline": _headline(counts, freed, is_dry=is_dry), "facts": facts, "freed_bytes": freed}


def _headline(counts: dict[str, int], freed: int, *, is_dry: bool) -> str:
    named = [_amount(counts[name], name) for name in ("jobs", "datasets", "files") if counts.get(name)]
    if not counts:
        return "Nothing would be deleted" if is_dry else "Nothing was past its time"
    words = ", ".join(named) or _amount(sum(count for name, count in counts.items() if name not in _NO_ROWS), "rows")
    size = f", {formatting.size(freed)}" if freed else ""
    return f"{words}{size} would be deleted" if is_dry else f"{words}{size} deleted"


def _amount(count: int, plural: str) -> str:
    return f"1 {plural.removesuffix('s')}" if count == 1 else f"{count:,} {plural}"
