"""Notices: the person's own jobs that have ended, and which of them they have not seen.

A job that ended after `Preferences.notices_seen_at` is unread. All comparing is done in the database, whose times would
lose precision in a round trip through Python.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from core import pipelines
from core.models import Artifact, Dataset, Job, Preferences
from core.models.job import JobQuerySet
from frontend.site.listing import Listing

PAGE_LENGTH = 25
#: Unread notices that are counted; the bell says "99+" from here on.
COUNTED = 100
#: For a person who has never looked, notices of this period are unread: an old account need not begin with all of its.
FIRST_UNREAD = dt.timedelta(days=1)


def ended(user: User) -> JobQuerySet:
    """Return the person's own whole jobs that have ended, of pipelines with notices, the newest first."""
    untold = [spec.name for spec in pipelines.every() if not spec.notifies_owner]
    jobs = Job.objects.filter(owner=user).whole().filter(finished_at__isnull=False)
    return jobs.exclude(pipeline__in=untold).order_by("-finished_at", "-pk")


def unread(user: User) -> JobQuerySet:
    """Return those that the person has not seen."""
    read_until = Preferences.objects.filter(user=user, notices_seen_at__isnull=False).values("notices_seen_at")
    if has_looked(user):
        return ended(user).filter(finished_at__gt=Subquery(read_until))
    return ended(user).filter(finished_at__gt=max(_joined_at(user), timezone.now() - FIRST_UNREAD))


def _joined_at(user: User) -> dt.datetime:
    """Return since when the account exists; on a site that does not keep it, since ever."""
    return getattr(user, "date_joined", None) or dt.datetime.min.replace(tzinfo=dt.UTC)


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
    """Mark this notice as read, and all that ended before it. The person's preferences have to exist."""
    ended_at = Job.objects.filter(pk=up_to.pk).values("finished_at")
    unseen = Q(notices_seen_at__isnull=True) | Q(notices_seen_at__lt=Subquery(ended_at))
    Preferences.objects.filter(unseen, user=user).update(notices_seen_at=Subquery(ended_at))


class NoticeList(Listing[Job]):
    """One page of a person's notices."""

    order = ("-finished_at", "-pk")
    length = PAGE_LENGTH

    def __init__(self, user: User, query: QueryDict) -> None:
        super().__init__(query, reverse("headway:notices"))
        self.user = user

    def rows(self) -> QuerySet[Job]:
        return ended(self.user)

    def whole(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        return cast(JobQuerySet, rows).brief().annotate(named_dataset=KT("result__dataset"))

    @cached_property
    def jobs(self) -> list[Any]:
        """The jobs of this page, each with `is_unread` and with `results`, the links to what it made."""
        jobs: list[Any] = self.page
        unread_ids = set(unread(self.user).filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
        results = _results_of(jobs, self.user)
        for job in jobs:
            job.is_unread = job.pk in unread_ids
            job.results = results.get(job.pk, [])
        return jobs

    @property
    def has_all_unread(self) -> bool:
        """Whether this is the newest page, and nothing unread stands on a later one."""
        if self.first_page or not any(job.is_unread for job in self.jobs):
            return False
        return not self.next_page or not self.jobs[-1].is_unread


def _results_of(jobs: list[Any], user: User) -> dict[int, list[tuple[str, str, str]]]:
    """Return (icon, text, address) of what each job made: its dataset, else its first file. Two queries."""
    named = {job.pk: int(job.named_dataset) for job in jobs if str(job.named_dataset or "").isdigit()}
    there = set(Dataset.objects.for_user(user).filter(pk__in=named.values()).values_list("pk", flat=True))
    results = {
        job_id: [("table", "Open the dataset", reverse("headway:dataset_detail", args=[pk]))]
        for job_id, pk in named.items()
        if pk in there
    }
    without = [job.pk for job in jobs if job.pk not in results and job.state == "succeeded"]
    outputs = Artifact.objects.filter(kind=Artifact.Kind.OUTPUT, job_id=OuterRef("job_id"))
    first = Subquery(outputs.order_by("pk").values("pk")[:1])
    for artifact in Artifact.objects.filter(job_id__in=without, pk=first):
        address = reverse("headway:job_file", args=[artifact.job_id, artifact.pk])
        results[artifact.job_id] = [("download", artifact.title or artifact.name, address)]
    return results
