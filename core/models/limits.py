"""The tables of core.limits: pauses, changed limits, and how far each key has used its limit."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Gate(models.Model):
    """A pipeline's gate. Its row is locked by the one process that lets jobs go at a time."""

    pipeline = models.CharField(max_length=80, primary_key=True)
    #: The key, as text, of the owner who had the last turn; the next one in the order of keys is served first.
    last_owner = models.CharField(max_length=255, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: The reason, in the words of the person who paused it.
    note = models.CharField(max_length=200, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"gate of {self.pipeline}"


class LimitChange(models.Model):
    """A limit as staff has set it, in place of what the code declares."""

    pipeline = models.CharField(max_length=80)
    #: The limit's name within its pipeline, e.g. `rate:owner`.
    limit = models.CharField(max_length=120)
    amount = models.PositiveIntegerField()
    #: None for a limit of concurrency.
    per_seconds = models.FloatField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["pipeline", "limit"], name="limit_change_once")]

    def __str__(self) -> str:
        return f"{self.limit} of {self.pipeline}"


class LimitBucket(models.Model):
    """How far one value of a limit's key has used its rate, and until when a remote asked to be left alone."""

    pipeline = models.CharField(max_length=80)
    limit = models.CharField(max_length=120)
    value = models.CharField(max_length=120, blank=True)
    #: The theoretical arrival time of GCRA, by the database's clock, in epoch seconds.
    tat = models.FloatField(default=0.0, db_default=0.0)
    #: Nothing goes before this time (epoch seconds): a remote's Retry-After.
    blocked_until = models.FloatField(default=0.0, db_default=0.0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pipeline", "limit", "value"], name="limit_bucket_once")
        ]

    def __str__(self) -> str:
        return f"{self.limit} of {self.pipeline} for {self.value!r}"
