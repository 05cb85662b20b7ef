"""Fan-outs of a running job: its children are made once, and the attempt ends until the last of them has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NoReturn

from django.contrib.auth import get_user_model
from django.db import transaction

from core import pipelines
from core.attempt.display import Display
from core.attempt.fencing import Ownership
from core.attempt.steps import Steps
from core.conf import conf
from core.errors import ChildFailed, PermanentError, Suspended
from core.files.uploads import StoredUpload
from core.forms import by_code
from core.forms.by_code import Files
from core.life import families
from core.life.fan_out import Results, pipeline_of, task_of, title_of
from core.life.ledger import Claim
from core.models import Job
from core.pipelines import Pipeline
from core.wakeup import jobs_due


class FanOuts:
    """The fan-outs of one attempt's job."""

    def __init__(self, claim: Claim, own: Ownership, display: Display, steps: Steps) -> None:
        #: Whether this attempt has come upon child jobs.
        self.has_children = False
        #: The keys of pipelines that this attempt has run.
        self._called: set[str] = set()
        self._claim = claim
        self._own = own
        self._display = display
        self._steps = steps

    def run(
        self,
        key: str,
        run: Callable[..., Any],
        items: Iterable[Any],
        *,
        title: str,
        weights: Iterable[float] | None,
        unit: str,
        queue: str,
    ) -> Results:
        """Return how the children ended, after making them if they are new; raise Suspended while some still live."""
        self._own.check()
        title = title or title_of(key)
        if key not in self._keys:
            wanted = list(items)
            if not wanted:
                return Results(title=title)
            sizes = [1.0] * len(wanted) if weights is None else [float(weight) for weight in weights]
            self._refuse_large(title, width=len(wanted))
            pipeline = pipeline_of(run)
            task = "" if pipeline else task_of(run)
            spec = pipeline or pipelines.get(self._claim.pipeline)
            self._insert(key, spec, task, wanted, sizes, title=title, queue=queue)
            self._suspend(key, title, total=sum(sizes), count=len(wanted), unit=unit)
        return self._results(key, title, unit=unit)

    def run_pipeline(self, pipeline: str, params: Mapping[str, Any], files: Files, *, key: str, title: str) -> Any:
        """Return the result of the one child that runs a whole pipeline; raise ChildFailed when it has none."""
        self._own.check()
        if key in self._called:
            raise PermanentError(
                f"ctx.run was called twice with the key {key!r}: give each call of a pipeline a key of its own."
            )
        self._called.add(key)
        spec = pipelines.get(pipeline)
        title = title or spec.title
        if key not in self._keys:
            self._refuse_large(title, width=1)
            owner = get_user_model()._default_manager.get(pk=self._claim.owner_id)
            with by_code.filled_in(spec, user=owner, params=params, files=files) as entry:
                values, stored, label = entry.filled_in()
            self._insert(key, spec, "", [values], [1.0], title=title, queue="", label=label or title, files=stored)
            self._suspend(key, title, total=1, count=1, unit="jobs")
        (child,) = self._results(key, title, unit="jobs")
        if not child.succeeded:
            why = child.error or f"It was {child.state}."
            raise ChildFailed(
                f"{title} (job {child.job_id}) did not succeed. {why}",
                job_id=child.job_id,
                state=child.state,
                error=child.error,
            )
        return child.result

    def _results(self, key: str, title: str, *, unit: str) -> Results:
        """Return how the children ended that are there; raise Suspended while they have not."""
        self.has_children = True
        # What the page shows of the wait is over, however the attempt ends.
        _ = self._display.progress
        if families.live_children(self._claim.job_id, key=key):
            rows = families.sizes(self._claim.job_id, key=key)
            self._suspend(key, title, total=sum(rows), count=len(rows), unit=unit)
        results = Results(title=title, children=families.answers(self._claim.job_id, key=key))
        self._steps.complete(
            key,
            {"succeeded": len(results) - len(results.failed), "failed": len(results.failed)},
            seconds=families.seconds_of(self._claim.job_id, key=key),
            title=title,
            children=len(results),
        )
        return results

    @cached_property
    def _keys(self) -> set[str]:
        # As with steps: the first claim has none.
        return families.keys_of(self._claim.job_id) if self._claim.fence > 1 else set()

    def _refuse_large(self, title: str, *, width: int) -> None:
        if width > conf.FAN_OUT_WIDTH:
            raise PermanentError(
                f"{title}: {width:,} parts are more than the {conf.FAN_OUT_WIDTH:,} a job may be split into. "
                "Make the parts larger, or the input smaller."
            )
        if self._claim.depth >= conf.FAN_OUT_DEPTH:
            raise PermanentError(
                f"{title}: this job is a part of a part already, {self._claim.depth} deep; no more than "
                f"{conf.FAN_OUT_DEPTH} are allowed."
            )

    def _insert(
        self,
        key: str,
        spec: Pipeline,
        task: str,
        items: list[Any],
        weights: list[float],
        *,
        title: str,
        queue: str,
        label: str = "",
        files: Mapping[str, StoredUpload] | None = None,
    ) -> None:
        if queue and queue not in (queues := pipelines.queues()):
            raise PermanentError(
                f"{title}: no pipeline uses the queue {queue!r}, so no worker does; there are {', '.join(queues)}."
            )
        with self._own.transaction():
            families.insert_children(
                self._claim.job_id,
                key=key,
                title=title,
                spec=spec,
                task=task,
                queue=queue or spec.queue,
                items=items,
                weights=weights,
                label=label,
                files=files,
            )
            transaction.on_commit(lambda: jobs_due.send(sender=Job, count=len(items)))

    def _suspend(self, key: str, title: str, *, total: float, count: int, unit: str) -> NoReturn:
        self.has_children = True
        self._display.begin_wait(key, title, total=max(1, round(total)), unit=unit)
        raise Suspended(f"{title}: {count:,} parts")
