"""The backend that TASKS names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.apps import apps
from django.core.checks import CheckMessage, Error

from actors.task_backend import options, registering
from actors.task_backend.api import (
    IS_DJANGOS,
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    Task,
    TaskResult,
    normalize_json,
    task_enqueued,
)
from actors.task_backend.tasks import HeadwayTask
from core import pipelines


class HeadwayBackend(BaseTaskBackend):
    """Runs each task as a job of its own pipeline."""

    task_class = HeadwayTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        #: The name of the account that owns what nobody else does; empty for the site's own.
        self.owner = str(self.options.get("owner") or "")
        self._for_all = options.for_all(self.options)
        try:
            pipelines.add_queues(self.queues)
        except ValueError as error:
            raise InvalidTaskBackend(f"TASKS[{alias!r}] has QUEUES that can't be: {error}.") from error

    def validate_task(self, task: Task[..., Any]) -> None:
        """Raise InvalidTask for what can't be run, and register what can. Django does so for each task that is made."""
        super().validate_task(task)
        registering.register(task, self._for_all)

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Submit the task's job, in the caller's transaction, and return its result as it is now.

        Raise TypeError for arguments that are no JSON, or that the function does not take; InvalidTask; Refused when
        the person whose job it would be has too much in hand.
        """
        from actors.task_backend import enqueuing

        self.validate_task(task)
        if task.queue_name not in pipelines.queues():
            # With an empty QUEUES Django takes any; its job would wait for ever.
            raise InvalidTask(
                f"Queue '{task.queue_name}' is not valid for backend: no worker listens to it. Name it in QUEUES."
            )
        job = enqueuing.submit(
            task,
            registering.register(task, self._for_all),
            args=cast(list[Any], normalize_json(list(args))),
            kwargs=cast(dict[str, Any], normalize_json(dict(kwargs))),
            alias=self.alias,
            owner=self.owner,
        )
        result = self._result(job, task)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> TaskResult[..., Any]:
        """Return the result of the job of this id; raise TaskResultDoesNotExist when no task of this backend has it."""
        from actors.task_backend import results

        return results.get(result_id, alias=self.alias)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Say what is wrong with how the site is set up."""
        errors: list[CheckMessage] = []
        if not apps.is_installed("actors"):
            errors.append(
                Error("TASKS names Headway's backend, and INSTALLED_APPS has no 'actors'.", id="headway.E003")
            )
        if IS_DJANGOS and apps.is_installed("django_tasks"):
            errors.append(
                Error(
                    "Django has tasks of its own, which Headway runs, and INSTALLED_APPS has 'django_tasks' as well.",
                    hint="Take 'django_tasks' out, and import from django.tasks: Headway sends those signals.",
                    id="headway.E003",
                )
            )
        return errors

    def _result(self, job: Any, task: Task[..., Any]) -> TaskResult[..., Any]:
        from actors.task_backend import results

        return results.of(job, task)
