"""Ends of jobs that receivers of signals are still to hear of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class EndSignal(models.Model):
    """One end of a job, written in its transaction and deleted once its signals were sent (`core.life.end_signals`)."""

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="+", db_index=False)
    #: The fence under which the job ended: tried again, it ends under a higher one.
    fence = models.PositiveBigIntegerField()
    #: The state in which it ended.
    state = models.CharField(max_length=10)
    #: When it may be sent; moved on by each process that takes it.
    due_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "fence", "state"], name="end_signal_once")]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="end_signal_due")]

    def __str__(self) -> str:
        return f"{self.state} of job {self.job_id}"
