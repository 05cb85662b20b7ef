"""The checkpoints of a job."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class JobStep(models.Model):
    """A step that has completed; it is never run again for that job."""

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="steps", db_index=False)
    key = models.CharField(max_length=200)
    #: Its name for people; empty for one that is made of the key.
    title = models.CharField(max_length=200, blank=True, default="", db_default="")
    result = models.JSONField(null=True)
    attempt = models.PositiveIntegerField()
    fence = models.PositiveBigIntegerField()
    #: Seconds the step took in the attempt that completed it.
    seconds = models.FloatField(default=0)
    #: The number of child jobs, of a fan-out; 0 for a step that ran in the job itself.
    children = models.PositiveIntegerField(default=0, db_default=0)
    completed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "key"], name="step_job_key")]
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"step {self.key} of job {self.job_id}"
