"""Counts of what should not happen, kept in the database so that every process's are seen in one place."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AlarmCount(models.Model):
    """How often something happened that an operator should look into, since the first time."""

    #: E.g. `unreadable_message`, `unknown_actor`.
    name = models.CharField(max_length=60)
    #: Where: a queue's name.
    place = models.CharField(max_length=80, blank=True, default="")
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["name", "place"], name="alarm_once")]

    def __str__(self) -> str:
        return f"{self.name} at {self.place}: {self.count}"
