"""Durable execution: steps that are completed once for a job, and fan-outs whose children run on any worker.

A pipeline is an ordinary function. After a crash, and after its children have ended, it is called again from the top;
what it had completed is answered from the database.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.db import transaction

from core.attempt.shown import ShownAttempt
from core.database.jsontext import dumps_limited
from core.errors import PermanentError, Suspended
from core.life import families
from core.life.fan_out import Results, pipeline_of, task_of, title_of
from core.life.ledger import Claim
from core.models import JobEvent, JobStep
from core.pipelines import Pipeline
from core.wakeup import jobs_due

T = TypeVar("T")


class DurableAttempt(ShownAttempt):
    """An attempt with steps and child jobs."""

    def __init__(self, claim: Claim, spec: Pipeline) -> None:
        super().__init__(claim, spec)
        #: Whether the job has child jobs.
        self.has_children = False

    @cached_property
    def _steps(self) -> dict[str, Any]:
        # The first claim of a job has no steps: not asked for, to keep small jobs cheap.
        if self.fence == 1:
            return {}
        return dict(JobStep.objects.filter(job_id=self.job_id).values_list("key", "result"))

    def step(
        self, key: str, run: Callable[..., T], *args: Any, atomic: bool = False, title: str = "", **kwargs: Any
    ) -> T:
        """Run a step once for the job and return its JSON result; a completed step only returns it.

        With `atomic` the function runs inside the transaction that writes the checkpoint, so that its effects in
        our database happen exactly once; keep such a function short. Otherwise what it does outside may happen
        again after a crash.
        """
        self.check()
        if key in self._steps:
            result: T = self._steps[key]
            return result
        self._begin_step(key, title)
        began = time.monotonic()
        if atomic:
            with self._fenced():
                result = self._checkpoint(key, run(*args, **kwargs), time.monotonic() - began, title=title)
        else:
            made = run(*args, **kwargs)
            with self._fenced():
                result = self._checkpoint(key, made, time.monotonic() - began, title=title)
        self._end_step(key, result)
        return result

    def fan_out(
        self,
        key: str,
        run: Callable[..., Any],
        items: Iterable[Any],
        *,
        title: str = "",
        weights: Iterable[float] | None = None,
        unit: str = "parts",
        queue: str = "",
    ) -> Results:
        """Run `run(ctx, item)` in a child job an item, on any worker, and return how each of them ended.

        `run` is a function of a module, or a pipeline's function: then an item is the dict of its parameters. Items
        are JSON. `weights` are the items' expected sizes in `unit`, which the job's progress counts.

        The first call makes the children and ends the attempt; this thread is free. When the last child has ended,
        the pipeline's function is called again from the top, and this call returns. So what comes before it belongs
        in steps. A child that failed is a result: see `Results.failed` and `Results.values`.
        """
        self.check()
        title = title or title_of(key)
        if key not in self._fan_keys:
            wanted = list(items)
            if not wanted:
                return Results(title=title)
            sizes = [1.0] * len(wanted) if weights is None else [float(weight) for weight in weights]
            self._refuse_large(title, width=len(wanted))
            spec = pipeline_of(run)
            task = "" if spec else task_of(run)
            with self._fenced():
                families.insert_children(
                    self.job_id,
                    key=key,
                    title=title,
                    spec=spec or self.spec,
                    task=task,
                    queue=queue or (spec or self.spec).queue,
                    items=wanted,
                    weights=sizes,
                )
                transaction.on_commit(lambda: jobs_due.send(sender=type(self), count=len(wanted)))
            self._suspend(key, title, total=sum(sizes), count=len(wanted), unit=unit)
        self.has_children = True
        if families.live_children(self.job_id, key=key):
            rows = families.sizes(self.job_id, key=key)
            self._suspend(key, title, total=sum(rows), count=len(rows), unit=unit)
        results = Results(title=title, children=families.answers(self.job_id, key=key))
        if key not in self._steps:
            self._begin_step(key, title)
            with self._fenced():
                counts = {"succeeded": len(results) - len(results.failed), "failed": len(results.failed)}
                seconds = families.seconds_of(self.job_id, key=key)
                self._checkpoint(key, counts, seconds, title=title, children=len(results))
            self._end_step(key, counts)
        return results

    @cached_property
    def _fan_keys(self) -> set[str]:
        # As with steps: the first claim has none.
        return families.keys_of(self.job_id) if self.fence > 1 else set()

    def _refuse_large(self, title: str, *, width: int) -> None:
        if width > settings.FAN_OUT_WIDTH:
            raise PermanentError(
                f"{title}: {width:,} parts are more than the {settings.FAN_OUT_WIDTH:,} a job may be split into. "
                "Make the parts larger, or the input smaller."
            )
        if self.depth >= settings.FAN_OUT_DEPTH:
            raise PermanentError(
                f"{title}: this job is a part of a part already, {self.depth} deep; no more than "
                f"{settings.FAN_OUT_DEPTH} are allowed."
            )

    def _suspend(self, key: str, title: str, *, total: float, count: int, unit: str) -> NoReturn:
        self.step_now = {"key": key, "title": title, "state": "waiting", "started_at": round(time.time(), 3)}
        shown = self.shown
        shown.done, shown.total, shown.unit = 0, max(1, round(total)), unit
        shown.note = ""
        self.has_children = True
        raise Suspended(f"{title}: {count:,} parts")

    def _begin_step(self, key: str, title: str) -> None:
        self.step_now = {
            "key": key,
            "title": title or title_of(key),
            "state": "running",
            "started_at": round(time.time(), 3),
        }

    def _end_step(self, key: str, result: Any) -> None:
        self._steps[key] = result
        if self._step_written is not None and "shown" in self.__dict__:
            self.shown.is_dirty = True
        self.step_now = None

    def _checkpoint(self, key: str, made: Any, seconds: float, *, title: str = "", children: int = 0) -> Any:
        # Returned as it is stored: the first attempt sees what a later one would.
        result = json.loads(dumps_limited(made, what=f"The result of step {key!r}"))
        JobStep.objects.create(
            job_id=self.job_id,
            key=key,
            title=title[:200],
            result=result,
            attempt=self.attempt,
            fence=self.fence,
            seconds=round(seconds, 3),
            children=children,
        )
        JobEvent.objects.create(
            job_id=self.job_id, kind=JobEvent.Kind.STEP, attempt=self.attempt, text=title or title_of(key)
        )
        return result
