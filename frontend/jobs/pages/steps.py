"""The steps of a job as its page shows them, in the order in which they began."""

from __future__ import annotations

import datetime as dt
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.life import fan_out
from core.models import Job, JobProgress, JobStep
from core.models.states import State
from frontend.jobs.pages.parts import FanOut, fan_outs_of

#: The most steps that a page lists, the newest ones.
LISTED_STEPS = 50

#: The words for the states of a step.
WORDS = {
    "done": "Done",
    "partial": "Ended",
    "running": "Running",
    "waiting": "Waiting",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}


@dataclass(frozen=True)
class Step:
    """One step as its line shows it."""

    key: str
    title: str
    state: str
    #: The attempt that completed it; None for a step that is not completed.
    attempt: int | None = None
    #: Seconds it took, once it is completed.
    seconds: float | None = None
    completed_at: dt.datetime | None = None
    #: When a step that is not completed began, in epoch seconds.
    started_at: float | None = None
    fan_out: FanOut | None = None

    @property
    def words(self) -> str:
        """Its state, in words."""
        if self.fan_out is None:
            return WORDS[self.state]
        if self.state == "waiting":
            return self.fan_out.words
        return f"{WORDS[self.state]} · {self.fan_out.words}"

    @property
    def is_current(self) -> bool:
        return self.state in ("running", "waiting")

    @property
    def began(self) -> dt.datetime | None:
        """When a running step began."""
        return dt.datetime.fromtimestamp(self.started_at, dt.UTC) if self.is_current and self.started_at else None

    @property
    def seconds_so_far(self) -> float | None:
        """Seconds since a running step began."""
        return max(0.0, time.time() - self.started_at) if self.is_current and self.started_at else None


@dataclass(frozen=True)
class Steps:
    """The steps of one job."""

    listed: tuple[Step, ...] = ()
    #: How many completed ones came before the listed ones.
    earlier: int = 0
    #: Whether the page lists stages already: then only what they can't show is visible at once.
    has_stages: bool = False

    def __bool__(self) -> bool:
        return bool(self.listed)

    @property
    def version(self) -> str:
        """Changes when something of it changes, except times that the page counts by itself."""
        return format(zlib.crc32(repr(self).encode()), "08x") if self.listed else ""

    @property
    def visible(self) -> tuple[Step, ...]:
        """The steps that are visible at once."""
        return tuple(step for step in self.listed if step.fan_out) if self.has_stages else self.listed

    @property
    def folded(self) -> tuple[Step, ...]:
        """All steps, folded, when the stages show most of the work."""
        return self.listed if self.has_stages else ()

    @property
    def words(self) -> str:
        """How many there are of each kind, in words."""
        counts = {state: sum(step.state == state for step in self.listed) for state in WORDS}
        counts["done"] += self.earlier + counts.pop("partial")
        return ", ".join(f"{count:,} {WORDS[state].lower()}" for state, count in counts.items() if count)

    @property
    def has_live_parts(self) -> bool:
        """Whether parts still live; those of a cancelled job end a moment after it."""
        return any(step.fan_out is not None and step.fan_out.live for step in self.listed)

    @property
    def waiting_for(self) -> FanOut | None:
        """The fan-out whose children the job waits for."""
        return next((step.fan_out for step in self.listed if step.state == "waiting" and step.fan_out), None)


def steps_of(job: Job, *, has_steps: bool = True, has_children: bool = True) -> Steps:
    """Return the job's steps, without queries for what it can't have."""
    progress: JobProgress | None = getattr(job, "progress", None)
    rows, earlier = _completed(job) if has_steps else ([], 0)
    fan_outs = {each.key: each for each in fan_outs_of(job)} if has_children else {}
    listed = [
        Step(
            key=row.key,
            title=row.title or fan_out.title_of(row.key),
            state=_state_then(fan_outs.get(row.key)),
            attempt=row.attempt,
            seconds=row.seconds,
            completed_at=row.completed_at,
            fan_out=fan_outs.pop(row.key, None),
        )
        for row in rows
    ]
    listed += _unfinished(job, progress.step if progress else None, fan_outs, done={row.key for row in rows})
    return Steps(tuple(listed), earlier, has_stages=bool(progress and progress.stages))


def _completed(job: Job) -> tuple[list[JobStep], int]:
    rows = list(JobStep.objects.filter(job=job).order_by("-pk").defer("result")[: LISTED_STEPS + 1])
    earlier = 0
    if len(rows) > LISTED_STEPS:
        rows = rows[:LISTED_STEPS]
        earlier = JobStep.objects.filter(job=job, pk__lt=rows[-1].pk).count()
    return rows[::-1], earlier


def _unfinished(job: Job, step: Any, fan_outs: dict[str, FanOut], *, done: set[str]) -> Iterable[Step]:
    """Yield the fan-outs that are not completed, and the step at which the last attempt was."""
    current = step if isinstance(step, dict) and step.get("key") not in done else {}
    key = str(current.get("key", ""))
    for other, fanned in fan_outs.items():
        if other != key:
            yield Step(key=other, title=fanned.title, state=_state_now("waiting", job, fanned), fan_out=fanned)
    if key:
        fanned_out = fan_outs.get(key)
        yield Step(
            key=key,
            title=str(current.get("title") or fan_out.title_of(key)),
            state=_state_now(str(current.get("state")), job, fanned_out),
            started_at=current.get("started_at"),
            fan_out=fanned_out,
        )


def _state_then(fanned_out: FanOut | None) -> str:
    """Return how a completed step ended: a fan-out counts as completed even if parts failed."""
    return "partial" if fanned_out is not None and fanned_out.lost else "done"


def _state_now(state: str, job: Job, fanned_out: FanOut | None) -> str:
    """Return the state of an incomplete step: what the last attempt wrote may be out of date."""
    if state in ("failed", "cancelled"):
        return state
    meanings = {
        State.RUNNING.value: "running",
        State.WAITING.value: "waiting" if fanned_out else "running",
        State.FAILED.value: "failed",
        State.CANCELLED.value: "cancelled",
        State.SUCCEEDED.value: "done",
    }
    if fanned_out and job.state == State.QUEUED:
        # Its children have ended and have woken it.
        return "waiting" if fanned_out.live else "running"
    return meanings.get(str(job.state), "interrupted")
