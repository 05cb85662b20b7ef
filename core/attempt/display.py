"""What a job's page shows of an attempt: its progress, and the step that runs. The keeper writes what has changed."""

from __future__ import annotations

import threading
import time
from typing import Any

from core.attempt import shares
from core.attempt.progress import Progress
from core.life.fan_out import title_of
from core.life.ledger import Claim
from core.models import JobProgress
from core.models.states import State

#: Seconds from which a running step is shown on the job's page.
VISIBLE_AFTER_SECONDS = 0.2
#: The state of the running stage by how its attempt ended; after any other end it is pending again.
_STAGE_STATES = {State.SUCCEEDED: "done", State.CANCELLED: "cancelled", State.FAILED: "failed"}


class Display:
    """Changed by the attempt's thread, read by the keeper's."""

    def __init__(self, claim: Claim, stages: tuple[tuple[str, str], ...]) -> None:
        #: The step that has begun and is not completed, as JobProgress.step describes it.
        self.step: dict[str, Any] | None = None
        self._claim = claim
        self._stages = stages
        self._progress: Progress | None = None
        self._step_written: dict[str, Any] | None = None
        #: Both threads may be the first to need the progress.
        self._guard = threading.Lock()

    @property
    def progress(self) -> Progress:
        """The progress in memory, made when it is first needed."""
        if self._progress is None:
            # Queried before the lock is taken: with it, a hanging database would hold up the keeper for all attempts.
            stages, is_whole = self._first_stages()
            with self._guard:
                if self._progress is None:
                    self._progress = Progress(stages=stages, attempt=self._claim.attempt, is_whole=is_whole)
        return self._progress

    @property
    def has_progress(self) -> bool:
        """Whether the progress is in memory, or can be made there without the database."""
        return self._progress is not None or self._claim.fence == 1

    def call_changed(self) -> None:
        """Have the progress written again: the last snapshot did not reach the database."""
        self.progress.is_dirty = True

    def begin_step(self, key: str, title: str, *, state: str = "running") -> None:
        self.step = {
            "key": key,
            "title": title or title_of(key),
            "state": state,
            "started_at": round(time.time(), 3),
        }

    def end_step(self) -> None:
        if self._step_written is not None:
            self.call_changed()
        self.step = None

    def begin_wait(self, key: str, title: str, *, total: int, unit: str) -> None:
        """Show the fan-out that the job waits for."""
        self.begin_step(key, title, state="waiting")
        progress = self.progress
        progress.done, progress.total, progress.unit, progress.note = 0, total, unit, ""
        if not progress.stages:
            # The parts are no more than a part of the job.
            progress.is_whole = False

    @property
    def is_changed(self) -> bool:
        """Whether something is to be written. Short steps are not worth a write of their own."""
        if self._progress is not None and self._progress.is_dirty:
            return True
        step = self.step
        if step is None or step is self._step_written:
            return False
        return bool(time.time() > step["started_at"] + VISIBLE_AFTER_SECONDS)

    def snapshot(self) -> dict[str, Any]:
        """Return what is to be written, and mark it as written."""
        self._step_written = self.step
        return {**self.progress.snapshot(), "step": self.step}

    def last(self, state: State) -> dict[str, Any] | None:
        """Return the progress to write with the attempt's end in this state; None when it never had any."""
        if self._progress is None and not self._stages and self.step is None:
            return None
        progress = self.progress
        if state != State.WAITING:
            if self.step is not None:
                ended = "failed" if state == State.FAILED else "interrupted"
                self.step = {**self.step, "state": ended, "ended_at": round(time.time(), 3)}
            progress.end_stage(_STAGE_STATES.get(state, "pending"))
        if state == State.SUCCEEDED:
            shares.learn(self._claim.pipeline, progress.stages)
            progress.pass_stages()
        return {"id": self._claim.job_id, "fence": self._claim.fence, **self.snapshot()}

    def _first_stages(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the stages as the attempt finds them, and whether they are the whole job."""
        announced = shares.with_shares(
            self._claim.pipeline, [{"name": name, "title": title, "state": "pending"} for name, title in self._stages]
        )
        if self._claim.fence == 1:
            return announced, True
        # A second attempt goes on from what the first had shown.
        progress = JobProgress.objects.filter(job_id=self._claim.job_id).first()
        if progress is None:
            return announced, True
        return [self._again(stage, progress) for stage in progress.stages] or announced, progress.is_whole

    def _again(self, stage: dict[str, Any], progress: JobProgress) -> dict[str, Any]:
        """Return a stage as it is when it may be begun again. What another attempt had reached of it is lost."""
        if stage.get("state") == "done":
            return stage
        is_ours = stage.get("attempt") == self._claim.attempt and stage.get("state") in ("running", "pending")
        # What the parts did while the job waited is in the row alone.
        reached = {"reached": part} if is_ours and (part := progress.part_of(stage)) else {}
        kept = {name: value for name, value in stage.items() if name != "reached"}
        return {**kept, **reached, "state": "pending"}
