"""Attempts: what this process runs, and how each one ends.

The story of one attempt: claim; hold (the keeper renews its lease and writes its progress from now on); run the
pipeline's function; end. Nothing is raised to the caller: whatever happens is written on the job.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection

from core import pipelines
from core.attempt.children import ChildLost
from core.attempt.context import JobContext
from core.database import statements
from core.database.jsontext import dumps, dumps_limited
from core.errors import Interrupted, JobCancelled, JobStopped, LeaseLost, PermanentError, RetryAfter, Suspended
from core.failpoints import failpoint
from core.files import storage
from core.life import families, leases
from core.life.leases import Held
from core.life.ledger import LEDGER_THREAD, Claim, End, Ledger
from core.life.requests import discard
from core.limits.remote import deferral
from core.logs import tell
from core.models import Job, JobEvent
from core.models.states import State
from core.operation import alarms, metrics
from core.wakeup import jobs_due

_DETAIL_LENGTH = 20_000
_ERROR_LENGTH = 2_000
_RELEASED = "The worker is being restarted; the job goes on by itself."
#: Looks at which a parent's progress is tried again when its row is held.
ROLL_UP_TRIES = 3


@dataclass
class Attempts:
    """The attempts that this process holds."""

    worker: str = field(default_factory=leases.worker_name)
    _held: dict[Held, JobContext] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    #: Parents whose children have changed here, with how often their progress is still to be tried.
    _changed_parents: dict[int, int] = field(default_factory=dict)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self.ledger = Ledger(worker=self.worker, on_woken=_publish_woken, on_place_free=_look_again)

    def __len__(self) -> int:
        return len(self._held)

    # -- the attempt's thread --------------------------------------------------------------------------

    def run(self, job_id: int) -> None:
        """Run one attempt of the job, if it is to be had."""
        claim = self.ledger.claim(job_id)
        if claim is None:
            tell("claim_refused", level=logging.DEBUG, job=job_id)
            return
        failpoint("claim")
        began = time.monotonic()
        spec = pipelines.find(claim.pipeline)
        if spec is None:
            self.ledger.end_later(_end_unknown(claim), then=lambda state: _tell_ended(claim, state, began))
            return
        # An attempt whose worker was killed could not tidy up.
        storage.remove_scratch(job_id, range(1, claim.fence))
        ctx = JobContext(claim, spec)
        held = Held(claim.job_id, claim.fence)
        with self._guard:
            self._held[held] = ctx
        self._note_change(ctx)
        if self._stopping:
            ctx.stop = Interrupted
        tell("job_claimed", level=logging.DEBUG, job=job_id, attempt=claim.attempt, fence=claim.fence)
        try:
            end = _execute(ctx, claim)
        except BaseException:
            # A lease that nobody lets go of would be renewed for ever.
            self._let_go(held)
            raise
        finally:
            ctx.close()

        def let_go(state: State | None) -> None:
            self._let_go(held)
            self._note_change(ctx)
            _tell_ended(claim, state, began)
            if state == State.SUCCEEDED and ctx.has_children:
                _aside(families.discard_files, claim.job_id)

        if end is None:
            # The lease was lost: another attempt owns the job, this one has nothing to write.
            let_go(None)
        else:
            # Held until it is written: the lease must not run out while the database is away.
            ctx.is_over = True
            failpoint("complete")
            self.ledger.end_later(end, then=let_go)

    def _note_change(self, ctx: JobContext) -> None:
        if ctx.parent_id is not None:
            with self._guard:
                self._changed_parents[ctx.parent_id] = ROLL_UP_TRIES

    def _let_go(self, held: Held) -> None:
        with self._guard:
            self._held.pop(held, None)

    # -- the keeper's thread ---------------------------------------------------------------------------

    def renew(self) -> None:
        """Renew every lease; tell the attempts that lost theirs, or are to be cancelled."""
        contexts = self._snapshot()
        kept = leases.renew(contexts)
        for held, ctx in contexts.items():
            if held not in kept:
                ctx.stop = LeaseLost
            elif kept[held]:
                ctx.stop = JobCancelled

    def notice_cancels(self) -> None:
        """Tell the attempts whose job is to be cancelled."""
        contexts = self._snapshot()
        if not contexts:
            return
        asked = Job.objects.filter(
            pk__in=[held.job_id for held in contexts], cancel_requested_at__isnull=False
        ).values_list("pk", "fence")
        for job_id, fence in asked:
            if ctx := contexts.get(Held(job_id, fence)):
                ctx.stop = JobCancelled

    def write_progress(self) -> None:
        """Write the progress that has changed, in one statement."""
        changed = {held: ctx for held, ctx in self._snapshot().items() if ctx.is_changed}
        if not changed:
            return
        for ctx in changed.values():
            self._note_change(ctx)
        rows = [{"id": held.job_id, "fence": held.fence, **ctx.snapshot()} for held, ctx in changed.items()]
        try:
            answers = statements.run(
                "progress", {"rows": dumps(rows), "ids": statements.id_list(held.job_id for held in changed)}
            )
        except DatabaseFault:
            for ctx in changed.values():
                ctx.shown.is_dirty = True
            raise
        for job_id, fence, cancelling in answers:
            held = Held(job_id, fence)
            if cancelling and held in changed:
                changed[held].stop = JobCancelled

    def roll_up(self) -> None:
        """Show the parents of what has changed here as far as their children are."""
        with self._guard:
            changed, self._changed_parents = self._changed_parents, {}
        for parent_id, tries in changed.items():
            # Not written: it does not wait, or a child's end holds it at this moment.
            if not families.roll_up(parent_id) and tries > 1:
                with self._guard:
                    self._changed_parents.setdefault(parent_id, tries - 1)

    def stop_all(self) -> None:
        """Have every attempt hand its job back at its next call, also those that are still to begin."""
        self._stopping = True
        for ctx in self._snapshot().values():
            ctx.stop = ctx.stop or Interrupted

    def hand_back_all(self) -> int:
        """Hand back, for threads that don't, the jobs that they still hold; return how many that were.

        For the end of a process that can't wait any longer. The fence decides between this end and the attempt's own:
        what is written first counts, and a thread that wakes up later may write nothing.
        """
        self.stop_all()
        stuck = {held: ctx for held, ctx in self._snapshot().items() if not ctx.is_over}
        taken = 0
        for held, ctx in stuck.items():
            state = self.ledger.end(_handed_back(ctx))
            ctx.stop = LeaseLost
            self._let_go(held)
            if state is not None:
                taken += 1
                alarms.count(alarms.STUCK_AT_STOP, ctx.spec.name, job=held.job_id, state=state)
        return taken

    def _snapshot(self) -> dict[Held, JobContext]:
        with self._guard:
            return dict(self._held)


def _tell_ended(claim: Claim, state: State | None, began: float) -> None:
    seconds = time.monotonic() - began
    if state is None:
        tell(
            "fence_was_stale",
            level=logging.WARNING,
            job=claim.job_id,
            attempt=claim.attempt,
            fence=claim.fence,
        )
        return
    metrics.run_seconds.observe(pipeline=_kind(claim), state=state, seconds=seconds)
    tell("attempt_ended", job=claim.job_id, attempt=claim.attempt, state=state, seconds=seconds)
    if state == State.CANCELLED:
        _aside(discard, claim.job_id)


def _kind(claim: Claim) -> str:
    """What the run times are kept by: children are no runs of the pipeline itself."""
    return f"{claim.pipeline}:{claim.task.partition(':')[2]}"[:80] if claim.task else claim.pipeline


def _publish_woken(parent_ids: list[int]) -> None:
    for parent_id in parent_ids:
        tell("parent_woken", job=parent_id)
    jobs_due.send(sender=Job, count=len(parent_ids))


def _look_again() -> None:
    jobs_due.send(sender=Job, count=0)


def _aside(act: Callable[[int], object], job_id: int) -> None:
    """Delete files beside the ledger's thread: everybody's commits wait for that one."""
    if threading.current_thread().name != LEDGER_THREAD:
        act(job_id)
        return

    def work() -> None:
        try:
            act(job_id)
        finally:
            connection.close()

    threading.Thread(target=work, name="discard", daemon=True).start()


def _end_unknown(claim: Claim) -> End:
    """Return the end of an attempt whose pipeline isn't here: in the middle of a deploy, another worker has it."""
    alarms.count(alarms.UNKNOWN_PIPELINE, claim.pipeline, job=claim.job_id)
    is_last = claim.attempt >= claim.max_attempts
    sentence = f"There is no pipeline {claim.pipeline!r} in this version of the site."
    return End(
        job_id=claim.job_id,
        fence=claim.fence,
        state=State.FAILED if is_last else State.RETRYING,
        parent_id=claim.parent_id,
        is_limited=claim.lane != "",
        error=f"{sentence} Ask an operator." if is_last else f"{sentence} It is tried again.",
        delay=0.0 if is_last else _deploy_seconds(claim.attempt),
    )


