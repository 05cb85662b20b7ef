"""Where a job is, as its page shows it."""

from __future__ import annotations

from typing import Any

from django.db import models


class JobProgress(models.Model):
    """The live view of a job's work: stages, counts, rate, and a one-line note. Written under the fence."""

    job = models.OneToOneField("core.Job", on_delete=models.CASCADE, primary_key=True, related_name="progress")
    #: [{"name", "title", "state": pending|running|done|failed|cancelled, "started_at", "ended_at": epoch seconds}]
    stages = models.JSONField(default=list)
    done = models.BigIntegerField(default=0, db_default=0)
    #: None when the amount of work is not known.
    total = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=20, blank=True, default="", db_default="")
    note = models.CharField(max_length=255, blank=True, default="", db_default="")
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
        """0 to 100 within the current stage, or None when the total is not known."""
        if not self.total or self.total <= 0:
            return None
        return max(0.0, min(100.0, 100.0 * self.done / self.total))

    @property
    def eta_seconds(self) -> float | None:
        """Seconds the current stage still takes at its present rate, or None when that can't be said."""
        if not self.total or not self.rate or self.done > self.total:
            return None
        return (self.total - self.done) / self.rate

    @property
    def current_stage(self) -> dict[str, Any] | None:
        return next((stage for stage in self.stages if stage.get("state") == "running"), None)
