"""Webhooks: addresses that are called when jobs have ended, and what they answered."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.addresses import path_of
from core.models.states import TERMINAL, State


class Webhook(models.Model):
    """An address that hears of the ends of a person's jobs, or of one schedule's. Each call is a job of its own."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: The schedule whose jobs it is for; empty for all of the owner's.
    schedule = models.ForeignKey("core.Schedule", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    url = models.TextField()
    #: What calls are signed with, as parameters keep their secrets (`core.pipelines.secrets`).
    secret = models.JSONField()
    #: The secret before it, and until when calls are signed with that one as well.
    old_secret = models.JSONField(null=True)
    old_secret_until = models.DateTimeField(null=True)
    #: The states of `core.models.states.State` whose ends it hears of.
    on_succeeded = models.BooleanField(default=True)
    on_failed = models.BooleanField(default=True)
    on_cancelled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    #: Since when it is called no more; empty while it is.
    stopped_at = models.DateTimeField(null=True)
    #: Since when each call has failed; empty when the last one has not.
    failing_since = models.DateTimeField(null=True)
    #: Why it was stopped, when nobody did it.
    note = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        ordering: ClassVar = ["-id"]
        # Each end of a whole job looks here: it holds the running ones alone.
        indexes: ClassVar = [
            models.Index(fields=["owner"], name="webhook_running", condition=models.Q(stopped_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.url

    def get_absolute_url(self) -> str:
        return path_of("webhook", self.pk)

    @property
    def states(self) -> list[State]:
        """The states whose ends it hears of."""
        return [state for state in TERMINAL if getattr(self, f"on_{state}")]


class WebhookCall(models.Model):
    """One call of a webhook: one attempt of the job that delivers one end."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="calls")
    #: The job that delivers.
    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="+")
    #: What it told of, e.g. `job.failed`.
    event = models.CharField(max_length=40, default="", db_default="")
    at = models.DateTimeField(db_default=Now())
    #: Seconds until the answer, or until none was waited for any longer.
    seconds = models.FloatField(null=True)
    #: The HTTP status; empty when no answer came.
    status = models.PositiveSmallIntegerField(null=True)
    #: The beginning of the answer's text, or why none came.
    answer = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["webhook", "-id"], name="webhook_newest")]

    def __str__(self) -> str:
        return f"{self.status or 'no answer'} from webhook {self.webhook_id}"
