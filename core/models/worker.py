"""The worker processes, as they report themselves."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """One worker process. Written by its keeper every few seconds; one that was not seen for long is gone."""

    #: `host:pid`, as jobs name it.
    name = models.CharField(max_length=120, primary_key=True)
    #: The names of the queues it takes jobs from.
    queues = models.JSONField(default=list)
    threads = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    #: Whether it is stopping: it takes no more jobs.
    is_stopping = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
