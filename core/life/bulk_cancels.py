"""Cancelling many jobs at once, by what they are; the number is confirmed first."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Refused
from core.life import requests
from core.logs import log
from core.models import Job
from core.models.job import JobQuerySet
from core.people.users import owner_lookup


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is to be cancelled; an empty field matches all."""

    pipeline: str = ""
    state: str = ""
    #: The owner's log-in name.
    owner: str = ""


def find(search: Search) -> JobQuerySet:
    """Return the whole jobs that match and can still be cancelled, the newest first: what waits ends before it runs."""
    jobs = Job.objects.whole().live().filter(cancel_requested_at__isnull=True)
    if search.pipeline:
        jobs = jobs.filter(pipeline=search.pipeline)
    if search.state:
        jobs = jobs.filter(state=search.state)
    if search.owner:
        jobs = jobs.filter(**{owner_lookup("iexact"): search.owner})
    return jobs.order_by("-pk")


def cancel_all(search: Search, *, expected: int, by: str) -> int:
    """Ask for the end of all that match and return of how many; raise Refused when another number matches now.

    Each is a transaction of its own, with its entry in the audit trail. One that has ended meanwhile is passed over.
    """
    chosen = list(find(search).values_list("pk", flat=True))
    if len(chosen) != expected:
        jobs = "job matches" if len(chosen) == 1 else "jobs match"
        raise Refused(f"{len(chosen):,} {jobs} now, not {expected:,}. Nothing was done: look again and confirm anew.")
    done = 0
    for pk in chosen:
        try:
            requests.cancel(Job(pk=pk), by=by)
            done += 1
        except Refused as error:
            log("cancel_passed_over", job=pk, reason=str(error))
    log("jobs_cancelled", count=done, of=len(chosen), by=by)
    return done
