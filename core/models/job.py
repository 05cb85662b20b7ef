"""A job: one run of a pipeline, with its parameters and its owner."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Value
from django.db.models.fields.json import KT
from django.db.models.functions import Now
from django.utils.functional import cached_property

from core import pipelines, policy
from core.addresses import path_of
from core.models.literals import HeldField, StateField
from core.models.owners import owner_deleted
from core.models.states import CANCELLING, CLAIMABLE, LIVE, OUTCOMES, RETRIABLE, TERMINAL, WARNED, State
from core.pipelines import Pipeline

if TYPE_CHECKING:
    from core.models.progress import JobProgress


#: Characters of the longest key, as text, of an object that a job is about.
SUBJECT_KEY_LENGTH = 255


class Priority(models.IntegerChoices):
    """Three priorities; a higher number goes first, as in RabbitMQ."""

    LOW = 0, "Low"
    NORMAL = 1, "Normal"
    URGENT = 2, "Urgent"


class JobQuerySet(models.QuerySet["Job"]):
    """Queries of many jobs."""

    def for_user(self, user: AbstractBaseUser | AnonymousUser) -> JobQuerySet:
        """Return the jobs this person may see."""
        return policy.visible(user, self)

    def changeable_by(self, user: AbstractBaseUser | AnonymousUser) -> JobQuerySet:
        """Return the jobs this person may act on."""
        return policy.changeable(user, self)

    def live(self) -> JobQuerySet:
        """Return the jobs that have not ended."""
        return self.filter(state__in=LIVE)

    def whole(self) -> JobQuerySet:
        """Return the jobs that are no part of another."""
        return self.filter(parent__isnull=True)

    def about(self, subject: models.Model) -> JobQuerySet:
        """Return the whole jobs that are about this object, whatever its model and its key are."""
        type_id, key = subject_columns(subject)
        return self.whole().filter(subject_type=type_id, subject_key=key)

    def brief(self) -> JobQuerySet:
        """Return the jobs for a list: without parameters and result, but with the result's headline and warning."""
        # The warning as JSON, which tells a sentence from null and true; the headline as text, as it may be a number.
        jobs = self.annotate(headline=KT("result__headline"), warning_text=models.F("result__warning"))
        return jobs.defer("params", "result")


