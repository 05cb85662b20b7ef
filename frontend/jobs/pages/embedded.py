"""Jobs as a host's own pages show them: one of them, or a list of those about an object.

What is shown and its version come from the same rows, so that a page never has the one without the other.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model
from django.urls import reverse

from core.models import Job
from core.models.job import subject_columns
from core.models.states import State
from frontend.jobs.pages import job as job_pages
from frontend.jobs.pages import waiting as job_waiting
from frontend.jobs.pages.files import only_file_of

User = AbstractBaseUser | AnonymousUser

#: Jobs of a list, unless the page says how many, and the most that it may say.
LISTED, MOST_LISTED = 10, 50


@dataclass(frozen=True)
class LiveJob:
    """One job as a small part of a page."""

    job: Job
    #: A few words on why nobody runs it yet; empty for any other job.
    why: str

    @property
    def version(self) -> str:
        """Changes with all that is shown, except times that the page counts by itself."""
        words = self.why or (self.job.outcome_words if self.job.state == State.WAITING else "")
        return f"{self.job.version}-{zlib.crc32(words.encode()):08x}" if words else self.job.version

    @cached_property
    def context(self) -> dict[str, Any]:
        """The context of `headway/embedded/job.html`."""
        job = self.job
        poll = f"{reverse('headway:job_embedded', args=[job.pk])}?v={self.version}" if job.is_live else ""
        file = only_file_of(job) if job.state == State.SUCCEEDED else None
        milestone = job_pages.milestone(job)
        return {**self.row, "file": file, "milestone": milestone, "poll": poll, "poll_seconds": 1}

    @cached_property
    def row(self) -> dict[str, Any]:
        """What a line of a list shows."""
        job = self.job
        return {
            "job": job,
            "address": job.get_absolute_url(),
            "progress": getattr(job, "progress", None),
            "is_at_work": job.state in (State.RUNNING, State.WAITING),
            "why": self.why,
            "headline": getattr(job, "headline", None) or "",
        }


@dataclass(frozen=True)
class LiveJobs:
    """The newest jobs about one object, as far as a person may see them."""

    jobs: Sequence[LiveJob]
    #: Whether there are older ones.
    has_more: bool
    #: Of the list's own address.
    query: str

    @property
    def version(self) -> str:
        return format(zlib.crc32(repr([(each.job.pk, each.version) for each in self.jobs]).encode()), "08x")

    @cached_property
    def context(self) -> dict[str, Any]:
        """The context of `headway/embedded/jobs.html`."""
        is_live = any(each.job.is_live for each in self.jobs)
        address = f"{reverse('headway:jobs_embedded')}?{self.query}&v={self.version}"
        return {
            "rows": [each.row for each in self.jobs],
            "has_more": self.has_more,
            "poll": address if is_live else "",
            "poll_seconds": 2,
        }


def live_job(user: User, pk: Any) -> LiveJob | None:
    """Return a job for a part of a page; None when this person may not see it, or it is gone."""
    rows = _rows(user).filter(pk=pk)
    return next(iter(_with_reasons(rows)), None)


def live_jobs(user: User, *, type_id: int | None, key: str, most: int = LISTED) -> LiveJobs:
    """Return the newest jobs about the object of this content type and key that this person may see."""
    most = max(1, min(most, MOST_LISTED))
    rows = _rows(user).whole().filter(subject_type=type_id, subject_key=key).order_by("-pk")[: most + 1]
    jobs = _with_reasons(rows)
    return LiveJobs(jobs[:most], len(jobs) > most, urlencode({"type": type_id or 0, "key": key, "most": most}))


def live_jobs_about(user: User, subject: Model, *, most: int = LISTED) -> LiveJobs:
    """Return the newest jobs about this object that this person may see."""
    type_id, key = subject_columns(subject)
    return live_jobs(user, type_id=type_id, key=key, most=most)


def _rows(user: User) -> Any:
    return Job.objects.for_user(user).brief().select_related("progress")


def _with_reasons(rows: Any) -> list[LiveJob]:
    jobs = list(rows)
    why = job_waiting.shortly(jobs)
    return [LiveJob(job, why.get(job.pk, "")) for job in jobs]
