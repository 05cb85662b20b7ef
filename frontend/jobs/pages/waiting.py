"""Why a job waits, as its page and its line in a list show it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from core.life import waiting
from core.life.waiting import Why
from core.models import Gate, Job
from core.models.states import CLAIMABLE, State
from core.operation import presence

#: The icon of each kind of reason.
ICONS = {
    "queue": "queue",
    "no_worker": "alert",
    "paused": "pause",
    "retry": "retry",
    "time": "calendar",
}
#: The pages on which staff can do something about it.
_LEADS_TO = {
    "paused": "limits",
    "rate": "limits",
    "concurrent": "limits",
    "remote": "limits",
    "no_worker": "workers",
}


def why_of(job: Job) -> Why | None:
    """Return why nobody runs the job yet; None for one that runs, waits for its parts or has ended."""
    # The number of parts done is shown with the steps, and changes with the job's own version.
    return waiting.why(job) if job.state in CLAIMABLE else None


def context_of(why: Why | None) -> dict[str, Any]:
    """Return the context of `_job_why.html`."""
    if why is None:
        return {"why": None}
    return {
        "why": why,
        "why_version": version_of(why),
        "why_icon": ICONS.get(why.kind, "hourglass"),
        "why_leads_to": _LEADS_TO.get(why.kind, ""),
    }


def version_of(why: Why) -> str:
    """Return a version of the reason; it changes by the second when the time is shown to the second."""
    second = int(why.at.timestamp()) if why.at else 0
    return format(zlib.crc32(f"{why.kind} {why.text} {why.lead} {second}".encode()), "08x")


def shortly(jobs: Iterable[Job]) -> dict[int, str]:
    """Return, by id, a few words on why jobs of a list wait; from a few queries whatever their number.

    Of those that wait for parts it is noted whether these run, which is then among their words of state.
    The number of jobs before them is for their own pages: it takes a query for each.
    """
    jobs = list(jobs)
    waiting.note_parts(jobs)
    stuck = [job for job in jobs if job.state in CLAIMABLE]
    if not stuck:
        return {}
    paused = {
        gate.pipeline: gate
        for gate in Gate.objects.filter(pipeline__in={job.pipeline for job in stuck}, paused_at__isnull=False)
    }
    attended = {name for worker in presence.alive() if not worker.is_stopping for name in worker.queues}
    reasons = {job.pk: _words(job, paused.get(job.pipeline), is_attended=job.queue in attended) for job in stuck}
    return {pk: words for pk, words in reasons.items() if words}


def _words(job: Job, gate: Gate | None, *, is_attended: bool) -> str:
    if job.is_held and gate is not None:
        return f"Paused by {gate.paused_by}" + (f": {gate.note}" if gate.note else "")
    if job.state == State.SCHEDULED:
        # The time of its start stands beside it.
        return job.error
    if job.state == State.RETRYING:
        return ""
    if not is_attended:
        return f"No worker takes jobs from the queue {job.queue}"
    return "Held back by a limit" if job.is_held else "In the queue"
