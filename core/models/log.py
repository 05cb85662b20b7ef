"""What a job's function has logged, for its page."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class JobLog(models.Model):
    """Some lines of a job's log, in one row as its keeper wrote them. Old rows go when there are too many lines."""

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="log", db_index=False)
    at = models.DateTimeField(db_default=Now())
    attempt = models.PositiveIntegerField()
    #: Lines of the job before these, and their bytes, also those that are no longer kept.
    before = models.PositiveBigIntegerField(default=0, db_default=0)
    bytes_before = models.PositiveBigIntegerField(default=0, db_default=0)
    #: Lines that came faster than they could be written, just before these.
    dropped = models.PositiveBigIntegerField(default=0, db_default=0)
    #: [[epoch seconds, level, logger, text], …], how many there are, and the bytes of their texts.
    lines = models.JSONField(default=list)
    count = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="log_job")]

    def __str__(self) -> str:
        return f"{self.count} lines of job {self.job_id}"
