"""The last fetch of each address, so that unchanged data is not fetched and imported again."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Source(models.Model):
    """The last fetch of an address by an owner with the same options."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sources", db_index=False
    )
    #: sha256 of the address and of the options that shape what is made of it.
    fingerprint = models.CharField(max_length=64)
    url = models.TextField()
    #: The validators that the server gave, for a conditional request.
    etag = models.CharField(max_length=500, blank=True, default="")
    last_modified = models.CharField(max_length=100, blank=True, default="")
    sha256 = models.CharField(max_length=64)
    dataset = models.ForeignKey("core.Dataset", null=True, on_delete=models.SET_NULL, related_name="sources")
    fetched_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "fingerprint"], name="source_once")]

    def __str__(self) -> str:
        return self.url[:200]
