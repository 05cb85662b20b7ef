"""The failed jobs that an address asks for, and which of them an act is on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from core import pipelines
from core.life import dead_letters
from core.life.dead_letters import Search
from core.models import Job
from core.models.job import JobQuerySet
from core.models.states import State
from frontend.site.security import PersonRequest

PAGE_LENGTH = 25
#: Failed jobs that the main navigation counts.
COUNTED = 1000
#: Jobs that a confirmation names.
NAMED_JOBS = 10
#: What an act can be on: the chosen jobs, those of the page, or all that match.
SCOPES = ("selected", "page", "all")
#: Characters that are looked for.
_LONGEST = 200


@dataclass(frozen=True)
class FailedList:
    """The failed jobs of one search, the newest first."""

    request: PersonRequest
    query: QueryDict

    @cached_property
    def search(self) -> Search:
        asked = {name: self.query.get(name, "").strip()[:_LONGEST] for name in ("pipeline", "owner", "text", "error")}
        if not self.request.user.is_staff:
            # There is nobody else's for them to find.
            asked["owner"] = ""
        return Search(**asked)

    @property
    def is_filtered(self) -> bool:
        return self.search != Search()

    @property
    def pipelines(self) -> list[tuple[str, str]]:
        """The choices of the filter by pipeline; one whose code is gone is named when it is asked for."""
        known = [(spec.name, spec.title) for spec in pipelines.every()]
        asked = self.search.pipeline
        return known if not asked or asked in dict(known) else [*known, (asked, asked)]

    @cached_property
    def found(self) -> JobQuerySet:
        return dead_letters.find(self.request.user, self.search)

    @cached_property
    def page(self) -> Page[Job]:
        rows = self.found.select_related("owner").defer("params", "result")
        return Paginator(rows, PAGE_LENGTH).get_page(self.query.get("page"))

    @property
    def terms(self) -> list[tuple[str, str]]:
        """What is searched for, as (what, text) pairs."""
        titles = dict(self.pipelines)
        pairs = [
            ("Pipeline", titles.get(self.search.pipeline, self.search.pipeline)),
            ("Owner", self.search.owner),
            ("Parameters hold", self.search.text),
            ("Error holds", self.search.error),
        ]
        return [(what, text) for what, text in pairs if text]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The search as hidden fields of a form."""
        names = ("pipeline", "owner", "text", "error")
        return [(name, value) for name in names if (value := getattr(self.search, name))]

    @property
    def address(self) -> str:
        """The query that names this search."""
        return "?" + urlencode(dict(self.fields)) if self.fields else ""


@dataclass(frozen=True)
class Choice:
    """The failed jobs that an act is on."""

    among: FailedList

    @property
    def query(self) -> QueryDict:
        return self.among.query

    @cached_property
    def scope(self) -> str:
        asked = self.query.get("scope", "")
        return asked if asked in SCOPES else "selected"

    @cached_property
    def ids(self) -> list[int] | None:
        """The ids that were chosen; None when it is all that match."""
        if self.scope == "all":
            return None
        names = self.query.getlist("job") if self.scope == "selected" else self.query.get("on_page", "").split(",")
        return sorted({int(name) for name in names[:1000] if name.isascii() and name.isdigit() and len(name) < 19})

    @cached_property
    def jobs(self) -> JobQuerySet:
        found = self.among.found
        return found if self.ids is None else found.filter(pk__in=self.ids)

    @cached_property
    def count(self) -> int:
        return self.jobs.count()

    @property
    def named(self) -> list[Job]:
        """The first of them, for people to recognise."""
        return list(self.jobs.select_related("owner").defer("params", "result")[:NAMED_JOBS])

    @property
    def more(self) -> int:
        """How many there are beside those that are named."""
        return max(0, self.count - NAMED_JOBS)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What names these jobs again, as hidden fields of a form."""
        chosen = [("job", str(pk)) for pk in self.ids or ()]
        scope = "all" if self.ids is None else "selected"
        return [("scope", scope), *chosen, *self.among.fields]


def failed_count(user: Any) -> int:
    """Return how many failed jobs this person may see, counted up to a thousand."""
    failed = Job.objects.for_user(user).whole().filter(state=State.FAILED)
    return failed.order_by()[:COUNTED].count()
