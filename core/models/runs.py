"""Sums of run times, kept when the jobs themselves expire."""

from typing import ClassVar

from django.db import models


class RunSeconds(models.Model):
    """One bucket of the histogram of run seconds; `le` is its upper bound, as in Prometheus."""

    pipeline = models.CharField(max_length=80)
    state = models.CharField(max_length=10)
    #: Upper bound in seconds; infinity is stored as -1.
    le = models.FloatField()
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pipeline", "state", "le"], name="runs_pipeline_state_le")
        ]

    def __str__(self) -> str:
        return f"{self.pipeline} {self.state} ≤ {self.le}"
