"""What the next attempt finds of how far the last one was."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt import shares
from core.attempt.display import Display
from core.life.ledger import Claim
from core.models import JobProgress
from core.models.states import State
from tests.unit.core.acts import submit_job

pytestmark = pytest.mark.django_db

STAGES = (("read", "Read"), ("render", "Render"))


@pytest.fixture
def job_id(alice: User) -> int:
    """A job that nobody has claimed yet, with its progress row."""
    return submit_job(alice).pk


@pytest.fixture(autouse=True)
def nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_seconds", {})


def claim_of(job_id: int, *, fence: int, attempt: int = 1) -> Claim:
    return Claim(
        job_id=job_id, fence=fence, attempt=attempt, pipeline="letters", owner_id=1, params={}, max_attempts=5,
        crashes=0, max_crashes=3,
    )  # fmt: skip


def write(job_id: int, snapshot: dict[str, Any]) -> JobProgress:
    names = ("stages", "done", "total", "is_whole", "step")
    JobProgress.objects.filter(job=job_id).update(**{name: snapshot[name] for name in names})
    return JobProgress.objects.get(job=job_id)


def percent_of(display: Display, job_id: int) -> float | None:
    return write(job_id, display.snapshot()).percent


def waited(job_id: int) -> list[float | None]:
    """Let a job wait for parts in its second stage, half of which end, and return its percents."""
    first = Display(claim_of(job_id, fence=1), STAGES)
    first.progress.begin_stage("read")
    first.progress.begin_stage("render")
    first.begin_wait("render", "Render", total=40, unit="pages")
    shown = [percent_of(first, job_id)]
    ended = first.last(State.WAITING)
    assert ended is not None
    write(job_id, ended)
    JobProgress.objects.filter(job=job_id).update(done=40)
    return [*shown, JobProgress.objects.get(job=job_id).percent]


def test_a_job_that_waited_goes_on_from_its_percent(job_id: int) -> None:
    assert waited(job_id) == [50.0, 100.0]
    JobProgress.objects.filter(job=job_id).update(done=20)
    second = Display(claim_of(job_id, fence=2), STAGES)
    shown = [percent_of(second, job_id)]
    second.progress.begin_stage("render")
    shown.append(percent_of(second, job_id))
    second.progress.done, second.progress.total = 10, 100
    shown.append(percent_of(second, job_id))
    assert shown == [75.0, 75.0, 75.0]


def test_a_new_attempt_has_lost_what_the_last_one_had_of_a_stage(job_id: int) -> None:
    waited(job_id)
    second = Display(claim_of(job_id, fence=2, attempt=2), STAGES)
    assert percent_of(second, job_id) == 50.0


def test_a_job_without_stages_that_waits_has_no_percent_of_the_whole(job_id: int) -> None:
    JobProgress.objects.filter(job=job_id).update(stages=[])
    first = Display(claim_of(job_id, fence=1), ())
    first.begin_wait("render", "Render", total=40, unit="pages")
    assert percent_of(first, job_id) is None
    second = Display(claim_of(job_id, fence=2), ())
    second.progress.done, second.progress.total = 10, 100
    assert percent_of(second, job_id) is None
