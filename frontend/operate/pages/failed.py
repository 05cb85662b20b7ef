"""The failed jobs of an address, and those of them that an act is on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from core import pipelines, policy
from core.life import dead_letters
from core.life.dead_letters import Search
from core.models import Job
from core.models.job import JobQuerySet
from core.models.states import State
from frontend.site.listing import Listing, Text, as_id
from frontend.site.security import PersonRequest

PAGE_LENGTH = 25
#: The most failed jobs that the main navigation counts.
COUNTED = 1000
#: The most jobs that a confirmation names.
NAMED_JOBS = 10
#: What an act can be on: the chosen jobs, those of the page, or all that match.
SCOPES = ("selected", "page", "all")


class FailedList(Listing[Job]):
    """The failed jobs of one search, the newest first."""

    order = ("-finished_at", "-pk")
    length = PAGE_LENGTH
    # They narrow `dead_letters.find`, which acts on many jobs use as well.
    pipeline = Text()
    owner = Text()
    text = Text()
    error = Text()

    def __init__(self, request: PersonRequest, query: QueryDict) -> None:
        super().__init__(query, reverse("headway:failed_list"))
        self.request = request
        if not policy.operates(request.user):
            # They can find only their own jobs.
            self.values["owner"] = ""

    @cached_property
    def search(self) -> Search:
        return Search(**self.values)

    def rows(self) -> QuerySet[Job]:
        return self.matches

    def whole(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        return rows.select_related("owner").defer("params", "result")

    @property
    def pipelines(self) -> list[tuple[str, str]]:
        """The choices of the filter by pipeline; the chosen one is among them even if its code is gone."""
        choices = [(spec.name, spec.title) for spec in pipelines.every()]
        chosen = self.search.pipeline
        return choices if not chosen or chosen in dict(choices) else [*choices, (chosen, chosen)]

    @cached_property
    def matches(self) -> JobQuerySet:
        return dead_letters.find(self.request.user, self.search)

    @cached_property
    def count(self) -> int:
        return self.matches.count()

    @property
    def terms(self) -> list[tuple[str, str]]:
        """The criteria of the search, as (name, text) pairs."""
        titles = dict(self.pipelines)
        pairs = [
            ("Pipeline", titles.get(self.search.pipeline, self.search.pipeline)),
            ("Owner", self.search.owner),
            ("Parameters hold", self.search.text),
            ("Error holds", self.search.error),
        ]
        return [(what, text) for what, text in pairs if text]


@dataclass(frozen=True)
class Choice:
    """The failed jobs that an act is on."""

    among: FailedList

    @property
    def query(self) -> QueryDict:
        return self.among.query

    @cached_property
    def scope(self) -> str:
        scope = self.query.get("scope", "")
        return scope if scope in SCOPES else "selected"

    @cached_property
    def ids(self) -> list[int] | None:
        """The ids that were chosen; None when it is all that match."""
        if self.scope == "all":
            return None
        names = self.query.getlist("job") if self.scope == "selected" else self.query.get("on_page", "").split(",")
        return sorted({as_id(name) for name in names[:1000]} - {0})

    @cached_property
    def jobs(self) -> JobQuerySet:
        matches = policy.changeable(self.among.request.user, self.among.matches)
        return matches if self.ids is None else matches.filter(pk__in=self.ids)

    @cached_property
    def count(self) -> int:
        return self.jobs.count()

    @property
    def named(self) -> list[Job]:
        """The first of them, so that people recognise them."""
        return list(self.jobs.select_related("owner").defer("params", "result")[:NAMED_JOBS])

    @property
    def more(self) -> int:
        """How many there are besides those that are named."""
        return max(0, self.count - NAMED_JOBS)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The hidden fields of a form that name these jobs again."""
        chosen = [("job", str(pk)) for pk in self.ids or ()]
        scope = "all" if self.ids is None else "selected"
        return [("scope", scope), *chosen, *self.among.fields]


def failed_count(user: Any) -> int:
    """Return how many failed jobs this person may see, counted up to a thousand."""
    failed = Job.objects.for_user(user).whole().filter(state=State.FAILED)
    return failed.order_by()[:COUNTED].count()
