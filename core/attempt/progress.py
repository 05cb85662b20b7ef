"""An attempt's progress in memory: free to change in a hot loop, written by the keeper a few times a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

#: Seconds of history that the rate is taken over.
RATE_WINDOW_SECONDS = 15.0
_NOTE_LENGTH = 255
#: The largest count a column holds.
_LARGEST = 2**63 - 1


@dataclass
class Progress:
    """What the job's page shows of an attempt; changed by its thread, read by the keeper's."""

    stages: list[dict[str, Any]]
    done: int = 0
    total: int | None = None
    unit: str = ""
    note: str = ""
    #: What a stage had reached counts within the same attempt alone.
    attempt: int = 1
    #: Whether the stages, or without any the count, are the whole job.
    is_whole: bool = True
    is_dirty: bool = False
    #: The share of its total that a count without stages had at the last snapshot.
    _reached: float = 0.0
    _points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    def begin_stage(self, name: str, title: str = "") -> None:
        """End the running stage as done and begin this one, which is added when it was not announced."""
        self.end_stage("done")
        stage = next((entry for entry in self.stages if entry["name"] == name), None)
        if stage is None:
            stage = {"name": name, "title": title or name.replace("_", " ").capitalize()}
            self.stages.append(stage)
            # How many more will come nobody knows.
            self.is_whole = False
        for earlier in self.stages:
            if earlier is stage:
                break
            # A stage that this attempt passes over was completed by an earlier one.
            if earlier["state"] == "pending":
                earlier["state"] = "done"
        if stage.get("attempt") != self.attempt:
            stage.pop("reached", None)
        stage |= {"state": "running", "started_at": round(time.time(), 3), "ended_at": None, "attempt": self.attempt}
        self.done, self.total, self.unit, self.note = 0, None, "", ""
        self._points.clear()
        self.is_dirty = True

    def end_stage(self, state: str) -> None:
        """End the running stage, if there is one, as done, failed or cancelled."""
        for stage in self.stages:
            if stage["state"] == "running":
                stage |= {"state": state, "ended_at": round(time.time(), 3)}
                if state == "done" and self.total is not None:
                    stage |= {"done": self.done, "unit": self.unit}
                self.is_dirty = True

    def pass_stages(self) -> None:
        """Mark the stages as done that nobody began."""
        for stage in self.stages:
            if stage["state"] == "pending":
                stage["state"] = "done"

    def snapshot(self) -> dict[str, Any]:
        """Return what is to be written, and mark it as written."""
        # Cleared first: a change that comes while this is read is written the next time.
        self.is_dirty = False
        done, now = _whole(self.done) or 0, time.monotonic()
        self._reach(done, _whole(self.total))
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[0][0] > RATE_WINDOW_SECONDS:
            self._points.popleft()
        return {
            "stages": [dict(stage) for stage in self.stages],
            "done": done,
            "total": _whole(self.total),
            "unit": str(self.unit)[:20],
            "note": str(self.note)[:_NOTE_LENGTH],
            "rate": self._rate(),
            "is_whole": self.is_whole,
        }

    def _reach(self, done: int, total: int | None) -> None:
        """Note how far the count is at most, so that no percent goes back."""
        share = max(0.0, min(1.0, done / total)) if total and total > 0 else 0.0
        stage = next((entry for entry in self.stages if entry["state"] == "running"), None)
        if stage is not None:
            if share:
                stage["reached"] = max(round(share, 4), stage.get("reached") or 0.0)
        elif not self.stages:
            if share < self._reached:
                # A second count: the first was not the whole job.
                self.is_whole = False
            self._reached = share

    def _rate(self) -> float | None:
        if len(self._points) < 2:
            return None
        (first_at, first), (last_at, last) = self._points[0], self._points[-1]
        if last_at - first_at < 0.2 or last <= first:
            return None
        return round((last - first) / (last_at - first_at), 3)


class Stage:
    """A stage that has begun; as a context manager it ends with the block."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._progress.end_stage("done")


def _whole(value: Any) -> int | None:
    """Return a count within the column's range, or None: a wrong count must not stop the others' writes."""
    try:
        return max(-_LARGEST, min(int(value), _LARGEST))
    except (TypeError, ValueError, OverflowError):
        return None
