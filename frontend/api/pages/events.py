"""A job's events, and waiting for the next one.

1. A request that finds nothing new waits for up to 25 s, if there is a place for it: `API_WAITING_REQUESTS` of a
   process may wait at once, and others are answered at once, as all are in a transaction.
2. While requests wait, one thread of the process looks after the jobs of all of them, by one query each `LOOK_SECONDS`.
   A waiting request has given its own database connection back.
3. An event, or the job's end, ends the wait. The answer is read anew, by the request itself.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

from django.db import DatabaseError, connection
from django.db.models import Max
from pydantic import BaseModel, Field

from core.conf import conf
from core.models import Job, JobEvent
from core.models.states import LIVE
from frontend.api.access import ApiRequest
from frontend.api.pages.jobs import OutcomeName, ProgressBody, StateName, progress_of

#: The longest wait, in seconds: proxies give up after 30 or 60.
LONGEST_WAIT = 25
#: Seconds between two looks.
LOOK_SECONDS = 0.25
#: Events of one answer.
MOST_EVENTS = 200

Kind = Literal[
    "submitted", "claimed", "step", "note", "retrying", "crashed", "waiting", "resumed", "released", "deferred",
    "cancel_requested", "cancelled", "succeeded", "failed", "requeued", "discarded", "edited", "reprioritised",
]  # fmt: skip


class EventBody(BaseModel):
    """One line of the job's timeline."""

    id: int
    at: dt.datetime
    kind: Kind
    words: str
    attempt: int
    text: str
    worker: str | None = Field(description="For those who operate the site; null for others.")


class EventList(BaseModel):
    """What has happened to a job since the event that was named, and where it is."""

    items: list[EventBody] = Field(description="The oldest first; 200 at most.")
    last: int = Field(description="To be sent as `after` the next time.")
    state: StateName
    outcome: OutcomeName
    is_finished: bool = Field(description="Whether nothing more will come, unless somebody retries it.")
    progress: ProgressBody


def events(job: Job, request: ApiRequest, *, after: int) -> EventList:
    """Return the job's events after one, as they are now."""
    operates = request.auth.operates
    rows = list(JobEvent.objects.filter(job=job, pk__gt=after).order_by("pk").defer("detail")[:MOST_EVENTS])
    return EventList(
        items=[
            EventBody(
                id=row.pk,
                at=row.at,
                kind=row.kind,  # type: ignore[arg-type]  # one of the model's
                words=str(row.get_kind_display()),
                attempt=row.attempt,
                text=row.text,
                worker=row.worker if operates else None,
            )
            for row in rows
        ],
        last=rows[-1].pk if rows else after,
        state=str(job.state),  # type: ignore[arg-type]  # as above
        outcome=str(job.outcome),  # type: ignore[arg-type]  # as above
        is_finished=job.is_finished and len(rows) < MOST_EVENTS,
        progress=progress_of(job),
    )


def wait_for_news(job: Job, *, after: int, seconds: float) -> bool:
    """Wait until the job has an event after this one, or has ended; return False where nothing was waited for.

    The request's database connection is given back meanwhile.
    """
    if seconds <= 0 or connection.in_atomic_block:
        return False
    place = _lookout.enter(job.pk, after)
    if place is None:
        return False
    try:
        connection.close()
        place.news.wait(seconds)
    finally:
        _lookout.leave(place)
    return True


@dataclass(eq=False)
class _Place:
    """One waiting request."""

    job_id: int
    after: int
    news: threading.Event = field(default_factory=threading.Event)


class _Lookout:
    """The waiting requests of this process, and the thread that looks for them while there are any."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._places: set[_Place] = set()
        self._thread: threading.Thread | None = None

    def enter(self, job_id: int, after: int) -> _Place | None:
        """Return a place to wait at; None when all are taken."""
        with self._guard:
            if len(self._places) >= conf.API_WAITING_REQUESTS:
                return None
            place = _Place(job_id, after)
            self._places.add(place)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="api-events", daemon=True)
                self._thread.start()
            return place

    def leave(self, place: _Place) -> None:
        with self._guard:
            self._places.discard(place)

    def _look(self) -> None:
        try:
            while places := self._waiting():
                self._tell(places)
                time.sleep(LOOK_SECONDS)
        finally:
            connection.close()

    def _waiting(self) -> list[_Place]:
        with self._guard:
            if not self._places:
                # Whoever enters after this starts another thread.
                self._thread = None
            return list(self._places)

    def _tell(self, places: list[_Place]) -> None:
        job_ids = {place.job_id for place in places}
        try:
            newest = dict(
                JobEvent.objects.filter(job__in=job_ids).order_by().values_list("job").annotate(newest=Max("pk"))
            )
            live = set(Job.objects.filter(pk__in=job_ids, state__in=LIVE).values_list("pk", flat=True))
        except DatabaseError:
            # The requests ask for themselves, and say that the database is away.
            connection.close()
            newest, live = {}, set()
        for place in places:
            if newest.get(place.job_id, 0) > place.after or place.job_id not in live:
                place.news.set()


_lookout = _Lookout()
