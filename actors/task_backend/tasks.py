"""A task and its context, with what Headway adds to Django's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actors.task_backend.api import Task, TaskContext

if TYPE_CHECKING:
    from core.attempt.async_context import AsyncJobContext
    from core.attempt.context import JobContext


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadwayTask(Task):
    """A task whose job may be somebody's, about something, and submitted once."""

    #: The user whose job it is; None for the backend's option `owner`, else the site itself.
    owner: Any = None
    #: The saved object that the job is about.
    subject: Any = None
    #: The owner's key: the same one again answers with the same job.
    key: str = ""

    def using(self, *, owner: Any = None, subject: Any = None, key: str | None = None, **changes: Any) -> HeadwayTask:
        """Return the task with other values than its own, as Django's `using` does."""
        own = {"owner": owner, "subject": subject, "key": key}
        # `super()` would look for the class as it was before `slots` made another one.
        changed: HeadwayTask = Task.using(self, **changes)  # type: ignore[assignment]
        return replace(changed, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadwayTaskContext(TaskContext):  # type: ignore[misc]  # the stubs forget that Django's is frozen
    """The context of a task that takes one; `job` is that of its job, for progress, steps and files."""

    job: JobContext | AsyncJobContext
