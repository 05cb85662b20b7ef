"""The version of a job's page: what an open page compares, and the ticket by which it asks.

A live page asks each second, and mostly nothing is new. To learn who is asking takes a session, an account and their
preferences; whether a job has changed is one query. So each region carries a ticket: the job and the version that it
shows, signed. As long as it holds, "nothing is new" is all that it can say; for anything else the person is looked at.
"""

from __future__ import annotations

from django.core.signing import BadSignature, TimestampSigner
from django.db import InterfaceError, OperationalError
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from core.life.waiting import note_parts
from core.models import Job, JobEvent
from core.models.job import job_version
from core.models.states import LIVE, State
from frontend.site.answers import is_htmx
from frontend.site.security import PersonRequest

#: Regions beside the progress that an answer may bring along.
BESIDE = ("actions", "facts", "result", "steps", "record", "log")
#: Seconds for which a ticket holds; then the region comes with another one, if its reader may still see it.
HOLDS_SECONDS = 30
#: The ticket's name in the address.
TICKET = "t"


def version_of(request: PersonRequest, pk: int) -> str | None:
    """Return the version of the page, or None when this person may see no such job. One query."""
    return _version(Job.objects.for_user(request.user).filter(pk=pk))


def version_of_job(pk: int) -> str | None:
    """Return the version of the page, whoever asks."""
    return _version(Job.objects.filter(pk=pk))


def never(version: str) -> str:
    """Return a version that the page never has, so that each request is answered; no region beside differs."""
    before, _, events = version.rsplit("-", 2)
    return f"{before}-ending-{events}"


def changed(page_version: str, version: str) -> tuple[str, ...]:
    """Return the regions beside the progress that differ between two versions."""
    before, after = page_version.split("-"), version.split("-")
    if len(before) != len(after):
        return BESIDE
    # state, fence and cancelling; progress; number of events.
    changed = []
    if before[:3] != after[:3]:
        changed += ["actions", "facts", "result"]
    if before[:3] != after[:3] or before[-1] != after[-1]:
        changed += ["record"]
    if before[:3] == after[:3] and before[-1] != after[-1]:
        # Somebody may have changed its priority.
        changed += ["facts"]
    return tuple(changed)


def ticket_for(pk: int, version: str) -> str:
    """Return a ticket for a region that shows this version of a job."""
    return _signer().sign(f"{pk}.{version}")


def nothing_new(request: HttpRequest) -> HttpResponse | None:
    """Return the answer that nothing is new, if the request has a ticket that says so; one query, or none.

    Called before anything else has seen the request. While the database is away, the way that others go answers.
    """
    ticket = request.GET.get(TICKET, "") if request.method == "GET" and is_htmx(request) else ""
    if not ticket:
        return None
    try:
        pk, _, version = _signer().unsign(ticket, max_age=HOLDS_SECONDS).partition(".")
        match = resolve(request.path_info)
        if match.view_name != "headway:job_progress" or match.kwargs != {"pk": int(pk)}:
            return None
        if version_of_job(int(pk)) != version:
            return None
    except (BadSignature, Resolver404, OperationalError, InterfaceError):
        return None
    request.resolver_match = match
    return HttpResponse(status=204)


def _version(jobs: QuerySet[Job]) -> str | None:
    """Return the job's own version with the number of its events.

    Whether the parts of a waiting job run is among it; only where none of its own does, their parts take a query more.
    """
    # Events are only ever added, so their number says as much as the newest id. It is found by the job alone,
    # while for the newest id a planner may walk through the events of all other jobs.
    events = JobEvent.objects.filter(job=OuterRef("pk")).order_by().values("job")
    count = events.annotate(count=Count("pk")).values("count")
    names = ("state", "fence", "cancel_requested_at", "progress__version")
    running = Job.objects.filter(parent=OuterRef("pk"), parent__isnull=False, state__in=LIVE, state=State.RUNNING)
    row = jobs.values_list("pk", *names, Subquery(count), Exists(running)).first()
    if row is None:
        return None
    pk, state, fence, cancel_requested_at, progress_version, event_count, parts_run = row
    own = job_version(
        state=f"{state}parts" if state == State.WAITING and (parts_run or _deeper_parts_run(pk)) else state,
        fence=fence,
        is_cancelling=cancel_requested_at is not None,
        progress_version=progress_version or 0,
    )
    return f"{own}-{event_count or 0}"


def _deeper_parts_run(pk: int) -> bool:
    waiting = Job(pk=pk, state=State.WAITING)
    note_parts([waiting])
    return bool(waiting.parts_run)


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="headway.unchanged")
