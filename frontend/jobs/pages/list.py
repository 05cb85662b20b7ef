"""One page of a list of jobs: which, in which order, and the version that tells whether it has changed."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import Http404, QueryDict

from core import pipelines
from core.life import fan_out
from core.models import Job
from core.models.job import JobQuerySet
from core.models.states import CLAIMABLE, LIVE, State
from frontend.jobs.pages import waiting as job_waiting
from frontend.jobs.pages.parts import address_of_parts
from frontend.site.security import PersonRequest

PAGE_LENGTH = 25
#: Seconds for which a list says why its jobs wait before it looks again.
WHY_SECONDS = 10

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
    """The jobs that an address asks for: whole ones, the newest first, or with `?parent=7` the parts of job 7 in order.

    Pages go by id, so that a new job moves nothing out of sight.
    """

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
    def parent(self) -> Job | None:
        """The job whose parts are asked for. Raise Http404 when there is none, or none that this person may see."""
        asked = self.query.get("parent", "")
        if not asked:
            return None
        found = Job.objects.for_user(self.request.user).filter(pk=_as_id(asked)).defer("params", "result").first()
        if found is None:
            raise Http404("no such job")
        return found

    @cached_property
    def fan(self) -> str:
        """The key of the one fan-out whose parts are asked for; empty for all of them."""
        return self.query.get("fan", "")[:200] if self.parent else ""

    @property
    def fan_title(self) -> str:
        """The name of that fan-out for people."""
        if self.parent is None or not self.fan:
            return ""
        titles = {each.key: each.title for each in fan_out.summary(self.parent.pk)}
        return titles.get(self.fan, "")

    @cached_property
    def is_of_all(self) -> bool:
        """Whether all owners' jobs are shown, which staff may ask for."""
        if self.parent is not None:
            return False
        return self.request.user.is_staff and self.query.get("owner") == "all"

    @property
    def is_filtered(self) -> bool:
        return bool(self.state or self.pipeline or self.search)

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of this page, in order; without the parts of a job that a list has no room for."""
        found = list(self._page.brief().select_related("progress", "owner")[: PAGE_LENGTH + 1])
        jobs = self._in_order(found)[:PAGE_LENGTH]
        why = job_waiting.shortly(jobs)
        for job in jobs:
            job.why = why.get(job.pk, "")  # type: ignore[attr-defined]  # for its line
        return jobs

    @cached_property
    def version(self) -> str:
        """What the page compares; from one query that reads no large column."""
        return format(zlib.crc32(repr(self._fingerprints).encode()), "08x")

    @property
    def has_waiting(self) -> bool:
        """Whether a job of this page waits: why it does changes without a word of its own."""
        return any(state in CLAIMABLE for _, state, *_ in self._fingerprints)

    @property
    def now(self) -> int:
        """When the page was made, in epoch seconds."""
        return int(time.time())

    @property
    def is_unchanged(self) -> bool:
        """Whether the page that asks, `?v=`, shows what there is."""
        if self.query.get("v") != self.version:
            return False
        made_at = _as_id(self.query.get("at", ""))
        return not made_at or not self.has_waiting or self.now - made_at < WHY_SECONDS

    @property
    def is_live(self) -> bool:
        """Whether the list may change by itself: its jobs live, or that which they are parts of."""
        return any(job.is_live for job in self.jobs) or (self.parent is not None and self.parent.is_live)

    @cached_property
    def live_count(self) -> int:
        return self._owned.live().count()

    @property
    def next_page(self) -> str:
        """The address's query of the next page, empty on the last."""
        if not self.jobs:
            return ""
        last = self.jobs[-1].pk
        further = Q(pk__gt=last) if self.parent else Q(pk__lt=last)
        if not self._filtered.filter(further).exists():
            return ""
        return self.address(after=last) if self.parent else self.address(before=last)

    @property
    def previous_page(self) -> str:
        """The address's query of the page before, empty on the first."""
        if not self.jobs or not (self._before or self._after):
            return ""
        first = self.jobs[0].pk
        nearer = Q(pk__lt=first) if self.parent else Q(pk__gt=first)
        if not self._filtered.filter(nearer).exists():
            return ""
        return self.address(before=first) if self.parent else self.address(after=first)

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
        is_staff = self.request.user.is_staff
        return [(spec.name, spec.title) for spec in pipelines.every() if is_staff or not spec.is_for_staff]

    @property
    def own_address(self) -> str:
        """The query that names exactly this page."""
        return self.address(before=self._before or None, after=self._after or None)

    @property
    def all_parts(self) -> str:
        """The address of the parts without a filter."""
        return address_of_parts(self.parent.pk, key=self.fan) if self.parent else ""

    def address(self, **changes: Any) -> str:
        """Return the query with these changes; a new filter starts at the first page."""
        kept = {
            "state": self.state,
            "pipeline": self.pipeline,
            "q": self.search,
            "owner": "all" if self.is_of_all else "",
            "parent": self.parent.pk if self.parent else "",
            "fan": self.fan,
        }
        return "?" + urlencode({name: value for name, value in {**kept, **changes}.items() if value})

    @cached_property
    def _before(self) -> int:
        return _as_id(self.query.get("before", ""))

    @cached_property
    def _after(self) -> int:
        return _as_id(self.query.get("after", ""))

    @cached_property
    def _fingerprints(self) -> list[Any]:
        names = ("pk", "state", "fence", "cancel_requested_at", "progress__version", "is_held", "priority", "run_at")
        return list(self._page.values_list(*names)[: PAGE_LENGTH + 1])

    @property
    def _owned(self) -> JobQuerySet:
        """All jobs that the list is of, before it is filtered."""
        if self.parent is not None:
            parts = Job.objects.filter(parent=self.parent)
            return parts.filter(fan_key=self.fan) if self.fan else parts
        whole = self._anybodys.whole()
        if self.is_of_all or self.pipeline or self.search:
            return whole
        # What the site does for a person by itself, as its mails, is in their list when it is asked for, or went wrong.
        untold = [spec.name for spec in pipelines.every() if not spec.is_told]
        return whole.exclude(Q(pipeline__in=untold) & ~Q(state=State.FAILED))

    @property
    def _anybodys(self) -> JobQuerySet:
        jobs = Job.objects.for_user(self.request.user)
        return jobs if self.is_of_all else jobs.filter(owner=self.request.user)

    @property
    def _filtered(self) -> JobQuerySet:
        jobs = self._found if self.search else self._owned
        if states := next(states for name, _, states in TABS if name == self.state):
            jobs = jobs.filter(state__in=states)
        if self.pipeline:
            jobs = jobs.filter(pipeline=self.pipeline)
        return jobs

    @property
    def _found(self) -> JobQuerySet:
        """The jobs that the search matches: by their label or, for `#7` and `7`, their number; parts by their place."""
        labelled, number = Q(label__icontains=self.search), _as_id(self.search.removeprefix("#"))
        if not number:
            return self._owned.filter(labelled)
        if self.parent is not None:
            # Each label has the number of all parts in it.
            return self._owned.filter(Q(pk=number) if self.search.startswith("#") else Q(fan_index=number - 1))
        # Only a number finds a part here. Asked for apart: with an OR in it no index would serve the search.
        part = self._anybodys.filter(pk=number, parent__isnull=False)
        if part.exists():
            return part
        return self._owned.filter(labelled | Q(pk=number))

    @property
    def _page(self) -> JobQuerySet:
        is_upwards = bool(self.parent)
        if self._before:
            # Towards older jobs, or back to earlier parts.
            return self._filtered.filter(pk__lt=self._before).order_by("-pk")
        if self._after:
            return self._filtered.filter(pk__gt=self._after).order_by("pk")
        return self._filtered.order_by("pk" if is_upwards else "-pk")

    def _in_order(self, found: list[Job]) -> list[Job]:
        """Turn a page round that was read backwards."""
        is_backwards = bool(self._before) if self.parent else bool(self._after and not self._before)
        return found[:PAGE_LENGTH][::-1] if is_backwards else found


def _as_id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
