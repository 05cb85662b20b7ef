"""Steps: parts of a job that are completed once.

A pipeline is an ordinary function. After a crash, and after its children have ended, it is called again from the top;
what it had completed is answered from the database.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from core.attempt.display import Display
from core.attempt.fencing import Ownership
from core.database.jsontext import dumps_limited
from core.life.fan_out import title_of
from core.life.ledger import Claim
from core.models import JobEvent, JobStep


class Steps:
    """The steps of one attempt's job."""

    def __init__(self, claim: Claim, own: Ownership, display: Display) -> None:
        self._claim = claim
        self._own = own
        self._display = display

    def run(self, key: str, work: Callable[[], Any], *, atomic: bool, title: str) -> Any:
        """Run the step unless it is completed, and return its result as JSON has it."""
        self._own.check()
        if key in self.results:
            return self.results[key]
        self._display.begin_step(key, title)
        began = time.monotonic()
        if atomic:
            with self._own.transaction():
                result = self._write(key, work(), time.monotonic() - began, title=title)
        else:
            made = work()
            with self._own.transaction():
                result = self._write(key, made, time.monotonic() - began, title=title)
        return self._complete(key, result)

    def complete(self, key: str, made: Any, *, seconds: float, title: str, children: int) -> None:
        """Record a step whose work others have done, unless it is completed."""
        if key in self.results:
            return
        self._display.begin_step(key, title)
        with self._own.transaction():
            result = self._write(key, made, seconds, title=title, children=children)
        self._complete(key, result)

    @cached_property
    def results(self) -> dict[str, Any]:
        """The results of the completed steps, by their keys."""
        # The first claim of a job has no steps: not asked for, to keep small jobs cheap.
        if self._claim.fence == 1:
            return {}
        return dict(JobStep.objects.filter(job_id=self._claim.job_id).values_list("key", "result"))

    def _complete(self, key: str, result: Any) -> Any:
        self.results[key] = result
        self._display.end_step()
        return result

    def _write(self, key: str, made: Any, seconds: float, *, title: str, children: int = 0) -> Any:
        """Write the checkpoint; return the result as it is stored: the first attempt sees what a later one would."""
        result = json.loads(dumps_limited(made, what=f"The result of step {key!r}"))
        JobStep.objects.create(
            job_id=self._claim.job_id,
            key=key,
            title=title[:200],
            result=result,
            attempt=self._claim.attempt,
            fence=self._claim.fence,
            seconds=round(seconds, 3),
            children=children,
        )
        JobEvent.objects.create(
            job_id=self._claim.job_id,
            kind=JobEvent.Kind.STEP,
            attempt=self._claim.attempt,
            text=title or title_of(key),
        )
        return result