class Job(models.Model):
    """One run of a pipeline. Written by core.life only; a stale row is never saved back."""

    pipeline = models.CharField(max_length=80)
    queue = models.CharField(max_length=80, default="default")
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL, db_default=Priority.NORMAL)
    # `job_owner_newest` serves for it: every further index is written at each of a job's transitions.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=owner_deleted, related_name="jobs", db_index=False)
    idempotency_key = models.CharField(max_length=100)
    label = models.CharField(max_length=255, blank=True, help_text="What the owner sees as the job's name.")
    params = models.JSONField(default=dict)
    #: The object of the host's that the job is about, by its content type and its key as text, if any.
    subject_type = models.ForeignKey(
        "contenttypes.ContentType", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    subject_key = models.CharField(max_length=SUBJECT_KEY_LENGTH, blank=True, default="", db_default="")
    #: The job this one was run again from, if any.
    origin = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reruns", db_index=False
    )

    #: The job that fanned this one out; deleted with it.
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    #: The key of the parent's fan-out, and the place of this child's item in it.
    fan_key = models.CharField(max_length=200, blank=True, default="", db_default="")
    fan_index = models.PositiveIntegerField(null=True, blank=True)
    #: The expected size of this child's work, in the unit of the fan-out.
    weight = models.FloatField(default=1.0, db_default=1.0)
    #: How many parents are above this job.
    depth = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: The function a child runs, as `module:name`; empty for the pipeline's own.
    task = models.CharField(max_length=200, blank=True, default="", db_default="")

    #: The values of the keys that its pipeline's limits count by, as JSON; empty for a job without limits.
    lane = models.CharField(max_length=250, blank=True, default="", db_default="")
    #: Whether a limit or a pause keeps it back: it is not published and can't be claimed until core.limits lets it go.
    is_held = HeldField(default=False, db_default=False)

    state = StateField(max_length=10, choices=State, default=State.QUEUED)
    #: When the job may be claimed, by the database's clock.
    run_at = models.DateTimeField()
    #: When the relay should next try to publish; moved on by each relay that takes the job.
    publish_at = models.DateTimeField()
    #: When the broker confirmed the message; empty while nothing is on its way.
    published_at = models.DateTimeField(null=True)

    attempt = models.PositiveIntegerField(default=0, db_default=0)
    crashes = models.PositiveIntegerField(default=0, db_default=0)
    max_attempts = models.PositiveIntegerField(default=5, db_default=5)
    max_crashes = models.PositiveIntegerField(default=3, db_default=3)
    #: The token of the current attempt; every write of an attempt names it.
    fence = models.PositiveBigIntegerField(default=0, db_default=0)
    worker = models.CharField(max_length=120, blank=True, default="", db_default="")
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)

    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    result = models.JSONField(null=True)
    #: Why the job failed or is being tried again: a sentence for the person.
    error = models.TextField(blank=True, default="", db_default="")

    #: Whether a part of a waiting job runs; None unless `core.life.waiting.note_parts` has looked.
    parts_run: bool | None = None

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="job_owner_key"),
            models.UniqueConstraint(
                fields=["parent", "fan_key", "fan_index"],
                name="job_child",
                condition=models.Q(parent__isnull=False),
            ),
        ]
        # SQLite reads a partial index only for a statement with the same condition, word for word. Value() makes every
        # Django write a boolean as the SQL has it, `is_held = 0`; without it 5.2 writes NOT "is_held".
        indexes: ClassVar = [
            # Children are in no list of their owner's, and cost this index nothing.
            models.Index(fields=["owner", "-id"], name="job_owner_newest", condition=models.Q(parent__isnull=True)),
            models.Index(fields=["pipeline", "state"], name="job_pipeline_state"),
            models.Index(
                fields=["subject_type", "subject_key", "-id"],
                name="job_subject",
                condition=models.Q(subject_type__isnull=False),
            ),
            models.Index(fields=["origin"], name="job_origin", condition=models.Q(origin__isnull=False)),
            # Finds whose turn it is without walking over one owner's backlog.
            models.Index(
                fields=["queue", "-priority", "owner", "publish_at"],
                name="job_turn",
                condition=models.Q(published_at__isnull=True, is_held=Value(False), state__in=CLAIMABLE),
            ),
            models.Index(
                fields=["pipeline", "owner", "lane", "-priority", "id"],
                name="job_held",
                condition=models.Q(is_held=Value(True), state__in=CLAIMABLE),
            ),
            # Jobs that a limit has let go and that have not ended.
            models.Index(
                fields=["pipeline", "lane"],
                name="job_let_go",
                condition=models.Q(is_held=Value(False), state__in=LIVE) & ~models.Q(lane=""),
            ),
            models.Index(
                fields=["owner", "state"],
                name="job_owner_live",
                condition=models.Q(parent__isnull=True, state__in=LIVE),
            ),
            models.Index(
                fields=["pipeline", "-finished_at"], name="job_failed", condition=models.Q(state=State.FAILED)
            ),
            models.Index(
                fields=["owner", "-finished_at"],
                name="job_owner_failed",
                condition=models.Q(state=State.FAILED, parent__isnull=True),
            ),
            # Ended jobs of a person, for notices and mails.
            models.Index(
                fields=["owner", "-finished_at"],
                name="job_owner_ended",
                condition=models.Q(parent__isnull=True, finished_at__isnull=False),
            ),
            models.Index(
                fields=["queue", "published_at"],
                name="job_published",
                condition=models.Q(published_at__isnull=False, state__in=CLAIMABLE),
            ),
            models.Index(fields=["lease_until"], name="job_lease", condition=models.Q(state=State.RUNNING)),
            models.Index(
                fields=["parent"],
                name="job_live_child",
                condition=models.Q(parent__isnull=False, state__in=LIVE),
            ),
            models.Index(fields=["id"], name="job_waiting", condition=models.Q(state=State.WAITING)),
        ]

    def __str__(self) -> str:
        return f"job {self.pk} ({self.pipeline})"

    def get_absolute_url(self) -> str:
        return path_of("job", self.pk)

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL

    @property
    def is_cancelling(self) -> bool:
        return self.is_live and self.cancel_requested_at is not None

    @property
    def can_cancel(self) -> bool:
        return self.is_live and self.cancel_requested_at is None

    @property
    def can_retry(self) -> bool:
        return self.state in RETRIABLE

    @property
    def spec(self) -> Pipeline | None:
        """The registered pipeline, or None when its code is gone."""
        return pipelines.find(self.pipeline)

    @cached_property
    def subject(self) -> models.Model | None:
        """The object of the host's that the job is about; None for none, and for one that is gone."""
        # Content types are few, and kept in memory.
        kind = ContentType.objects.get_for_id(self.subject_type_id).model_class() if self.subject_type_id else None
        if kind is None:
            return None
        try:
            return kind._base_manager.filter(pk=self.subject_key).first()
        except (ValidationError, ValueError):
            # Keys of its model were of another type when the job was submitted.
            return None

    @property
    def title(self) -> str:
        """The job's name for people: its label, else its pipeline's title."""
        return self.label or (self.spec.title if self.spec else self.pipeline)

    @property
    def version(self) -> str:
        """The version that a live page compares: it changes with every visible change of the job."""
        progress: JobProgress | None = getattr(self, "progress", None)
        return job_version(
            state=self.state,
            fence=self.fence,
            is_cancelling=self.cancel_requested_at is not None,
            progress_version=progress.version if progress else 0,
        )

    @property
    def warning(self) -> str:
        """The warning that the job's function returned with its success; empty for any other job."""
        if self.state != State.SUCCEEDED:
            return ""
        if "warning_text" in self.__dict__:
            # Read with the row, so that a list needs no further query.
            text = self.__dict__["warning_text"]
        else:
            text = self.result.get("warning") if isinstance(self.result, dict) else ""
        return text if isinstance(text, str) else ""

    @property
    def outcome(self) -> str:
        """The outcome as pages, mails and the command line show it: a key of `core.models.states.OUTCOMES`."""
        if self.is_cancelling:
            return CANCELLING
        return WARNED if self.warning else self.state

    @property
    def outcome_words(self) -> str:
        if self.outcome == State.WAITING and self.parts_run is not None:
            return "Running parts" if self.parts_run else "Waiting for parts"
        return OUTCOMES[self.outcome]

    @property
    def run_seconds(self) -> float | None:
        """Seconds from the first claim to the end, or to now while it runs."""
        if self.started_at is None:
            return None
        end = self.finished_at or dt.datetime.now(dt.UTC)
        return max(0.0, (end - self.started_at).total_seconds())

    def result_facts(self) -> list[tuple[str, Any]]:
        """Return the result as (name, value) pairs for a page; the pipeline may have returned any JSON."""
        if not isinstance(self.result, dict):
            return [] if self.result is None else [("Result", self.result)]
        if isinstance(self.result.get("facts"), list):
            return [(str(fact[0]), fact[1]) for fact in self.result["facts"] if len(fact) == 2]
        hidden = {"headline", "warning", "facts", "dataset", "datasets"}
        return [(key.replace("_", " "), value) for key, value in self.result.items() if key not in hidden]


def subject_columns(subject: models.Model | None) -> tuple[int | None, str]:
    """Return the content type's id and the key by which a job names the object it is about; raise ValueError."""
    if subject is None:
        return None, ""
    if subject.pk is None:
        raise ValueError(f"a job can be about what is saved only; {subject!r} has no key yet")
    key = str(subject.pk)
    if len(key) > SUBJECT_KEY_LENGTH:
        raise ValueError(
            f"a job's subject has a key of up to {SUBJECT_KEY_LENGTH} characters, {subject!r} a longer one"
        )
    return ContentType.objects.get_for_model(subject).pk, key


def job_version(*, state: str, fence: int, is_cancelling: bool, progress_version: int) -> str:
    """Return the version of a job as its live page shows it, e.g. `running-2-0-17`."""
    return f"{state}-{fence}-{int(is_cancelling)}-{progress_version}"
