"""One page of a list of jobs: which, in which order, and the version that tells whether it has changed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.db.models.fields.json import KT
from django.http import QueryDict

from core import pipelines
from core.models import Job
from core.models.job import JobQuerySet
from core.states import LIVE, State
from frontend.security import PersonRequest

PAGE_LENGTH = 25

#: The tabs above the list: name in the address, title, states.
TABS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "All", ()),
    ("live", "Live", LIVE),
    ("succeeded", "Succeeded", (State.SUCCEEDED,)),
    ("failed", "Failed", (State.FAILED,)),
    ("cancelled", "Cancelled", (State.CANCELLED,)),
)


@dataclass(frozen=True)
class JobList:
    """The jobs that an address asks for. Pages go by id, so that a new job moves nothing out of sight."""

    request: PersonRequest

    @property
    def query(self) -> QueryDict:
        return self.request.GET

    @cached_property
    def state(self) -> str:
        asked = self.query.get("state", "")
        return asked if asked in {name for name, _, _ in TABS} else ""

    @cached_property
    def pipeline(self) -> str:
        return self.query.get("pipeline", "")

    @cached_property
    def search(self) -> str:
        return self.query.get("q", "").strip()[:200]

    @cached_property
    def is_of_all(self) -> bool:
        """Whether all owners' jobs are shown, which staff may ask for."""
        return self.request.user.is_staff and self.query.get("owner") == "all"

    @property
    def is_filtered(self) -> bool:
        return bool(self.state or self.pipeline or self.search)

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of this page, newest first; without the parts of a job that a list has no room for."""
        rows = self._page.select_related("progress", "owner").annotate(headline=KT("result__headline"))
        found = list(rows.defer("params", "result")[: PAGE_LENGTH + 1])
        return self._in_order(found)[:PAGE_LENGTH]

    @cached_property
    def version(self) -> str:
        """What the page compares; from one query that reads no large column."""
        rows = self._page.values_list("pk", "state", "fence", "cancel_requested_at", "progress__version")
        return format(zlib.crc32(repr(list(rows[: PAGE_LENGTH + 1])).encode()), "08x")

    @property
    def is_live(self) -> bool:
        return any(job.is_live for job in self.jobs)

    @cached_property
    def live_count(self) -> int:
        return self._owned.live().count()

    @property
    def older(self) -> str:
        """The address's query of the next page, empty on the last."""
        if not self.jobs:
            return ""
        has_older = self._filtered.filter(pk__lt=self.jobs[-1].pk).exists()
        return self.address(before=self.jobs[-1].pk) if has_older else ""

    @property
    def newer(self) -> str:
        """The address's query of the page before, empty on the first."""
        if not self.jobs or not (self._before or self._after):
            return ""
        has_newer = self._filtered.filter(pk__gt=self.jobs[0].pk).exists()
        return self.address(after=self.jobs[0].pk) if has_newer else ""

    @property
    def tabs(self) -> list[dict[str, Any]]:
        return [
            {
                "title": title,
                "address": self.address(state=name),
                "is_current": name == self.state,
                "count": self.live_count if name == "live" else None,
            }
            for name, title, _ in TABS
        ]

    @property
    def pipelines(self) -> list[tuple[str, str]]:
        """The choices of the filter by pipeline."""
        return [(spec.name, spec.title) for spec in pipelines.every()]

    @property
    def own_address(self) -> str:
        """The query that names exactly this page."""
        return self.address(before=self._before or None, after=self._after or None)

    def address(self, **changes: Any) -> str:
        """Return the query with these changes; a new filter starts at the first page."""
        kept = {
            "state": self.state,
            "pipeline": self.pipeline,
            "q": self.search,
            "owner": "all" if self.is_of_all else "",
        }
        return "?" + urlencode({name: value for name, value in {**kept, **changes}.items() if value})

    @cached_property
    def _before(self) -> int:
        return _as_id(self.query.get("before", ""))

    @cached_property
    def _after(self) -> int:
        return _as_id(self.query.get("after", ""))

    @property
    def _owned(self) -> JobQuerySet:
        jobs = Job.objects.for_user(self.request.user)
        return jobs if self.is_of_all else jobs.filter(owner=self.request.user)

    @property
    def _filtered(self) -> JobQuerySet:
        jobs = self._owned
        if states := next(states for name, _, states in TABS if name == self.state):
            jobs = jobs.filter(state__in=states)
        if self.pipeline:
            jobs = jobs.filter(pipeline=self.pipeline)
        if self.search:
            jobs = jobs.filter(_matching(self.search))
        return jobs

    @property
    def _page(self) -> JobQuerySet:
        if self._before:
            return self._filtered.filter(pk__lt=self._before).order_by("-pk")
        if self._after:
            return self._filtered.filter(pk__gt=self._after).order_by("pk")
        return self._filtered.order_by("-pk")

    def _in_order(self, found: list[Job]) -> list[Job]:
        if self._after and not self._before:
            return found[:PAGE_LENGTH][::-1]
        return found


def _matching(search: str) -> Q:
    """Match the job's label or, for `#7` and `7`, its number."""
    number = _as_id(search.removeprefix("#"))
    return Q(label__icontains=search) | Q(pk=number) if number else Q(label__icontains=search)


def _as_id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
