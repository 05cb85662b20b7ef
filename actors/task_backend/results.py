"""The result of a task, read from its job."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.utils.dateparse import parse_datetime

from actors.task_backend import registering
from actors.task_backend.api import (
    InvalidTask,
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
)
from actors.task_backend.arguments import NOTE, call_of
from core.attempt.outcomes import path_of
from core.errors import HeadwayError, JobCancelled, LeaseLost, PermanentError
from core.models import Job, JobEvent
from core.models.states import State

STATUS = {
    State.SCHEDULED: TaskResultStatus.READY,
    State.QUEUED: TaskResultStatus.READY,
    State.RETRYING: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.WAITING: TaskResultStatus.RUNNING,
    State.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
}

_Kind = JobEvent.Kind
_ENDS = (_Kind.RETRYING, _Kind.FAILED, _Kind.CANCELLED)
#: A job's id, as a column holds it.
_ID = re.compile(r"\d{1,18}\Z")


class ResultIsNoJSON(PermanentError):
    """Raised when a task has returned what can't be kept: its error, as Django names it, is a TypeError."""


#: Errors that a result names otherwise.
_REPORTED = {path_of(ResultIsNoJSON): path_of(TypeError)}


def get(result_id: str, *, alias: str) -> TaskResult:
    """Return the result of this id, of a task of the backend `alias`; raise TaskResultDoesNotExist."""
    job = Job.objects.filter(pk=int(result_id)).first() if _ID.match(str(result_id)) else None
    task = registering.find(job.pipeline) if job is not None and job.parent_id is None else None
    if job is None or task is None or job.params.get(NOTE, {}).get("backend", task.backend) != alias:
        raise TaskResultDoesNotExist(result_id)
    return of(job, as_enqueued(task, job))


def of(job: Job, task: Task) -> TaskResult:
    """Return the result of this job as its row and its events have it."""
    events: Iterable[JobEvent] = ()
    if job.fence or job.is_finished:
        kinds = (_Kind.CLAIMED, *_ENDS)
        events = list(JobEvent.objects.filter(job=job, kind__in=kinds).order_by("pk"))
    try:
        args, kwargs = call_of(task, job.params)
    except PermanentError:
        args, kwargs = [], {name: value for name, value in job.params.items() if name != NOTE}
    claims = [event for event in events if event.kind == _Kind.CLAIMED]
    result: TaskResult = TaskResult(
        task=task,
        id=str(job.pk),
        status=STATUS[State(job.state)],
        enqueued_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        last_attempted_at=claims[-1].at if claims else None,
        args=args,
        kwargs=kwargs,
        backend=task.backend,
        errors=[_error(event) for event in events if event.kind in _ENDS],
        worker_ids=_workers(job, claims),
    )
    if job.state == State.SUCCEEDED:
        change(result, _return_value=job.result)
    return result


def as_enqueued(task: Task, job: Job) -> Task:
    """Return the task with what `using` said of this job; a job that no code enqueued has the task as declared."""
    note = job.params.get(NOTE, {})
    run_after: dt.datetime | None = parse_datetime(note["run_after"]) if "run_after" in note else None
    try:
        return replace(
            task,
            priority=note.get("priority", 0) if note else task.priority,
            queue_name=job.queue,
            run_after=run_after,
            backend=note.get("backend", task.backend),
        )
    except InvalidTask:
        # Its queue is no longer one: the result is there all the same.
        return task


def change(result: TaskResult, **values: Any) -> None:
    """Set fields of a result, which is frozen for all others."""
    for name, value in values.items():
        object.__setattr__(result, name, value)


def error_of(error: BaseException, traceback: str) -> TaskError:
    """Return an error as results name it."""
    path = path_of(type(error))
    return TaskError(exception_class_path=_REPORTED.get(path, path), traceback=traceback)


def _error(event: JobEvent) -> TaskError:
    if event.kind == _Kind.CANCELLED:
        return TaskError(exception_class_path=path_of(JobCancelled), traceback="The job was cancelled.\n")
    # Without one it was ended over its head, as its worker was lost; or long ago, when no classes were kept.
    path = event.error_class or path_of(HeadwayError if event.detail else LeaseLost)
    return TaskError(exception_class_path=_REPORTED.get(path, path), traceback=event.detail or f"{event.text}\n")


def _workers(job: Job, claims: Iterable[JobEvent]) -> list[str]:
    """Return the worker of each attempt: a claim that was handed back is none, and has its number again."""
    by_attempt = {event.attempt: event.worker for event in claims}
    return [by_attempt.get(number, "") for number in range(1, job.attempt + 1)]
