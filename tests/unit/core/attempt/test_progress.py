"""Progress in memory: rate, stages, and what is written of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.attempt.progress import RATE_WINDOW_SECONDS, Progress
from core.models import JobProgress


class Monotonic:
    """A process's clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def counted(progress: Progress, clock: Monotonic, *points: tuple[float, int]) -> dict[str, Any]:
    """Return the last snapshot after counting to each `done` some seconds after the one before."""
    shown: dict[str, Any] = {}
    for seconds, done in points:
        clock.now += seconds
        progress.done = done
        shown = progress.snapshot()
    return shown


def test_the_rate_is_that_of_the_last_seconds(monotonic: Monotonic) -> None:
    progress = Progress(stages=[])
    assert counted(progress, monotonic, (0, 0))["rate"] is None
    assert counted(progress, monotonic, (1, 100))["rate"] == 100.0
    # An old burst leaves the window: only what came since counts.
    shown = counted(progress, monotonic, *[(1.0, 100 + step) for step in range(1, 20)])
    assert shown["rate"] == pytest.approx(1.0, rel=0.1)
    assert RATE_WINDOW_SECONDS < 20


def test_there_is_no_rate_while_nothing_moves(monotonic: Monotonic) -> None:
    progress = Progress(stages=[])
    assert counted(progress, monotonic, (0, 5), (1, 5), (1, 5))["rate"] is None


def test_the_rate_starts_anew_with_a_stage(monotonic: Monotonic) -> None:
    progress = Progress(stages=[])
    progress.begin_stage("read")
    counted(progress, monotonic, (0, 0), (1, 1000))
    progress.begin_stage("write")
    assert counted(progress, monotonic, (1, 0))["rate"] is None
    assert counted(progress, monotonic, (1, 10))["rate"] == 10.0


@pytest.mark.parametrize(
    ("done", "total", "rate", "percent", "eta"),
    [
        (50, 200, 10.0, 25.0, 15.0),
        (0, 200, None, 0.0, None),
        (50, None, 10.0, None, None),
        (0, 0, 10.0, None, None),
        (200, 200, 10.0, 100.0, 0.0),
        (300, 200, 10.0, 100.0, None),
        (-5, 200, 0.0, 0.0, None),
    ],
)
def test_percent_and_eta_are_said_only_when_they_can_be(
    done: int, total: int | None, rate: float | None, percent: float | None, eta: float | None
) -> None:
    shown = JobProgress(done=done, total=total, rate=rate)
    assert shown.percent == percent
    assert shown.eta_seconds == eta


def test_a_snapshot_is_clean_and_a_change_makes_it_dirty(monotonic: Monotonic) -> None:
    progress = Progress(stages=[])
    progress.begin_stage("read")
    seen = [progress.is_dirty]
    progress.snapshot()
    seen.append(progress.is_dirty)
    progress.end_stage("done")
    seen.append(progress.is_dirty)
    assert seen == [True, False, True]


def test_a_new_stage_ends_the_one_before_and_resets_the_counts() -> None:
    progress = Progress(stages=[{"name": "read", "title": "Read", "state": "pending"}])
    progress.begin_stage("read")
    progress.done, progress.total, progress.unit, progress.note = 7, 7, "rows", "almost"
    progress.begin_stage("write_it")
    read, write = progress.snapshot()["stages"]
    assert (read["state"], read["done"], read["unit"]) == ("done", 7, "rows")
    assert (write["name"], write["title"], write["state"]) == ("write_it", "Write it", "running")
    assert read["started_at"] <= read["ended_at"] <= write["started_at"]
    shown = progress.snapshot()
    assert [shown[name] for name in ("done", "total", "unit", "note")] == [0, None, "", ""]


def test_stages_that_an_attempt_passes_over_were_done_before() -> None:
    stages = [{"name": name, "title": name, "state": "pending"} for name in ("a", "b", "c")]
    progress = Progress(stages=stages)
    progress.begin_stage("b")
    assert [stage["state"] for stage in progress.stages] == ["done", "running", "pending"]


def test_a_stage_may_be_entered_again() -> None:
    progress = Progress(stages=[])
    progress.begin_stage("read")
    progress.begin_stage("write")
    progress.begin_stage("read")
    assert [(stage["name"], stage["state"]) for stage in progress.stages] == [
        ("read", "running"),
        ("write", "done"),
    ]
    assert progress.stages[0]["ended_at"] is None


def test_a_snapshot_does_not_change_with_what_comes_after() -> None:
    progress = Progress(stages=[])
    progress.begin_stage("read")
    shown = progress.snapshot()
    progress.end_stage("failed")
    assert shown["stages"][0]["state"] == "running"


def test_texts_are_cut_to_their_columns() -> None:
    shown = Progress(stages=[], unit="u" * 50, note="n" * 500).snapshot()
    assert (len(shown["unit"]), len(shown["note"])) == (20, 255)


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (1.9, 2.9, (1, 2)),
        (float("nan"), float("inf"), (0, None)),
        (None, None, (0, None)),
        (2**70, 2**70, (2**63 - 1, 2**63 - 1)),
    ],
)
def test_counts_become_what_their_columns_hold(done: Any, total: Any, expected: tuple[int, int | None]) -> None:
    shown = Progress(stages=[], done=done, total=total).snapshot()
    assert (shown["done"], shown["total"]) == expected
