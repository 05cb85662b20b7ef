"""The outcomes of an attempt as values, and what is written for each.

The attempt's thread turns what the pipeline's function returned or raised into one of these (`of_error`); `end_of`
returns what the ledger writes for it. Nothing else ends an attempt.
"""

from __future__ import annotations

import logging
import random
import traceback
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from core import formatting, pipelines
from core.attempt.children import ChildLost
from core.conf import conf
from core.errors import (
    Interrupted,
    InvalidParams,
    JobCancelled,
    JobStopped,
    PermanentError,
    RetryAfter,
    Suspended,
    TimeLimitReached,
    UnknownPipeline,
)
from core.life.ledger import Claim, End
from core.limits import remote
from core.logs import log
from core.models import JobEvent
from core.models.event import ERROR_CLASS_LENGTH
from core.models.states import State
from core.operation import alarms
from core.pipelines import Pipeline
from core.pipelines.secrets import Opened

_DETAIL_LENGTH = 20_000
_ERROR_LENGTH = 2_000
_RELEASED = "The worker is being restarted; the job goes on by itself."


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function has returned."""

    state: ClassVar[State] = State.SUCCEEDED
    #: JSON text.
    result: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again cannot help, or has not helped."""

    state: ClassVar[State] = State.FAILED
    error: str
    #: A traceback, for staff.
    detail: str = ""
    #: Whether a child process was lost.
    is_crash: bool = False
    #: The dotted path of the error's class.
    error_class: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Something went wrong, and the job has attempts left."""

    state: ClassVar[State] = State.RETRYING
    error: str
    #: Seconds until the next attempt.
    delay: float
    detail: str = ""
    is_crash: bool = False
    error_class: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A remote asks to be left alone: no attempt is counted."""

    state: ClassVar[State] = State.SCHEDULED
    reason: str
    #: Seconds until the job may go on.
    delay: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job has child jobs at work, and is woken by the last of them."""

    state: ClassVar[State] = State.WAITING
    reason: str


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The worker stops: the job goes on elsewhere, and no attempt is counted."""

    state: ClassVar[State] = State.QUEUED


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody has cancelled the job, and the attempt has noticed it."""

    state: ClassVar[State] = State.CANCELLED


@dataclass(frozen=True, slots=True)
class Lost:
    """Another attempt owns the job: this one has nothing to write."""


Outcome = Succeeded | Failed | Retry | Deferred | Waiting | HandedBack | Cancelled | Lost


def end_of(outcome: Outcome, claim: Claim, *, progress: dict[str, Any] | None) -> End | None:
    """Return the end to write for an outcome, with the last progress; None when nothing is written."""
    if isinstance(outcome, Lost):
        return None
    end = End(
        job_id=claim.job_id,
        fence=claim.fence,
        parent_id=claim.parent_id,
        is_limited=claim.lane != "",
        state=outcome.state,
        progress=progress,
    )
    match outcome:
        case Succeeded(result):
            return replace(end, result=result)
        case Failed(error, detail, is_crash, path):
            return replace(end, error=error, detail=detail, crashed=int(is_crash), error_class=path)
        case Retry(error, delay, detail, is_crash, path):
            return replace(end, error=error, delay=delay, detail=detail, crashed=int(is_crash), error_class=path)
        case Deferred(reason, delay):
            return replace(end, kind=JobEvent.Kind.DEFERRED, error=reason, delay=delay)
        case Waiting(reason):
            return replace(end, error=reason)
        case HandedBack():
            return replace(end, kind=JobEvent.Kind.RELEASED, error=_RELEASED)
        case Cancelled():
            return end


def of_error(error: BaseException, claim: Claim) -> Outcome:
    """Return the outcome of an attempt whose function, or a call of its context, raised this error."""
    match error:
        case JobCancelled():
            return Cancelled()
        case Interrupted():
            return HandedBack()
        case Suspended():
            return Waiting(str(error))
        case TimeLimitReached():
            return over_time(claim.job_id, claim.pipeline, claim.attempt)
        case JobStopped():
            return Lost()
        case RetryAfter():
            return _of_retry_after(error, claim)
        case PermanentError() | InvalidParams():
            _log_permanent(error, claim)
            return Failed(str(error)[:_ERROR_LENGTH], detail=_traceback(error), error_class=path_of(type(error)))
        case _:
            return _of_fault(error, claim)


def over_time(job_id: int, pipeline: str, attempt: int, *, detail: str = "") -> Failed:
    """Return the outcome of an attempt that has reached its pipeline's time limit."""
    spec = pipelines.find(pipeline)
    limit = f" of {formatting.seconds(spec.time_limit)}" if spec and spec.time_limit else ""
    sentence = f"It took longer than its time limit{limit}, and was stopped."
    log("job_failed", level=logging.ERROR, job=job_id, pipeline=pipeline, attempt=attempt, error=sentence)
    return Failed(sentence, detail=detail, error_class=path_of(TimeLimitReached))