def _deploy_seconds(attempt: int) -> float:
    # The upper half of the jitter only: all attempts used up within seconds would be of no use to a deploy.
    longest = min(settings.RETRY_BASE_SECONDS * 2 ** min(attempt - 1, 30), settings.RETRY_CAP_SECONDS)
    return random.uniform(longest / 2, longest)


def _handed_back(ctx: JobContext) -> End:
    return End(
        job_id=ctx.job_id,
        fence=ctx.fence,
        parent_id=ctx.parent_id,
        state=State.QUEUED,
        kind=JobEvent.Kind.RELEASED,
        error=_RELEASED,
        progress=_last_progress(ctx, State.QUEUED),
        # Whether its place is free matters to those that wait for one; asking costs nothing.
        is_limited=True,
    )


def _execute(ctx: JobContext, claim: Claim) -> End | None:
    def end(state: State, **fields: Any) -> End:
        return End(
            job_id=ctx.job_id,
            fence=ctx.fence,
            parent_id=ctx.parent_id,
            state=state,
            progress=_last_progress(ctx, state),
            is_limited=claim.lane != "",
            **fields,
        )

    try:
        ctx.check()
        result = ctx.execute()
        text = dumps_limited(result, what="The result")
    except LeaseLost:
        return None
    except JobCancelled:
        return end(State.CANCELLED)
    except Interrupted:
        return end(
            State.QUEUED,
            kind=JobEvent.Kind.RELEASED,
            error=_RELEASED,
        )
    except Suspended as parts:
        return end(State.WAITING, error=str(parts))
    except JobStopped:
        return None
    except RetryAfter as asked:
        ended: End = deferral(ctx, asked, end)
        return ended
    except PermanentError as error:
        return end(State.FAILED, error=str(error)[:_ERROR_LENGTH], detail=_traceback())
    except BaseException as error:
        # Whatever it is, SystemExit too: an attempt that is not ended here would be renewed for ever.
        return _end_of_fault(error, claim, end)
    return end(State.SUCCEEDED, result=text)


