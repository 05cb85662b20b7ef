"""Links to a job's live page: the list of them for who made them, and what the page behind one shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from core.life.waiting import note_parts
from core.models import Artifact, Job, ShareLink
from core.models.states import State
from core.people import shares
from frontend.jobs.pages import job as job_pages

#: Links that a job's page of links lists, the newest ones.
LISTED = 100
_UNTOLD = "It did not succeed. Ask whoever sent you this link."


class ShareForm(forms.Form):
    """For how long a link works, and whether the result's files come with it."""

    days = forms.TypedChoiceField(
        label="It works for",
        choices=[(days, "a day" if days == 1 else f"{days} days") for days in shares.DAYS],
        coerce=int,
        initial=7,
        widget=forms.Select(attrs={"autocomplete": "off"}),
    )
    with_files = forms.BooleanField(label="The result's files may be downloaded", required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="id_share_%s")


@dataclass(frozen=True)
class LinkLine:
    """One link as its job's page of links lists it."""

    link: ShareLink
    is_working: bool

    @property
    def address(self) -> str:
        return shares.address_of(self.link)

    @property
    def words(self) -> str:
        if self.is_working:
            return "Works"
        return "Revoked" if self.link.revoked_at else "Expired"

    @property
    def state(self) -> str:
        """The state whose colour and icon it has."""
        return "succeeded" if self.is_working else "cancelled"


def links_of(job: Job) -> list[LinkLine]:
    """Return the links to a job: those that work, then those that have ended, the newest first."""
    now = timezone.now()
    lines = [
        LinkLine(link, link.revoked_at is None and link.expires_at > now)
        for link in job.share_links.select_related("made_by")[:LISTED]
    ]
    return sorted(lines, key=lambda line: not line.is_working)


def shared_context(link: ShareLink) -> dict[str, Any]:
    """Return the context of the page behind a link: how the job stands and what came of it.

    No parameters, log, attempts, steps, events, other jobs or acts; of errors only the sentences that are for people.
    """
    job, version = link.job, version_of(link.job)
    # For display only: the row is never saved.
    job.error = _error(job)
    progress = getattr(job, "progress", None)
    if progress is not None:
        progress.note = ""
    token = shares.token_of(link)
    return {
        "job": job,
        "link": link,
        "progress": progress,
        "version": version,
        "poll": reverse("headway:shared_job_progress", args=[token]) if job.is_live else "",
        "goes_on": False,
        "stages": job_pages.stages_of(job),
        "explanation": job_pages.explanation(job),
        "headline": job.result.get("headline", "") if isinstance(job.result, dict) else "",
        "facts": job_pages.facts_of(job),
        "milestone": job_pages.milestone(job),
        "title": job_pages.page_title(job),
        "outputs": [(file, reverse("headway:shared_job_file", args=[token, file.pk])) for file in files_of(link)],
    }


def version_of(job: Job) -> str:
    """Return the version of the page; with it the job knows whether its parts run."""
    note_parts([job])
    return f"{job.version}-{int(bool(job.parts_run))}"


def files_of(link: ShareLink) -> list[Artifact]:
    """Return the files that may be downloaded through a link: what an ended job has made, if the link says so."""
    if not link.with_files or link.job.is_live:
        return []
    outputs = link.job.artifacts.filter(kind=Artifact.Kind.OUTPUT)
    return [file for file in outputs if file.local_path.is_file()]


def _error(job: Job) -> str:
    """Return the job's error for strangers. What a fault in the code says may name what is inside the site."""
    if not job.error or job.state != State.FAILED:
        return ""
    return job.error if job_pages.failed_for_good(job) else _UNTOLD