def redacted(outcome: Outcome, secrets: Opened) -> Outcome:
    """Return the outcome with no secret in its texts."""
    match outcome:
        case Failed() | Retry():
            return replace(outcome, error=secrets.redacted(outcome.error), detail=secrets.redacted(outcome.detail))
        case Deferred() | Waiting():
            return replace(outcome, reason=secrets.redacted(outcome.reason))
        case _:
            return outcome


def without_pipeline(claim: Claim) -> Failed | Retry:
    """Return the outcome when this worker lacks the pipeline: during a deploy another worker may have it."""
    alarms.count(alarms.UNKNOWN_PIPELINE, claim.pipeline, job=claim.job_id)
    sentence = f"There is no pipeline {claim.pipeline!r} in this version of the site."
    if claim.attempt >= claim.max_attempts:
        return Failed(f"{sentence} Ask an operator.", error_class=path_of(UnknownPipeline))
    # Only the upper half of the jitter: a deploy takes longer than the shortest retries would.
    longest = _longest_backoff(claim.attempt - 1)
    delay = random.uniform(longest / 2, longest)
    return Retry(f"{sentence} It is tried again.", delay=delay, error_class=path_of(UnknownPipeline))


def backoff_seconds(failures: int) -> float:
    """Return the seconds until the next attempt: doubling from the base to the cap, with full jitter."""
    return random.uniform(0, _longest_backoff(failures))


def _longest_backoff(failures: int) -> float:
    longest: float = min(conf.RETRY_BASE_SECONDS * 2 ** max(0, min(failures, 30)), conf.RETRY_CAP_SECONDS)
    return longest


def _of_retry_after(error: RetryAfter, claim: Claim) -> Deferred | Failed:
    deferrals = remote.deferrals(claim.job_id)
    if deferrals >= remote.MOST_DEFERRALS:
        return Failed(f"{error} It was told so {deferrals} times; try again later.", error_class=path_of(RetryAfter))
    if error.key:
        # Before the job's own end: all jobs with the same key wait from now on.
        spec = pipelines.get(claim.pipeline)
        remote.block(spec, key=error.key, owner_id=claim.owner_id, params=claim.params, seconds=error.seconds)
    return Deferred(str(error), delay=error.seconds)


def _of_fault(error: BaseException, claim: Claim) -> Failed | Retry:
    outcome = _outcome_of_fault(error, claim)
    # What watches errors hears of a job once: when it has failed. Until then somebody still acts, the relay.
    is_last = isinstance(outcome, Failed)
    log(
        "job_failed" if is_last else "attempt_raised",
        level=logging.ERROR if is_last else logging.WARNING,
        exc_info=is_last or not outcome.is_crash,
        job=claim.job_id,
        pipeline=claim.pipeline,
        attempt=claim.attempt,
        error=type(error).__name__,
    )
    return outcome


def _outcome_of_fault(error: BaseException, claim: Claim) -> Failed | Retry:
    is_crash, path = isinstance(error, ChildLost), path_of(type(error))
    sentence, detail = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH], _traceback(error)
    if is_crash and claim.crashes + 1 >= claim.max_crashes:
        lost = f"The child process was lost {claim.crashes + 1} times while it ran this job. The last one: {error}"
        return Failed(lost, detail, is_crash, path)
    if claim.attempt >= claim.max_attempts:
        return Failed(f"All {claim.max_attempts} attempts failed. The last one: {sentence}", detail, is_crash, path)
    spec = pipelines.get(claim.pipeline)
    # After a person's retry the waits begin small again.
    before = max(0, claim.max_attempts - spec.max_attempts)
    return Retry(sentence, _pause_of(spec, claim.attempt - before - 1), detail, is_crash, path)


def _pause_of(spec: Pipeline, failures: int) -> float:
    """Return the seconds until the next attempt, by the pipeline's own list if it has one."""
    if not spec.retry_seconds:
        return backoff_seconds(failures)
    return spec.retry_seconds[min(failures, len(spec.retry_seconds) - 1)] * random.uniform(1.0, 1.1)


def _log_permanent(error: PermanentError | InvalidParams, claim: Claim) -> None:
    """Log a sentence for the person. No fault of the code is behind it, unless it names one as its cause."""
    has_cause = error.__cause__ is not None
    log(
        "job_refused",
        level=logging.WARNING if has_cause else logging.INFO,
        exc_info=has_cause,
        job=claim.job_id,
        pipeline=claim.pipeline,
        attempt=claim.attempt,
        error=str(error)[:_ERROR_LENGTH],
    )


def path_of(kind: type[BaseException]) -> str:
    """Return the dotted path of an error's class, as its event keeps it."""
    return f"{kind.__module__}.{kind.__qualname__}"[:ERROR_CLASS_LENGTH]


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-_DETAIL_LENGTH:]
