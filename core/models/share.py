"""Links to the live page of one job, for those who have no account."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ShareLink(models.Model):
    """One link to one job, to look and nothing else. The link is the row's id, signed: it can be shown again."""

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="share_links")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    #: Whether the files of the result may be downloaded through it.
    with_files = models.BooleanField(default=False, db_default=False)
    #: When its page was last opened, to the minute.
    last_opened_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"link to job {self.job_id}"
