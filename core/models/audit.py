"""The audit trail: who did what to jobs and limits, with the values before and after."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One act of a person. Append-only: rows are inserted, never changed."""

    at = models.DateTimeField(db_default=Now())
    who = models.CharField(max_length=255)
    #: A word such as `retry`, `discard`, `pause`.
    act = models.CharField(max_length=40)
    #: The job, if the act was on one. Kept when the job is gone.
    job_id = models.BigIntegerField(null=True)
    pipeline = models.CharField(max_length=80, blank=True, default="", db_default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "audit trail"
        indexes: ClassVar = [
            models.Index(fields=["job_id"], name="audit_job", condition=models.Q(job_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.act} by {self.who}"
