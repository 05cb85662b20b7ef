"""The attempts of a job as its page lists them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from core import policy
from core.life import dead_letters
from core.life.dead_letters import AttemptReport
from core.models import Job, JobEvent
from core.models.states import OUTCOMES, WARNED, State
from frontend.site.security import PersonRequest

#: The most attempts that a page lists, the newest ones.
LISTED_ATTEMPTS = 50

#: The ends of an attempt: words, and the state whose colour they get.
_OUTCOMES = {
    JobEvent.Kind.SUCCEEDED.value: ("Succeeded", "succeeded"),
    JobEvent.Kind.FAILED.value: ("Failed", "failed"),
    JobEvent.Kind.RETRYING.value: ("Failed, tried again", "retrying"),
    JobEvent.Kind.CRASHED.value: ("Worker lost", "failed"),
    JobEvent.Kind.CANCELLED.value: ("Cancelled", "cancelled"),
    JobEvent.Kind.RELEASED.value: ("Handed back", "queued"),
    JobEvent.Kind.WAITING.value: ("Waited for its parts", "waiting"),
    JobEvent.Kind.DEFERRED.value: ("Told to wait", "scheduled"),
    "running": ("Running", "running"),
}


@dataclass(frozen=True)
class Attempt:
    """One attempt as its line shows it."""

    number: int
    words: str
    state: str
    started_at: dt.datetime
    seconds: float | None
    error: str
    #: For staff; empty for others.
    worker: str
    traceback: str


@dataclass(frozen=True)
class Attempts:
    """The attempts of one job, the newest first."""

    listed: tuple[Attempt, ...] = ()
    #: How many earlier ones are not listed.
    earlier: int = 0

    def __bool__(self) -> bool:
        return bool(self.listed)


def attempts_of(job: Job, request: PersonRequest) -> Attempts:
    """Return the attempts of a job; none when it went straight to its end, or is in its first attempt."""
    is_plain = job.attempt <= 1 and not job.crashes and job.state not in (State.FAILED, State.RETRYING)
    if is_plain:
        return Attempts()
    reports = dead_letters.attempts_of(job)
    # A job that was cancelled or given up before its first claim has no attempts.
    listed = reports[-LISTED_ATTEMPTS:][::-1]
    attempts = tuple(_attempt(report, job, is_staff=policy.operates(request.user)) for report in listed)
    return Attempts(attempts, earlier=len(reports) - len(listed))


def _attempt(report: AttemptReport, job: Job, *, is_staff: bool) -> Attempt:
    words, state = _OUTCOMES.get(report.outcome, (report.outcome.capitalize(), report.outcome))
    if state == State.SUCCEEDED and job.warning:
        words, state = OUTCOMES[WARNED], WARNED
    return Attempt(
        number=report.attempt,
        words=words,
        state=state,
        started_at=report.started_at,
        seconds=report.seconds,
        error=report.error,
        worker=report.worker if is_staff else "",
        traceback=report.traceback if is_staff else "",
    )
