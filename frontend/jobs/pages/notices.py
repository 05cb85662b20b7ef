"""Notices: the person's own jobs that have ended, and which of them they have not seen.

One moment a person tells the two apart: what ended after `Preferences.notices_seen_at` is unread. All comparing is done
in the database, whose times a round trip through Python would not leave as they are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, Subquery
from django.db.models.fields.json import KT
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from core import pipelines
from core.models import Artifact, Dataset, Job, Preferences
from core.models.job import JobQuerySet

PAGE_LENGTH = 25
#: Unread notices that are counted; the bell says "99+" from here on.
COUNTED = 100
#: Who has never looked has the notices of this long unread: an old account does not begin with all it ever had.
FIRST_LOOK = dt.timedelta(days=1)


def ended(user: User) -> JobQuerySet:
    """Return the person's own whole jobs that have ended and that are told of, the newest first."""
    untold = [spec.name for spec in pipelines.every() if not spec.is_told]
    jobs = Job.objects.filter(owner=user).whole().filter(finished_at__isnull=False)
    return jobs.exclude(pipeline__in=untold).order_by("-finished_at", "-pk")


def unread(user: User) -> JobQuerySet:
    """Return those that the person has not seen."""
    seen = Preferences.objects.filter(user=user, notices_seen_at__isnull=False).values("notices_seen_at")
    if has_looked(user):
        return ended(user).filter(finished_at__gt=Subquery(seen))
    return ended(user).filter(finished_at__gt=max(user.date_joined, timezone.now() - FIRST_LOOK))


def unread_count(user: User) -> int:
    """Return how many are unread, counted up to `COUNTED`. One query."""
    return unread(user).order_by()[:COUNTED].count()


def has_looked(user: User) -> bool:
    """Whether the person has ever seen their notices."""
    try:
        return user.preferences.notices_seen_at is not None
    except Preferences.DoesNotExist:
        return False


def mark_read(user: User, up_to: Job) -> None:
    """Mark this notice as read, and all that ended before it. The person's row is there already."""
    ended_at = Job.objects.filter(pk=up_to.pk).values("finished_at")
    unseen = Q(notices_seen_at__isnull=True) | Q(notices_seen_at__lt=Subquery(ended_at))
    Preferences.objects.filter(unseen, user=user).update(notices_seen_at=Subquery(ended_at))


@dataclass(frozen=True)
class NoticeList:
    """One page of a person's notices; pages go by the job they continue after."""

    user: User
    query: QueryDict

    @cached_property
    def before(self) -> int:
        """The id of the job that the page before ended with; 0 for the newest notices."""
        asked = self.query.get("before", "")
        return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of this page, each with `is_unread` and with `results`, the links to what it made."""
        jobs = self._found[:PAGE_LENGTH]
        unread_ids = set(unread(self.user).filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
        results = _results_of(jobs, self.user)
        for job in jobs:
            job.is_unread = job.pk in unread_ids  # type: ignore[attr-defined]  # for its line
            job.results = results.get(job.pk, [])  # type: ignore[attr-defined]  # for its line
        return jobs

    @property
    def has_all_unread(self) -> bool:
        """Whether this is the newest page, and nothing unread stands on a later one."""
        if self.before or not any(job.is_unread for job in self.jobs):  # type: ignore[attr-defined]
            return False
        return len(self._found) <= PAGE_LENGTH or not self.jobs[-1].is_unread  # type: ignore[attr-defined]

    @property
    def next_page(self) -> str:
        """The address of the next page, empty on the last."""
        return f"{reverse('notices')}?before={self.jobs[-1].pk}" if len(self._found) > PAGE_LENGTH else ""

    @cached_property
    def _found(self) -> list[Job]:
        jobs = ended(self.user).brief().annotate(named_dataset=KT("result__dataset"))
        if self.before:
            last = Subquery(Job.objects.filter(pk=self.before, owner=self.user).values("finished_at")[:1])
            jobs = jobs.filter(Q(finished_at__lt=last) | Q(finished_at=last, pk__lt=self.before))
        return list(jobs[: PAGE_LENGTH + 1])


def _results_of(jobs: list[Any], user: User) -> dict[int, list[tuple[str, str, str]]]:
    """Return (icon, text, address) of what each job made: its dataset, else its first file. Two queries."""
    named = {job.pk: int(job.named_dataset) for job in jobs if str(job.named_dataset or "").isdigit()}
    there = set(Dataset.objects.for_user(user).filter(pk__in=named.values()).values_list("pk", flat=True))
    found = {
        job_id: [("table", "Open the dataset", reverse("dataset_detail", args=[pk]))]
        for job_id, pk in named.items()
        if pk in there
    }
    without = [job.pk for job in jobs if job.pk not in found and job.state == "succeeded"]
    outputs = Artifact.objects.filter(kind=Artifact.Kind.OUTPUT, job_id=OuterRef("job_id"))
    first = Subquery(outputs.order_by("pk").values("pk")[:1])
    for artifact in Artifact.objects.filter(job_id__in=without, pk=first):
        address = reverse("job_file", args=[artifact.job_id, artifact.pk])
        found[artifact.job_id] = [("download", artifact.title or artifact.name, address)]
    return found
