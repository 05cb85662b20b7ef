"""What an attempt shows of itself while it works: stages, progress, a note, lines of the timeline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

from core.attempt.fencing import FencedAttempt
from core.attempt.progress import Progress
from core.database.jsontext import storable
from core.life.ledger import Claim
from core.models import JobEvent, JobProgress
from core.pipelines import Pipeline

T = TypeVar("T")

#: Seconds from which a running step is shown on the job's page.
SHOWN_SECONDS = 0.2


class ShownAttempt(FencedAttempt):
    """An attempt with its progress. Changed by its own thread; the keeper writes what has changed."""

    def __init__(self, claim: Claim, spec: Pipeline) -> None:
        super().__init__(claim)
        self.spec = spec
        #: The step that has begun and is not completed, as JobProgress.step describes it.
        self.step_now: dict[str, Any] | None = None
        #: Set when the function has returned and only its end is to be written.
        self.is_over = False
        self._step_written: dict[str, Any] | None = None

    @cached_property
    def shown(self) -> Progress:
        """The progress in memory. A second attempt goes on from what the first had shown."""
        stages: list[dict[str, Any]] = [
            {"name": name, "title": title, "state": "pending"} for name, title in self.stages
        ]
        if self.fence > 1:
            known = JobProgress.objects.filter(job_id=self.job_id).values_list("stages", flat=True).first()
            stages = [
                stage if stage.get("state") == "done" else {**stage, "state": "pending"} for stage in known or stages
            ]
        return Progress(stages=stages)

    @property
    def stages(self) -> tuple[tuple[str, str], ...]:
        """The (name, title) of the stages that are announced; a child's function announces none."""
        return () if self.task else self.spec.stages

    def snapshot(self) -> dict[str, Any]:
        """Return the progress as it is to be written, and call it clean."""
        self._step_written = self.step_now
        return {**self.shown.snapshot(), "step": self.step_now}

    @property
    def is_changed(self) -> bool:
        """Whether there is progress to be written. Short steps are not worth a write of their own."""
        if self.is_over:
            # The last progress is in its end.
            return False
        if "shown" in self.__dict__ and self.shown.is_dirty:
            return True
        step = self.step_now
        return step is not None and step is not self._step_written and time.time() > step["started_at"] + SHOWN_SECONDS

    def stage(self, name: str, title: str = "") -> Stage:
        """Begin a stage; the one before it is done. Also a context manager that ends it."""
        self.check()
        self.shown.begin_stage(name, title)
        return Stage(self)

    def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None:
        """Say how far the current stage is. Costs next to nothing: call it in a hot loop.

        `total` None means that the amount of work is not known (yet).
        """
        shown = self.shown
        shown.done, shown.total = done, total
        if unit is not None:
            shown.unit = unit
        if note is not None:
            shown.note = note
        shown.is_dirty = True
        if self.stop is not None:
            self.check()

    def track(self, items: Iterable[T], *, total: int | None = None, unit: str = "items") -> Iterator[T]:
        """Yield the items and count them as progress; the total is their number when they have one."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        self.progress(0, total, unit=unit)
        for count, item in enumerate(items, 1):
            yield item
            self.progress(count, total)

    def note(self, text: str) -> None:
        """Show one line beside the progress bar."""
        self.shown.note = text
        self.shown.is_dirty = True
        self.check()

    def log(self, text: str) -> None:
        """Add one line to the job's timeline."""
        with self._fenced():
            JobEvent.objects.create(
                job_id=self.job_id, kind=JobEvent.Kind.NOTE, attempt=self.attempt, text=storable(text)[:2000]
            )


class Stage:
    """A stage that has begun; as a context manager it ends with the block."""

    def __init__(self, attempt: ShownAttempt) -> None:
        self._attempt = attempt

    def __enter__(self) -> ShownAttempt:
        return self._attempt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._attempt.shown.end_stage("done")
