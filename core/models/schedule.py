"""Schedules: jobs that come again by themselves, and what became of each time."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.functions import Now

from core import policy
from core.addresses import path_of
from core.models.job import Priority
from core.models.owners import owner_deleted


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Queries of many schedules."""

    def for_user(self, user: AbstractBaseUser | AnonymousUser) -> ScheduleQuerySet:
        """Return the schedules this person may see."""
        return policy.visible(user, self)

    def changeable_by(self, user: AbstractBaseUser | AnonymousUser) -> ScheduleQuerySet:
        """Return the schedules this person may act on."""
        return policy.changeable(user, self)


class Schedule(models.Model):
    """A recurring job. `next_at` is the one time it waits for; whoever moves it on has inserted that time's job."""

    class CatchUp(models.TextChoices):
        """What becomes of times that passed while nobody looked."""

        LATEST = "latest", "Run the latest one"
        ALL = "all", "Run them all"
        NONE = "none", "Leave them out"

    class Overlap(models.TextChoices):
        """What becomes of a time at which the job before has not ended."""

        SKIP = "skip", "Leave this time out"
        QUEUE = "queue", "Wait for it"
        CANCEL = "cancel", "Cancel it"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=owner_deleted, related_name="schedules", db_index=False
    )
    pipeline = models.CharField(max_length=80)
    label = models.CharField(max_length=255, blank=True, default="", db_default="")
    params = models.JSONField(default=dict)
    #: The files each job gets, by the form's field: {"path", "name", "size", "sha256", "content_type"}.
    files = models.JSONField(default=dict)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL, db_default=Priority.NORMAL)
    #: Five fields, as cronsim reads them.
    cron = models.CharField(max_length=200)
    #: The IANA name of the zone whose wall clock the cron is read by.
    zone = models.CharField(max_length=64, default="UTC")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    catch_up = models.CharField(max_length=10, choices=CatchUp, default=CatchUp.LATEST)
    overlap = models.CharField(max_length=10, choices=Overlap, default=Overlap.SKIP)
    is_on = models.BooleanField(default=True, db_default=True)
    #: The name of a schedule that code declares: its row follows the code, and nobody edits it.
    code_name = models.CharField(max_length=100, null=True, blank=True, unique=True)
    #: The key of the form that made it: however often the form is sent, it makes one schedule.
    form_key = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - unique when there
    #: The next time it fires; empty when it is off or has no more.
    next_at = models.DateTimeField(null=True)
    #: Why it is off, when nobody switched it off.
    note = models.CharField(max_length=300, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "form_key"], name="schedule_of_form")]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"], name="schedule_owner_newest"),
            models.Index(fields=["next_at"], name="schedule_due", condition=models.Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.label or self.pipeline

    def get_absolute_url(self) -> str:
        return path_of("schedule", self.pk)


class ScheduledRun(models.Model):
    """One time of a schedule, and what became of it. Its insertion is the election: a time is there once."""

    class Outcome(models.TextChoices):
        SUBMITTED = "submitted", "Submitted"
        WAITING = "waiting", "Waits for its turn"
        SKIPPED = "skipped", "Left out: the run before it had not ended"
        MISSED = "missed", "Missed: nobody looked at that time"
        REFUSED = "refused", "Refused"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs", db_index=False)
    due_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    #: The job of this time; empty when there is none, or when it is no longer kept.
    job = models.OneToOneField(
        "core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="scheduled_run"
    )
    #: Why it was refused or is held, for people.
    text = models.CharField(max_length=500, blank=True, default="", db_default="")
    #: Whether a person asked for it ("run now").
    is_manual = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["schedule", "due_at"], name="schedule_instant")]
        indexes: ClassVar = [
            models.Index(fields=["schedule"], name="run_waiting", condition=models.Q(outcome="waiting")),
            # Finds a schedule's latest jobs, however many of its times got none since.
            models.Index(fields=["schedule", "-due_at"], name="run_with_job", condition=models.Q(job__isnull=False)),
        ]
        ordering: ClassVar = ["-due_at"]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at}"
