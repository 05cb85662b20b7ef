"""One page of a list of jobs: which, in which order, and the version by which a page notices changes."""

from __future__ import annotations

import time
import zlib
from functools import cached_property
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse

from core import pipelines, policy
from core.life import fan_out
from core.models import Job
from core.models.job import JobQuerySet
from core.models.states import IDLE, LIVE, State
from frontend.jobs.pages import waiting as job_waiting
from frontend.jobs.pages.parts import address_of_parts
from frontend.site.listing import Listing, OneOf, Text, as_id
from frontend.site.security import PersonRequest

PAGE_LENGTH = 25
#: Seconds for which a list shows why its jobs wait before that is queried again.
WHY_SECONDS = 10

#: The tabs above the list: name in the address and title.
TABS = {"": "All", "live": "Live", "succeeded": "Succeeded", "failed": "Failed", "cancelled": "Cancelled"}
#: The states that each stands for.
_STATES = {
    "live": LIVE,
    "succeeded": (State.SUCCEEDED,),
    "failed": (State.FAILED,),
    "cancelled": (State.CANCELLED,),
}


class JobList(Listing[Job]):
    """The jobs of an address: whole ones, the newest first, or with `?parent=7` the parts of job 7 in order.

    Pages go by id, so that a new job moves no other to another page.
    """

    length = PAGE_LENGTH
    state = OneOf({name: Q(state__in=states) for name, states in _STATES.items()})
    pipeline = Text(lookup="pipeline")
    search = Text("q")
    owner = OneOf(["all"])
    parent_number = Text("parent")
    #: The key of the one fan-out whose parts are listed; empty for all of them.
    fan = Text()

    def __init__(self, request: PersonRequest) -> None:
        super().__init__(request.GET, reverse("headway:desk"))
        self.request = request
        if not policy.operates(request.user) or self.parent is not None:
            self.values["owner"] = ""
        if self.parent is None:
            self.values["fan"] = ""
        else:
            self.order = ("pk",)

    @cached_property
    def parent(self) -> Job | None:
        """The job whose parts are listed. Raise Http404 when there is none that this person may see."""
        number = self.parent_number
        if not number:
            return None
        job = Job.objects.for_user(self.request.user).filter(pk=as_id(number)).defer("params", "result").first()
        if job is None:
            raise Http404("no such job")
        return job

    @property
    def fan_title(self) -> str:
        """The name of that fan-out for people."""
        if self.parent is None or not self.fan:
            return ""
        titles = {each.key: each.title for each in fan_out.summary(self.parent.pk)}
        return titles.get(self.fan, "")

    @property
    def is_of_all(self) -> bool:
        """Whether all owners' jobs are shown, which staff may ask for."""
        return bool(self.owner)

    @property
    def is_filtered(self) -> bool:
        return bool(self.state or self.pipeline or self.search)

    def whole(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        return cast(JobQuerySet, rows).brief().select_related("progress", "owner")

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of this page, in order; without the parts of a job that a list has no room for."""
        why = job_waiting.shortly(self.page)
        for job in self.page:
            job.why = why.get(job.pk, "")  # type: ignore[attr-defined]  # for its line
        return self.page

    @cached_property
    def version(self) -> str:
        """The version that the page compares; from one query that reads no large column."""
        return format(zlib.crc32(repr(self._fingerprints).encode()), "08x")

    @property
    def has_waiting(self) -> bool:
        """Whether a job of this page waits: why, or whether its parts run, can change without a change of the job."""
        return any(state in IDLE for _, state, *_ in self._fingerprints)

    @property
    def now(self) -> int:
        """When the page was made, in epoch seconds."""
        return int(time.time())

    @property
    def is_unchanged(self) -> bool:
        """Whether the requesting page, `?v=`, is up to date."""
        if self.query.get("v") != self.version:
            return False
        made_at = as_id(self.query.get("at", ""))
        return not made_at or not self.has_waiting or self.now - made_at < WHY_SECONDS

    @property
    def is_live(self) -> bool:
        """Whether the list may change by itself: one of its jobs lives, or the job that they are parts of."""
        return any(job.is_live for job in self.jobs) or (self.parent is not None and self.parent.is_live)

    @cached_property
    def live_count(self) -> int:
        return self._owned.live().count()

    @property
    def state_tabs(self) -> list[dict[str, Any]]:
        return self.tabs("state", TABS, {"live": self.live_count})

    @property
    def pipelines(self) -> list[tuple[str, str]]:
        """The choices of the filter by pipeline."""
        is_staff = policy.operates(self.request.user)
        return [(spec.name, spec.title) for spec in pipelines.every() if is_staff or not spec.is_for_staff]

    @property
    def all_parts(self) -> str:
        """The address of the parts without a filter."""
        return address_of_parts(self.parent.pk, key=self.fan) if self.parent else ""

    @cached_property
    def _fingerprints(self) -> list[Any]:
        names = ("pk", "state", "fence", "cancel_requested_at", "progress__version", "is_held", "priority", "run_at")
        return list(self.sliced.values_list(*names))

    @property
    def _owned(self) -> JobQuerySet:
        """All jobs of the list, before it is filtered."""
        if self.parent is not None:
            parts = Job.objects.filter(parent=self.parent)
            return parts.filter(fan_key=self.fan) if self.fan else parts
        whole = self._anybodys.whole()
        if self.is_of_all or self.pipeline or self.search:
            return whole
        # Jobs that the site makes by itself, such as mails, are listed only when they are asked for, or have failed.
        untold = [spec.name for spec in pipelines.every() if not spec.notifies_owner]
        return whole.exclude(Q(pipeline__in=untold) & ~Q(state=State.FAILED))

    @property
    def _anybodys(self) -> JobQuerySet:
        jobs = Job.objects.for_user(self.request.user)
        return jobs if self.is_of_all else jobs.filter(owner=self.request.user)

    def rows(self) -> QuerySet[Job]:
        return self._matches if self.search else self._owned

    @property
    def _matches(self) -> JobQuerySet:
        """The jobs that the search matches: by their label or, for `#7` and `7`, their number; parts by their place."""
        labelled, number = Q(label__icontains=self.search), as_id(self.search.removeprefix("#"))
        if not number:
            return self._owned.filter(labelled)
        if self.parent is not None:
            # Each label has the number of all parts in it.
            return self._owned.filter(Q(pk=number) if self.search.startswith("#") else Q(fan_index=number - 1))
        # Only a number finds a part here. It is a query of its own, as with an OR no index would serve the search.
        part = self._anybodys.filter(pk=number, parent__isnull=False)
        if part.exists():
            return part
        return self._owned.filter(labelled | Q(pk=number))
