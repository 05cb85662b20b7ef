"""What code runs periodically without a job: the time that comes, and what became of the last one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class PeriodicRun(models.Model):
    """One periodic actor. Whoever moves `next_at` on sends its message; whoever sets `began_at` runs it."""

    #: The actor's name.
    name = models.CharField(max_length=200, primary_key=True)
    cron = models.CharField(max_length=200)
    next_at = models.DateTimeField(null=True)
    #: The last time that came, when its message was last sent, and when it was begun and ended.
    due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    #: Why it failed; empty for a run that did not.
    error = models.TextField(blank=True, default="", db_default="")
    worker = models.CharField(max_length=120, blank=True, default="", db_default="")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
