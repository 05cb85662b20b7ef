"""The options of a task as a job: on its function, and in TASKS for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar, Unpack

from django import forms

from actors.task_backend.api import InvalidTaskBackend
from core.pipelines import checks
from core.pipelines.registry import PipelineOptions

Function = TypeVar("Function", bound=Callable[..., Any])

#: Under which a function keeps the options that `job_options` gave it.
_ATTRIBUTE = "headway_job_options"
#: What each task has unless it says otherwise: code enqueues it with whatever arguments it likes; a person must not.
_DEFAULTS: dict[str, Any] = {"is_for_staff": True}
#: The options that TASKS may set for all tasks of a backend.
_FOR_ALL = (
    "icon",
    "is_heavy",
    "max_attempts",
    "max_crashes",
    "limits",
    "retention_days",
    "time_limit",
    "notifies_owner",
    "counts_as_load",
    "on_cancel",
    "is_listed",
    "is_for_staff",
)


class JobOptions(PipelineOptions, total=False):
    """The options of `job_options`: those of a pipeline, but for the queue, which is the task's `queue_name`."""

    #: Of its pipeline, for one that stays when the function moves; otherwise made of the function's path.
    name: str
    title: str
    form: type[forms.Form]
    stages: Iterable[str | tuple[str, str]]
    preload: Iterable[ModuleType]


def job_options(**options: Unpack[JobOptions]) -> Callable[[Function], Function]:
    """Give a task's function the options that its jobs have; write it below `@task`.

    They are those of `core.pipelines.pipeline`. Other backends pass them over.
    """
    if "queue" in options:
        raise TypeError("a task's queue is its queue_name: write @task(queue_name=…)")
    checks.check_options(options, tuple(JobOptions.__annotations__))

    def mark(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, dict(options))
        return function

    return mark


def of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options that `job_options` gave the function."""
    return dict(getattr(function, _ATTRIBUTE, {}))


def for_all(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of all tasks of a backend, of its OPTIONS; raise InvalidTaskBackend for one that is none."""
    try:
        checks.check_options(given, ("owner", *_FOR_ALL))
    except ValueError as error:
        raise InvalidTaskBackend(f"TASKS has OPTIONS that are none: {error}.") from error
    return {**_DEFAULTS, **{name: value for name, value in given.items() if name != "owner"}}
