"""The context of the page of workers: the workers, the queues that they serve, and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from core import pipelines
from core.models import AlarmCount, Job, Worker
from core.models.states import CLAIMABLE, State
from core.operation import alarms, presence

#: The most jobs that are counted of a queue; of more the page says only that there are more.
COUNTED_JOBS = 1000

#: The words for each alarm; one that is not here is shown by its own name.
ALARMS = {
    alarms.UNREADABLE_MESSAGE: "Messages that could not be read",
    alarms.UNKNOWN_ACTOR: "Messages for work that no worker knows",
    alarms.WRONG_ARGUMENTS: "Messages with arguments that do not fit",
    alarms.UNKNOWN_PIPELINE: "Jobs of a pipeline that a worker does not know",
    alarms.STUCK_AT_STOP: "Jobs taken out of a stopping worker's hands",
    alarms.MAIL_UNKNOWN: "Mails that may or may not have been sent",
}


@dataclass(frozen=True)
class WorkerRow:
    """One worker process as its row shows it."""

    worker: Worker
    running: int
    is_gone: bool

    @property
    def state(self) -> str:
        """What it is doing: gone, stopping, busy, working or idle."""
        if self.is_gone:
            return "gone"
        if self.worker.is_stopping:
            return "stopping"
        if not self.running:
            return "idle"
        return "busy" if self.running >= self.worker.threads else "working"

    @property
    def words(self) -> str:
        words = {"gone": "Not heard of", "busy": "All threads busy"}
        return words.get(self.state, self.state.capitalize())


@dataclass(frozen=True)
class QueueRow:
    """One queue that pipelines use."""

    name: str
    pipelines: tuple[str, ...]
    threads: int
    #: Jobs that could start now, as far as they are counted.
    ready: int

    @property
    def is_unattended(self) -> bool:
        return not self.threads

    @property
    def has_more(self) -> bool:
        return self.ready >= COUNTED_JOBS


@dataclass(frozen=True)
class Alarm:
    """How often something happened that an operator should look into."""

    count: AlarmCount

    @property
    def title(self) -> str:
        return ALARMS.get(self.count.name, self.count.name.replace("_", " ").capitalize())


def context_of() -> dict[str, Any]:
    """Return what the page shows: workers, the queues that they serve, and alarms."""
    rows = workers()
    return {"workers": rows, "queues": queues(rows), "alarms": alarm_counts()}


def workers() -> list[WorkerRow]:
    """Return every worker, those that have reported lately first."""
    alive = {worker.name for worker in presence.alive()}
    running: Mapping[str, int] = dict(
        Job.objects.filter(state=State.RUNNING).values_list("worker").annotate(count=Count("pk")).order_by()
    )
    rows = [
        WorkerRow(worker, running=running.get(worker.name, 0), is_gone=worker.name not in alive)
        for worker in Worker.objects.order_by("name")
    ]
    return sorted(rows, key=lambda row: row.is_gone)


def queues(rows: list[WorkerRow]) -> list[QueueRow]:
    """Return every queue with the threads that take jobs from it."""
    threads: dict[str, int] = {}
    for row in rows:
        if not row.is_gone and not row.worker.is_stopping:
            for name in row.worker.queues:
                threads[name] = threads.get(name, 0) + row.worker.threads
    titles: dict[str, list[str]] = {}
    for spec in pipelines.every():
        titles.setdefault(spec.queue, []).append(spec.title)
    return [
        QueueRow(name, tuple(titles.get(name, ())), threads=threads.get(name, 0), ready=_ready(name))
        for name in pipelines.queues()
    ]


def alarm_counts() -> list[Alarm]:
    """Return the alarms, the latest first."""
    return [Alarm(count) for count in AlarmCount.objects.filter(count__gt=0).order_by("-last_at")]


def _ready(queue: str) -> int:
    due = Job.objects.filter(queue=queue, is_held=False, state__in=CLAIMABLE).order_by()
    return due[:COUNTED_JOBS].count()
