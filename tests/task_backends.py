"""Headway's backend where Django's own tests expect one that only keeps tasks, and one that runs them at once."""

from __future__ import annotations

from typing import Any

from actors.task_backend import HeadwayBackend
from core.attempt.attempts import Attempts
from core.models import Job


class Keeps(HeadwayBackend):
    """Has what Django's DummyBackend has: what was enqueued, to look at and to clear. No worker runs."""

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        # A task that fails is not tried again, as Django's backends do it.
        self._for_all["max_attempts"] = 1

    @property
    def results(self) -> list[Any]:
        return [self.get_result(str(pk)) for pk in Job.objects.order_by("pk").values_list("pk", flat=True)]

    def clear(self) -> None:
        Job.objects.all().delete()


class RunsAtOnce(Keeps):
    """Has a worker at hand, as if it were Django's ImmediateBackend."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        result = super().enqueue(task, args, kwargs)
        Attempts(worker="here:1").run(int(result.id))
        result.refresh()
        return result
