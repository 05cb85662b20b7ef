"""Progress in memory: rate, stages, and what is written of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.attempt import shares
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


def stages_of(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "title": name, "state": "pending"} for name in names]


def percents(progress: Progress, *points: tuple[int, int | None]) -> list[float | None]:
    """Return what a page shows of the whole job after each count."""
    shown = []
    for done, total in points:
        progress.done, progress.total = done, total
        shown.append(page_of(progress).percent)
    return shown


def page_of(progress: Progress) -> JobProgress:
    return JobProgress(**progress.snapshot())


def test_the_percent_of_a_job_with_stages_never_goes_back() -> None:
    progress = Progress(stages=stages_of("read", "load", "publish"))
    shown = [page_of(progress).percent]
    progress.begin_stage("read")
    # A total that grows, and a second count of the same stage.
    shown += percents(progress, (0, 100), (96, 100), (96, 400), (10, 20))
    progress.begin_stage("load")
    shown += percents(progress, (0, None), (5, 0), (37, 100))
    progress.begin_stage("publish")
    shown += percents(progress, (0, 100), (100, 100))
    known = [percent for percent in shown if percent is not None]
    assert len(known) == len(shown)
    assert known == sorted(known)
    assert shown[2] == 32.0
    assert shown[-1] == 100.0


def test_stages_count_by_what_they_took() -> None:
    stages = [{**stage, "share": share} for stage, share in zip(stages_of("read", "load"), (0.1, 0.9), strict=True)]
    progress = Progress(stages=stages)
    progress.begin_stage("read")
    assert percents(progress, (50, 100)) == [5.0]
    progress.begin_stage("load")
    assert percents(progress, (50, 100)) == [55.0]


def test_a_job_with_a_stage_that_was_not_announced_has_no_percent() -> None:
    progress = Progress(stages=stages_of("read"))
    progress.begin_stage("read")
    assert percents(progress, (50, 100)) == [50.0]
    progress.begin_stage("more")
    progress.done, progress.total = 10, 100
    shown = page_of(progress)
    assert (shown.percent, shown.stage_percent, shown.scope) == (None, 10.0, "this stage")


def test_a_second_count_without_stages_says_no_percent_of_the_job_again() -> None:
    progress = Progress(stages=[])
    assert percents(progress, (10, 100), (100, 100), (0, 50), (10, 50), (50, 50)) == [10.0, 100.0, None, None, None]
    assert (page_of(progress).stage_percent, page_of(progress).scope) == (100.0, "this step")


def test_time_left_is_the_jobs_only_in_its_last_stage() -> None:
    stages = [
        {**stage, "state": state} for stage, state in zip(stages_of("a", "b"), ("running", "pending"), strict=True)
    ]
    shown = JobProgress(done=50, total=200, rate=10.0, stages=stages)
    assert (shown.eta_seconds, shown.stage_eta_seconds, shown.scope) == (None, 15.0, "this stage")
    stages[0]["state"], stages[1]["state"] = "done", "running"
    assert (shown.eta_seconds, shown.stage_eta_seconds, shown.scope) == (15.0, 15.0, "")


def test_shares_are_learnt_from_jobs_that_succeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_seconds", {})
    new = stages_of("read", "load", "publish")
    assert shares.with_shares("letters", new) == new
    took = zip(stages_of("read", "load", "publish"), (10.0, 90.0, 0.0), strict=True)
    shares.learn("letters", [{**stage, "started_at": 1000.0, "ended_at": 1000.0 + seconds} for stage, seconds in took])
    assert [stage["share"] for stage in shares.with_shares("letters", new)] == [0.1, 0.9, 0.02]
    assert shares.with_shares("others", new) == new
    # A stage of a newer version of the pipeline has taken no time yet.
    more = stages_of("read", "load", "publish", "tell")
    assert shares.with_shares("letters", more) == more
    # What was passed over says nothing.
    shares.learn("letters", stages_of("read", "load", "publish"))
    assert shares.with_shares("letters", new)[0]["share"] == 0.1
