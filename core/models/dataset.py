"""A dataset: the typed table that a job made from a file."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.functions import Now

from core import policy
from core.addresses import path_of
from core.models.owners import owner_deleted
from core.models.states import State


class DatasetQuerySet(models.QuerySet["Dataset"]):
    """Queries of many datasets."""

    def for_user(self, user: AbstractBaseUser | AnonymousUser) -> DatasetQuerySet:
        """Return the datasets this person may open: of jobs that succeeded."""
        # A job that was cancelled after its publish step shows no result: the job's end decides.
        return policy.visible(user, self.filter(job__state=State.SUCCEEDED))


class Dataset(models.Model):
    """A table with its files in the store and its columns as rows."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=owner_deleted, related_name="datasets", db_index=False
    )
    job = models.OneToOneField("core.Job", on_delete=models.RESTRICT, related_name="dataset")
    name = models.CharField(max_length=255)
    #: sha256 of the content and the options that shaped it; the same again is the same dataset.
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    source_name = models.CharField(max_length=255, blank=True, default="")
    source_bytes = models.BigIntegerField(default=0)
    records = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    column_count = models.PositiveIntegerField(default=0)
    #: What was detected or chosen: encoding, delimiter, quote, escape, header, preamble, line ends, notes.
    dialect = models.JSONField(default=dict)
    #: The rules the rows were checked by.
    rules = models.JSONField(default=dict)
    parquet_path = models.CharField(max_length=500)
    clean_path = models.CharField(max_length=500, blank=True, default="")
    rejects_path = models.CharField(max_length=500, blank=True, default="")
    #: {"columns": [name…], "rows": [[value…]…], "rejected": [[line, column, value, reason, raw]…]}
    preview_path = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    #: Whether a person keeps it for good: then neither it nor the job that made it ever expires.
    is_kept = models.BooleanField(default=False, db_default=False)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"], name="dataset_owner_newest"),
            models.Index(fields=["owner", "fingerprint"], name="dataset_fingerprint"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return path_of("dataset", self.pk)


class DatasetColumn(models.Model):
    """One column of a dataset, with its profile."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="columns", db_index=False)
    position = models.PositiveIntegerField()
    name = models.TextField()
    source_name = models.TextField(blank=True, default="")
    #: text, integer, decimal, float, boolean, date, time or timestamp.
    type = models.CharField(max_length=20)
    nulls = models.BigIntegerField(default=0)
    distinct = models.BigIntegerField(default=0)
    #: {"min", "max", "mean", "quantiles": [p5, p25, p50, p75, p95], "top": [[value, count]…],
    #:  "histogram": [{"low", "high", "count"}…]}; absent keys were not meaningful for the type.
    stats = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "position"], name="column_dataset_position")
        ]
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.name

    @property
    def figures(self) -> dict[str, Any]:
        """The profile as people and programs get it: of days and times all figures are texts.

        Profiles of before had their quantiles as seconds since 1970.
        """
        stats: dict[str, Any] = self.stats or {}
        if self.type not in ("date", "timestamp") or not stats.get("quantiles"):
            return stats
        return {**stats, "quantiles": [_moment(value, self.type) for value in stats["quantiles"]]}


def _moment(value: Any, kind: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    moment = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=value)).replace(tzinfo=None)
    return moment.date().isoformat() if kind == "date" else moment.isoformat(" ", "seconds")
