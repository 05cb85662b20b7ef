"""Mails: written once for a job, handed over at most once."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Mail(models.Model):
    """One mail of a job to one address.

    `ready → sending → sent`. What was being handed over when its worker died, or when the connection broke before the
    server's answer, is `unknown`: it may have arrived, so nothing sends it again by itself. Without a mail server it is
    `unsent`: it was written down for whoever looks after the site.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        #: Written down by one of Django's backends that send nothing.
        UNSENT = "unsent", "Not sent: no mail server is set up"
        UNKNOWN = "unknown", "May have been sent"
        REFUSED = "refused", "Refused by the mail server"

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="mails", db_index=False)
    #: What it is about: one mail of a kind a job.
    kind = models.CharField(max_length=40)
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True, default="")
    #: Artifacts that go with it, by id.
    attachments = models.JSONField(default=list)
    #: The Message-ID, the same at every try: by it a mail server may recognise a second copy.
    message_id = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    #: The last answer of the mail server, or the last fault of the connection.
    answer = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "kind"], name="mail_job_kind")]
        indexes: ClassVar = [
            models.Index(fields=["-id"], name="mail_unknown", condition=models.Q(state="unknown")),
            # Mails in an uncertain state: few at any time, and searched for often.
            models.Index(fields=["job"], name="mail_sending", condition=models.Q(state="sending")),
        ]
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"
