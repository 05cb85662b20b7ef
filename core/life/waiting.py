"""Why a job waits, in a sentence for the person who looks at it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Subquery

from core.database.clock import database_now
from core.limits.projection import forecast
from core.models import Gate, Job, JobEvent
from core.models.states import BEGUN, CLAIMABLE, LIVE, State
from core.operation import presence

#: The most jobs ahead that are counted: whoever is behind more need not know how many.
COUNTED = 1_000
#: The most parts at work that one look reads.
_PARTS = 1_000
_AT, _GOES_ON = "It starts at", "It goes on at"


@dataclass(frozen=True)
class Why:
    """What a job waits for."""

    #: queue, no_worker, turn, rate, concurrent, remote, paused, parts, retry or time.
    kind: str
    #: One sentence, without the time.
    text: str
    #: The moment that `lead` announces; None when nobody can say.
    at: dt.datetime | None = None
    #: Jobs that go before it; None when it waits for something else.
    ahead: int | None = None
    #: The words that stand before the time, as in "It starts at"; empty without a time.
    lead: str = ""

    def in_words(self) -> str:
        """Return the sentence with its time."""
        if self.at is None:
            return self.text
        return f"{self.text} {self.lead} {self.at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC."


def why(job: Job) -> Why | None:
    """Return why the job doesn't run; None when it runs, or has ended."""
    if job.state == State.WAITING:
        return _parts(job)
    if job.state not in CLAIMABLE:
        return None
    if job.is_held and (paused := _paused(job)):
        return paused
    if job.run_at > database_now() and (later := _later(job)):
        return later
    if not presence.threads_on(job.queue):
        # This comes before its limits: a start that they allow still needs a worker.
        return Why("no_worker", f"No worker takes jobs from the queue {job.queue}.")
    if job.is_held and (held := forecast(job)):
        lead = "" if held.at is None else _GOES_ON if held.kind == "remote" else _AT
        return Why(held.kind, held.text, held.at, held.ahead, lead)
    return _behind(job)


def note_parts(jobs: Iterable[Job]) -> None:
    """Set `parts_run` of those that wait for parts: whether one of them runs, at whatever depth."""
    waiting = {job.pk: job for job in jobs if job.state == State.WAITING}
    for job in waiting.values():
        job.parts_run = False
    #: The jobs in question by the id of what waits, them or a part of theirs.
    above = {pk: {pk} for pk in waiting}
    while above:
        live = Job.objects.filter(parent__in=above, parent__isnull=False, state__in=LIVE)
        below: dict[int, set[int]] = {}
        for pk, parent_id, state in live.filter(state__in=BEGUN).values_list("pk", "parent", "state")[:_PARTS]:
            if parent_id is None:
                continue
            if state == State.WAITING:
                below[pk] = above[parent_id]
                continue
            for root in above[parent_id]:
                waiting[root].parts_run = True
        above = {pk: roots for pk, roots in below.items() if not all(waiting[root].parts_run for root in roots)}


def _paused(job: Job) -> Why | None:
    gate = Gate.objects.filter(pk=job.pipeline, paused_at__isnull=False).first()
    prediction = forecast(job) if gate else None
    if gate is None or prediction is None or prediction.kind != "paused":
        return None
    return Why("paused", prediction.text, gate.paused_at, lead="Paused since")


def _parts(job: Job) -> Why | None:
    live = Job.objects.filter(parent=job.pk, parent__isnull=False, state__in=LIVE)
    key = live.values_list("fan_key", flat=True).first()
    if key is None:
        # The last part has ended at this very moment.
        return Why("parts", "All its parts have ended; it goes on in a moment.")
    note_parts([job])
    count, total = live.filter(fan_key=key).count(), Job.objects.filter(parent=job.pk, fan_key=key).count()
    ended = f"{total - count:,} of {total:,} have ended"
    return Why("parts", f"Its parts run: {ended}." if job.parts_run else f"None of its parts runs now: {ended}.")


def _later(job: Job) -> Why | None:
    """Return why a job whose time has not come has to wait until then."""
    if job.state == State.RETRYING:
        return Why("retry", f"Retry, attempt {job.attempt + 1} of {job.max_attempts}.", job.run_at, lead=_AT)
    if job.state == State.QUEUED:
        # The gate has let it go a moment ahead of its start.
        return Why("turn", "It starts in a moment.")
    kinds = JobEvent.objects.filter(job=job.pk).order_by("-id").values_list("kind", flat=True)
    if kinds.first() == JobEvent.Kind.DEFERRED:
        return Why("remote", job.error or "It was told to wait.", job.run_at, lead=_GOES_ON)
    return Why("time", "It is scheduled for later.", job.run_at, lead=_AT)


def _behind(job: Job) -> Why:
    ahead = min(_ahead(job), COUNTED)
    if not ahead:
        return Why("queue", f"Next on the queue {job.queue}.", ahead=0)
    jobs = f"{ahead:,} job{'s' if ahead != 1 else ''}" if ahead < COUNTED else f"more than {COUNTED:,} jobs"
    return Why("queue", f"Behind {jobs} on the queue {job.queue}.", ahead=ahead)


def _ahead(job: Job) -> int:
    """Return how many jobs of its queue go before it, about: owners take turns until they are published."""
    due = Job.objects.filter(queue=job.queue, state__in=CLAIMABLE, is_held=False, run_at__lte=database_now())
    published = due.filter(published_at__isnull=False)
    unpublished = due.filter(published_at__isnull=True)
    if job.published_at is not None:
        sooner = Q(priority__gt=job.priority) | Q(priority=job.priority) & _before(job, "published_at")
        return _count(published.filter(sooner)) + _count(unpublished.filter(priority__gt=job.priority))
    same = unpublished.filter(priority=job.priority)
    own = _count(same.filter(_before(job, "run_at"), owner=job.owner_id))
    others: dict[int, int] = {}
    for owner_id in same.exclude(owner=job.owner_id).values_list("owner", flat=True)[:COUNTED]:
        others[owner_id] = others.get(owner_id, 0) + 1
    ahead = _count(published.filter(priority__gte=job.priority)) + _count(unpublished.filter(priority__gt=job.priority))
    return ahead + own + sum(min(count, own + 1) for count in others.values())


def _before(job: Job, field: str) -> Q:
    # Compared in the database: what SQLite's own clock wrote has fewer digits than a time that Python sends.
    own = Subquery(Job.objects.filter(pk=job.pk).values(field)[:1])
    return Q(**{f"{field}__lt": own}) | Q(**{field: own, "pk__lt": job.pk})


def _count(jobs: QuerySet[Job]) -> int:
    return jobs.order_by()[:COUNTED].count()
