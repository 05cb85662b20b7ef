"""Files that jobs read or produce."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from core.files import storage

#: The fields that change when an output is published again under its key.
_MOVED = ("name", "title", "path", "size", "sha256", "content_type", "preview_path")


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    """Acts on many artifacts."""

    def publish(self, artifacts: Sequence[Artifact]) -> list[int]:
        """Save these artifacts in one statement and return their ids; one with a known key replaces the earlier."""
        saved = self.bulk_create(
            artifacts, update_conflicts=True, unique_fields=["job", "kind", "field"], update_fields=_MOVED
        )
        return [artifact.pk for artifact in saved]


class Artifact(models.Model):
    """A file of a job. Its bytes are in the store under `path`; the row is the pointer that publishes them."""

    class Kind(models.TextChoices):
        INPUT = "input", "Input"
        OUTPUT = "output", "Output"

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="artifacts", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    #: The form field an input came from; for an output, the key under which it replaces itself.
    field = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    title = models.CharField(max_length=255, blank=True, default="", db_default="")
    path = models.CharField(max_length=500)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=100, default="application/octet-stream")
    #: The key of a picture (PNG) of the file's beginning, if there is one.
    preview_path = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "kind", "field"], name="artifact_job_kind_field")
        ]
        # For the question whether a file is still named, asked of each upload before it is deleted.
        indexes: ClassVar = [models.Index(fields=["path"], name="artifact_path")]
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def local_path(self) -> Path:
        return storage.resolve(self.path)
