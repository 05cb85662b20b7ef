"""What the tests of requests share: jobs in a state, with something made, and whether an act was accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from core.attempt.context import JobContext
from core.errors import Refused
from core.life import requests
from core.models import Dataset, Job
from core.models.states import State
from tests.unit.core.acts import (
    claim,
    end,
    fresh,
    submit_job,
)


def make_something(ctx: JobContext, text: str = "made") -> Path:
    """Complete a step, publish a file and a dataset."""
    path = ctx.folder / "out.txt"
    path.write_text(text)
    ctx.step("first", lambda: 1)
    ctx.add_artifact(path)
    Dataset.objects.create(owner_id=ctx.owner_id, job_id=ctx.job_id, name="d", parquet_path=ctx.key(path))
    return path


def is_accepted(act: Callable[..., object], *arguments: Any, **named: Any) -> bool:
    """Do it with the job as it is now, and say whether it was not refused."""
    try:
        act(*[fresh(each) if isinstance(each, Job) else each for each in arguments], **named)
    except Refused:
        return False
    return True


def in_state(owner: User, state: State) -> Job:
    """Return a job in this state, the way it gets there."""
    job = submit_job(owner, delay_seconds=60 if state == State.SCHEDULED else 0)
    if state == State.CANCELLED:
        requests.cancel(job, by="alice")
    elif state not in (State.QUEUED, State.SCHEDULED):
        taken = claim(job)
        if state != State.RUNNING:
            end(taken, state, delay=60)
    return fresh(job)


def fail(job: Job) -> None:
    end(claim(job), State.FAILED, error="no")
