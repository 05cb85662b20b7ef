"""The acts that the tests of the core are made of, and what they look at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import connection

import tests.pipelines  # noqa: F401  registers them
from core import pipelines
from core.attempt.attempt import Attempt
from core.attempt.context import JobContext
from core.life.ledger import Claim, End, Ledger
from core.life.submission import submit
from core.models import Job, JobEvent, JobProgress
from core.models.states import State
from tests.services.waiting import PATIENCE_SECONDS

T = TypeVar("T")


class Work:
    """A function that counts how often it ran."""

    def __init__(self, result: Any = 1) -> None:
        self.result = result
        self.runs = 0

    def __call__(self) -> Any:
        self.runs += 1
        return self.result


def submit_job(owner: User, pipeline: str = "noop", **options: Any) -> Job:
    return Job.objects.get(pk=submit(pipeline, owner_id=owner.pk, **options).job_id)


def try_claim(job: Job, *, worker: str = "here:1") -> Claim | None:
    return Ledger(worker=worker).claim(job.pk)


def claim(job: Job, *, worker: str = "here:1") -> Claim:
    taken = try_claim(job, worker=worker)
    assert taken is not None, f"{job} was not to be had: {fresh(job).state}"
    return taken


def begin_attempt(job: Job, *, worker: str = "here:1") -> Attempt:
    """Claim the job and return its attempt, which nobody runs."""
    taken = claim(job, worker=worker)
    return Attempt(taken, pipelines.get(taken.pipeline))


def begin(job: Job, *, worker: str = "here:1") -> JobContext:
    """Claim the job and return its attempt's context."""
    return begin_attempt(job, worker=worker).context


def call(attempt: Attempt) -> Any:
    """Call the job's function as an attempt does, whatever it raises."""
    return attempt.call(attempt.context)


def end(attempt: Claim | JobContext, state: State = State.SUCCEEDED, **fields: Any) -> State | None:
    return Ledger(worker="here:1").end(End(job_id=attempt.job_id, fence=attempt.fence, state=state, **fields))


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def progress_of(job: Job) -> JobProgress:
    return JobProgress.objects.get(job=job)


def timeline(job: Job) -> list[str]:
    """The kinds of the job's events, the oldest first."""
    return list(JobEvent.objects.filter(job=job).values_list("kind", flat=True))


def in_threads(*acts: Callable[[], T]) -> list[T]:
    """Do all of it at the same time, each in a thread with its own connection; return the answers in order."""
    answers: dict[int, T] = {}
    errors: list[BaseException] = []
    start = threading.Barrier(len(acts))

    def act(number: int) -> None:
        try:
            start.wait(PATIENCE_SECONDS)
            answers[number] = acts[number]()
        except BaseException as error:  # noqa: BLE001  told to the test below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[number]) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return [answers[number] for number in range(len(acts))]
