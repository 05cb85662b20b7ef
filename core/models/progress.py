"""Where a job is, as its page shows it."""

from __future__ import annotations

from typing import Any

from django.db import models


class JobProgress(models.Model):
    """The live view of a job's work: stages, counts, rate, and a one-line note. Written under the fence."""

    job = models.OneToOneField("core.Job", on_delete=models.CASCADE, primary_key=True, related_name="progress")
    #: [{"name", "title", "state": pending|running|done|failed|cancelled, "started_at", "ended_at": epoch seconds,
    #: "share": of the whole job, "reached": 0 to 1, how far it was at most, "attempt": of which attempt that is}]
    stages = models.JSONField(default=list)
    done = models.BigIntegerField(default=0, db_default=0)
    #: None when the amount of work is not known.
    total = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=20, blank=True, default="", db_default="")
    note = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: Whether the stages, or without any `done` of `total`, are the whole job: not once a count began anew, or a stage
    #: that was not announced.
    is_whole = models.BooleanField(default=True, db_default=True)
    #: Units a second over the last seconds; None before there is one.
    rate = models.FloatField(null=True)
    #: The step that is not completed: {"key", "title", "state": running|waiting|failed|interrupted, "started_at",
    #: "ended_at"}, times in epoch seconds. Completed ones are rows of JobStep.
    step = models.JSONField(null=True)
    version = models.PositiveIntegerField(default=0, db_default=0)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "job progress"

    def __str__(self) -> str:
        return f"progress of job {self.job_id}"

    @property
    def percent(self) -> float | None:
        """0 to 100 of the whole job, or None when that can't be said. It never goes back within an attempt.

        Stages count by what they took in the last runs; a stage without a total stays where it began.
        """
        if not self.is_whole:
            return None
        if not self.stages:
            return self.stage_percent
        shares = [float(stage.get("share", 1.0)) for stage in self.stages]
        parts = [share * self.part_of(stage) for share, stage in zip(shares, self.stages, strict=True)]
        return max(0.0, min(100.0, round(100.0 * sum(parts) / (sum(shares) or 1.0), 2)))

    @property
    def stage_percent(self) -> float | None:
        """0 to 100 within the current stage or step, or None when its total is not known."""
        if not self.total or self.total <= 0:
            return None
        return max(0.0, min(100.0, 100.0 * self.done / self.total))

    @property
    def scope(self) -> str:
        """The words for what `stage_percent` and `stage_eta_seconds` are about; empty when that is the whole job."""
        if not self.is_whole:
            return "this stage" if self.current_stage else "this step"
        is_last = all(stage.get("state") in ("done", "running") for stage in self.stages)
        return "" if is_last else "this stage"

    @property
    def eta_seconds(self) -> float | None:
        """Seconds the whole job still takes, or None when that can't be said: other stages are to come."""
        return None if self.scope else self.stage_eta_seconds

    @property
    def stage_eta_seconds(self) -> float | None:
        """Seconds the current stage still takes at its present rate, or None when that can't be said."""
        if not self.total or not self.rate or self.done > self.total:
            return None
        return (self.total - self.done) / self.rate

    @property
    def current_stage(self) -> dict[str, Any] | None:
        return next((stage for stage in self.stages if stage.get("state") == "running"), None)

    def part_of(self, stage: dict[str, Any]) -> float:
        """Return how much of a stage is done, 0 to 1."""
        if stage.get("state") == "done":
            return 1.0
        reached = float(stage.get("reached") or 0.0)
        return max(reached, (self.stage_percent or 0.0) / 100) if stage.get("state") == "running" else reached
