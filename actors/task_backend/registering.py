"""A task as a pipeline of its own: it has a page, limits, retries, schedules and metrics like any other."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.forms.utils import pretty_name

from actors.task_backend import forms, options, running
from actors.task_backend.api import InvalidTask, Task
from actors.task_backend.arguments import NOTE, signature_of
from core import pipelines
from core.pipelines import InvalidPipeline

#: Characters of a name that is made of a path; of a longer one the end, after a hash of the whole.
_LONGEST, _END, _HASH = 79, 60, 10

_tasks: dict[str, Task] = {}


def register(task: Task, for_all: Mapping[str, Any]) -> str:
    """Make the task's function a pipeline, unless it is one already, and return the pipeline's name.

    Raise InvalidTask, with the place of the function, for what can't be one.
    """
    own = options.of(task.func)
    name = str(own.pop("name", "")) or name_of(task.func)
    existing = _tasks.get(name)
    if existing is not None:
        if existing.module_path != task.module_path:
            raise InvalidTask(
                f"{task.module_path} and {existing.module_path} would both be the pipeline {name!r}: give one of them "
                "another name by @job_options(name=…)."
            )
        is_same = existing.func is task.func and existing.takes_context == task.takes_context
        if is_same and pipelines.find(name) is not None:
            return name
    signature = signature_of(task)
    if NOTE in signature.parameters:
        raise InvalidTask(f"{task.module_path} has a parameter {NOTE!r}, which is Headway's own: name it otherwise.")
    register_pipeline: Any = pipelines.pipeline
    chosen = {**_usual(task, signature), **for_all, **own}
    try:
        register_pipeline(**chosen, name=name, queue=task.queue_name)(run_of(task))
    except InvalidPipeline as error:
        raise InvalidTask(str(error)) from error
    _tasks[name] = task
    return name


def find(pipeline: str) -> Task | None:
    """Return the task that is the pipeline of this name, as it was declared."""
    task = _tasks.get(pipeline)
    return task if task is not None and pipelines.find(pipeline) is not None else None


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function's pipeline: `shop.tasks.send_receipt` is `shop_tasks_send_receipt`."""
    path = f"{function.__module__}.{function.__qualname__}"
    name = re.sub(r"[^a-z0-9_]", "_", path.lower())
    if len(name) <= _LONGEST and name[0].isalpha():
        return name
    return f"task_{hashlib.sha256(path.encode()).hexdigest()[:_HASH]}_{name[-_END:]}"


def run_of(task: Task) -> Callable[..., Any]:
    """Return the pipeline's function, which calls the task's."""
    run: Any
    if inspect.iscoroutinefunction(task.func):

        async def run(ctx: Any, /, **params: Any) -> Any:
            return await running.perform_async(task, ctx, params)

    else:

        def run(ctx: Any, /, **params: Any) -> Any:
            return running.perform(task, ctx, params)

    signature = inspect.signature(run)
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(run, name, getattr(task.func, name))
    # The first is for whoever looks for its file and line, the second for whoever calls it.
    run.__wrapped__, run.__signature__ = task.func, signature
    return run  # type: ignore[no-any-return]


def _usual(task: Task, signature: inspect.Signature) -> dict[str, Any]:
    text = inspect.getdoc(task.func) or ""
    return {
        "title": pretty_name(task.func.__name__.strip("_")) or task.name,
        "description": text.partition("\n\n")[0].replace("\n", " "),
        "form": forms.form_of(task.func, signature),
    }