def _end_of_fault(error: BaseException, claim: Claim, end: Callable[..., End]) -> End:
    tell(
        "attempt_raised",
        level=logging.WARNING,
        exc_info=not isinstance(error, ChildLost),
        job=claim.job_id,
        attempt=claim.attempt,
        error=type(error).__name__,
    )
    crashed = int(isinstance(error, ChildLost))
    sentence = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
    if crashed and claim.crashes + 1 >= claim.max_crashes:
        return end(
            State.FAILED,
            error=f"The child process was lost {claim.crashes + 1} times while it ran this job. The last one: {error}",
            detail=_traceback(),
            crashed=crashed,
        )
    if claim.attempt >= claim.max_attempts:
        return end(
            State.FAILED,
            error=f"All {claim.max_attempts} attempts failed. The last one: {sentence}",
            detail=_traceback(),
            crashed=crashed,
        )
    # After a person's retry the waits begin small again.
    before = max(0, claim.max_attempts - pipelines.get(claim.pipeline).max_attempts)
    delay = backoff_seconds(claim.attempt - before - 1)
    return end(State.RETRYING, error=sentence, detail=_traceback(), delay=delay, crashed=crashed)


def backoff_seconds(failures: int) -> float:
    """Return the seconds until the next attempt: doubling from the base to the cap, with full jitter."""
    longest = min(settings.RETRY_BASE_SECONDS * 2 ** max(0, min(failures, 30)), settings.RETRY_CAP_SECONDS)
    return random.uniform(0, longest)


def _last_progress(ctx: JobContext, state: State) -> dict[str, Any] | None:
    # An attempt that never showed anything is not made to.
    if "shown" not in ctx.__dict__ and not ctx.stages and ctx.step_now is None and not ctx.has_children:
        return None
    shown = ctx.shown
    if ctx.step_now is not None and state != State.WAITING:
        ended = {"state": "failed" if state == State.FAILED else "interrupted", "ended_at": round(time.time(), 3)}
        ctx.step_now = {**ctx.step_now, **ended}
    match state:
        case State.SUCCEEDED:
            shown.end_stage("done")
            for stage in shown.stages:
                if stage["state"] == "pending":
                    stage["state"] = "done"
        case State.WAITING:
            pass
        case State.CANCELLED:
            shown.end_stage("cancelled")
        case State.FAILED:
            shown.end_stage("failed")
        case _:
            shown.end_stage("pending")
    return {"id": ctx.job_id, "fence": ctx.fence, **ctx.snapshot()}


def _traceback() -> str:
    return traceback.format_exc()[-_DETAIL_LENGTH:]
