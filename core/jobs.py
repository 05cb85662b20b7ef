"""Jobs, for the code of the site: submit them, look at them, wait for them, cancel and retry them.

    from core.jobs import submit

    job = submit("invoice", owner=request.user, params={"month": "2026-10"}, subject=order)

docs/python.md shows each. What is submitted is checked by the pipeline's form, as on its page, and is written in the
caller's transaction: rolled back with it, the job was never there; after the commit a worker takes it. The functions
that begin with `a` do the same for `async` code.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import CannotWait, InvalidParams, Refused, UnknownPipeline

# Models are loaded once Django is set up, and this module may be imported before.
if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import Model

    from core.forms.by_code import Files
    from core.models import Job
    from core.models.job import Priority

__all__ = [
    "CannotWait",
    "InvalidParams",
    "JobRequest",
    "Refused",
    "UnknownPipeline",
    "acancel",
    "aget",
    "aretry",
    "asubmit",
    "asubmit_many",
    "await_end",
    "cancel",
    "get",
    "retry",
    "submit",
    "submit_many",
    "wait",
]

#: Seconds between two looks of `wait`: the first, and the longest.
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 1.0
#: Who acts, on timelines and in the audit trail, when code does not say.
_BY = "code"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One of many jobs that `submit_many` is to submit; the fields are those of `submit`."""

    params: Mapping[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    key: str = ""
    subject: Model | None = None


def submit(
    pipeline: str,
    *,
    owner: AbstractBaseUser,
    params: Mapping[str, Any] | None = None,
    files: Files | None = None,
    key: str = "",
    subject: Model | None = None,
    delay: float | dt.timedelta | None = None,
    run_at: dt.datetime | None = None,
    priority: Priority | str = "normal",
) -> Job:
    """Submit a job of the pipeline of this name for its owner, and return it.

    `params` are the values of the form's fields, `files` those of its file fields: a path, a file open for reading
    bytes, `(name, bytes)`, or a file of Django's; a list of them for a field that takes several. With a `key` the same
    owner's same key again answers with the same job. `subject` is the saved object that the job is about. It starts
    `delay` seconds later, or at the aware time `run_at`. `priority` is `low`, `normal` or `urgent`.

    Raise UnknownPipeline; InvalidParams, with the form's sentences by field, when the form does not take the values;
    Refused when the owner or the site has too much in hand. Nothing was stored then.
    """
    from core import pipelines
    from core.forms import by_code

    spec = pipelines.get(pipeline)
    with by_code.filled_in(spec, user=owner, params=params, files=files) as entry:
        submission = entry.submit(
            key=key,
            priority=_priority(priority),
            delay_seconds=_delay_seconds(delay, run_at),
            subject=_columns(subject),
        )
    return get(submission.job_id)


def submit_many(
    pipeline: str,
    requests: Iterable[JobRequest | Mapping[str, Any]],
    *,
    owner: AbstractBaseUser,
    delay: float | dt.timedelta | None = None,
    run_at: dt.datetime | None = None,
    priority: Priority | str = "normal",
) -> list[Job]:
    """Submit many jobs of one pipeline at once and return them in order; a plain dict is one job's `params`.

    All of them or none: raise what `submit` raises, for the first that is not accepted.
    """
    from core import pipelines
    from core.forms import by_code
    from core.life import backpressure, submission
    from core.models import Job

    spec = pipelines.get(pipeline)
    wanted = [each if isinstance(each, JobRequest) else JobRequest(params=each) for each in requests]
    delay_seconds, orders, staged = _delay_seconds(delay, run_at), [], 0
    with ExitStack() as forms:
        entries = []
        for number, each in enumerate(wanted, 1):
            try:
                form = by_code.filled_in(spec, user=owner, params=each.params, files=each.files)
                entries.append(forms.enter_context(form))
            except InvalidParams as error:
                raise error.of_number(number) from error
            staged += entries[-1].staged_bytes()
        if wanted:
            backpressure.check(owner.pk, staged_bytes=staged, jobs=len(wanted))
        for each, entry in zip(wanted, entries, strict=True):
            params, files, label = entry.filled_in()
            orders.append(
                submission.Order(
                    params=params,
                    files=files,
                    label=label,
                    key=each.key,
                    delay_seconds=delay_seconds,
                    subject=_columns(each.subject) or (None, ""),
                )
            )
        ids = submission.submit_many(pipeline, orders, owner_id=owner.pk, priority=_priority(priority))
    jobs = Job.objects.in_bulk(ids)
    return [jobs[pk] for pk in ids]


def get(job_id: int) -> Job:
    """Return the job of this id as it is now; raise `Job.DoesNotExist`."""
    from core.models import Job

    return Job.objects.get(pk=job_id)


def wait(job: Job | int, *, timeout: float | None = None) -> Job:
    """Wait until the job has ended and return it as it is then: succeeded, failed or cancelled.

    For scripts, commands and tests. Raise TimeoutError after `timeout` seconds; the job goes on. Raise CannotWait
    inside a request, which would hold its thread and its person, and inside a transaction, which may hide the end, or
    the job itself, from everybody.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    look = _FIRST_LOOK
    while True:
        latest = _look(job)
        if not latest.is_live:
            return latest
        left = _left(latest, deadline, timeout)
        time.sleep(min(look, left))
        look = min(look * 1.5, _LONGEST_LOOK)


async def await_end(job: Job | int, *, timeout: float | None = None) -> Job:
    """Do what `wait` does, for async code: nothing is blocked meanwhile."""
    from asgiref.sync import sync_to_async

    deadline = None if timeout is None else time.monotonic() + timeout
    look = _FIRST_LOOK
    while True:
        latest = await sync_to_async(_look)(job)
        if not latest.is_live:
            return latest
        await asyncio.sleep(min(look, _left(latest, deadline, timeout)))
        look = min(look * 1.5, _LONGEST_LOOK)


def cancel(job: Job | int, *, by: str = _BY) -> Job:
    """Ask for the job's end and return the job; raise Refused when it has ended, or is being cancelled already.

    One that nobody runs is cancelled at once, a running one within seconds: `wait` for it. `by` is who acts, for its
    timeline and the audit trail.
    """
    from core.life import requests

    requests.cancel(_as_job(job), by=by)
    return get(_id(job))


def retry(job: Job | int, *, by: str = _BY, from_start: bool = False) -> Job:
    """Run a failed or cancelled job again and return it; raise Refused in any other state.

    It goes on after its last completed step; with `from_start` what it has made is deleted first.
    """
    from core.life import requests

    requests.retry(_as_job(job), by=by, from_start=from_start)
    return get(_id(job))


# -- for async code -------------------------------------------------------------------------------------


async def asubmit(pipeline: str, **options: Any) -> Job:
    """Do what `submit` does, for async code."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(submit)(pipeline, **options)


async def asubmit_many(pipeline: str, requests: Iterable[JobRequest | Mapping[str, Any]], **options: Any) -> list[Job]:
    """Do what `submit_many` does, for async code."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(submit_many)(pipeline, list(requests), **options)


async def aget(job_id: int) -> Job:
    """Do what `get` does, for async code."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(get)(job_id)


async def acancel(job: Job | int, *, by: str = _BY) -> Job:
    """Do what `cancel` does, for async code."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(cancel)(job, by=by)


async def aretry(job: Job | int, *, by: str = _BY, from_start: bool = False) -> Job:
    """Do what `retry` does, for async code."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(retry)(job, by=by, from_start=from_start)


# -- what the callers give --------------------------------------------------------------------------------


def _priority(given: Priority | str) -> Priority:
    from core.models.job import Priority

    if isinstance(given, Priority):
        return given
    names = {each.name.lower(): each for each in Priority}
    if given not in names:
        raise ValueError(f"priority {given!r}: write low, normal or urgent")
    return names[given]


def _delay_seconds(delay: float | dt.timedelta | None, run_at: dt.datetime | None) -> float:
    if delay is not None and run_at is not None:
        raise ValueError("give delay or run_at, not both")
    if run_at is not None:
        from core.database.clock import database_now

        if run_at.tzinfo is None:
            raise ValueError(f"run_at {run_at}: a time without a zone could be any; use django.utils.timezone")
        return max(0.0, (run_at - database_now()).total_seconds())
    seconds = delay.total_seconds() if isinstance(delay, dt.timedelta) else float(delay or 0)
    if seconds < 0:
        raise ValueError(f"delay {delay!r}: a job can't start before it is submitted")
    return seconds


def _columns(subject: Model | None) -> tuple[int | None, str] | None:
    from core.models.job import subject_columns

    return None if subject is None else subject_columns(subject)


def _id(job: Job | int) -> int:
    return job if isinstance(job, int) else job.pk


def _as_job(job: Job | int) -> Job:
    return get(job) if isinstance(job, int) else job


# -- waiting ----------------------------------------------------------------------------------------------


def _look(job: Job | int) -> Job:
    """Return the job as it is; raise CannotWait where it has not ended and its end can't be waited for."""
    from django.db import connection

    from core.operation import serving

    latest = get(_id(job))
    if latest.is_live:
        if serving.is_in_request():
            raise CannotWait(
                f"Job {latest.pk} can't be waited for in a request: answer, and let the page follow it, or have "
                "code called by core.signals.job_ended."
            )
        if connection.in_atomic_block:
            raise CannotWait(
                f"Job {latest.pk} can't be waited for in a transaction: its worker does not see it before the commit, "
                "nor may this transaction see its end. Wait after the atomic block."
            )
    return latest


def _left(job: Job, deadline: float | None, timeout: float | None) -> float:
    """Return the seconds that are left; raise TimeoutError when none are."""
    left = float("inf") if deadline is None else deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"job {job.pk} is still {job.state} after {timeout:g} seconds; it goes on")
    return left
