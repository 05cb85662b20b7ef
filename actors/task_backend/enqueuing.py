"""From a call of `enqueue` to a job."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from actors.task_backend.api import InvalidTask, Task
from actors.task_backend.arguments import NOTE, bound
from core.database.clock import database_now
from core.life import backpressure, submission
from core.models import Job
from core.models.job import Priority, subject_columns
from core.people.users import system_user


def submit(task: Task, pipeline: str, *, args: list[Any], kwargs: dict[str, Any], alias: str, owner: str) -> Job:
    """Submit the job and return it. Raise TypeError where the function does not take the arguments."""
    note: dict[str, Any] = {"backend": alias}
    if args:
        note["positional"] = len(args)
    if task.priority:
        note["priority"] = task.priority
    if task.run_after is not None:
        note["run_after"] = task.run_after.isoformat()
    params = {**bound(task, args, kwargs), NOTE: note}
    person, subject, key = (getattr(task, name, None) for name in ("owner", "subject", "key"))
    if person is not None:
        # A person's job counts as theirs; what the site enqueues for itself is not refused.
        backpressure.check(person.pk, key=key or "")
    submitted = submission.submit(
        pipeline,
        owner_id=person.pk if person is not None else _owner_id(owner),
        params=params,
        key=key or "",
        delay_seconds=_delay_seconds(task),
        priority=priority_of(task.priority),
        subject=subject_columns(subject),
        queue=task.queue_name,
    )
    return Job.objects.get(pk=submitted.job_id)


def priority_of(number: int) -> Priority:
    """Return the priority of a job for one of Django's, from -100 to 100: there are three."""
    if number == 0:
        return Priority.NORMAL
    return Priority.URGENT if number > 0 else Priority.LOW


def _owner_id(name: str) -> Any:
    if not name:
        return system_user().pk
    model = get_user_model()
    try:
        return model._default_manager.get(**{model.USERNAME_FIELD: name}).pk
    except model.DoesNotExist:
        raise InvalidTask(f"TASKS has OPTIONS with the owner {name!r}, and there is no such account.") from None


def _delay_seconds(task: Task) -> float:
    if task.run_after is None:
        return 0.0
    at = task.run_after if timezone.is_aware(task.run_after) else timezone.make_aware(task.run_after)
    return max(0.0, (at - database_now()).total_seconds())
