"""The timeline of a job."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

#: Characters of the path of an error's class that are kept.
ERROR_CLASS_LENGTH = 255


class JobEvent(models.Model):
    """One thing that happened to a job. Append-only: rows are inserted, never changed."""

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", "Submitted"
        CLAIMED = "claimed", "Started"
        STEP = "step", "Step completed"
        NOTE = "note", "Note"
        RETRYING = "retrying", "Will be tried again"
        CRASHED = "crashed", "Worker lost"
        WAITING = "waiting", "Waiting for its parts"
        RESUMED = "resumed", "All parts have ended"
        RELEASED = "released", "Handed back"
        DEFERRED = "deferred", "Told to wait"
        CANCEL_REQUESTED = "cancel_requested", "Cancel requested"
        CANCELLED = "cancelled", "Cancelled"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        REQUEUED = "requeued", "Retried by a person"
        DISCARDED = "discarded", "Discarded"
        EDITED = "edited", "Parameters changed"
        REPRIORITISED = "reprioritised", "Priority changed"

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="events", db_index=False)
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=20, choices=Kind)
    attempt = models.PositiveIntegerField(default=0, db_default=0)
    worker = models.CharField(max_length=120, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")
    #: The traceback of a failed attempt; for staff.
    detail = models.TextField(blank=True, default="", db_default="")
    #: The dotted path of the error's class, of an attempt that an error has ended.
    error_class = models.CharField(max_length=ERROR_CLASS_LENGTH, blank=True, default="", db_default="")

    class Meta:
        ordering: ClassVar = ["id"]
        # The newest of one job, without a walk over those of all jobs.
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="event_job")]

    def __str__(self) -> str:
        return f"{self.kind} of job {self.job_id}"
