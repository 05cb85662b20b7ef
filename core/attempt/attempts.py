"""Attempts: what this process runs, and how each one ends.

The story of one attempt:

1. **Claim.** The ledger takes the job under a new fence. When the job can't be claimed, the message has done its duty.
2. **Hold.** From now on the keeper renews the attempt's lease, writes its progress, and stops it when it may not go on.
3. **Work.** The pipeline's function runs with its context. What becomes of it is an outcome, a value (`outcomes`).
4. **End.** What is written for the outcome goes to the ledger, which commits it with others'. The attempt is held until
   then: its lease must not run out while the database is away. One that lost its job writes nothing.
5. **Let go.** When that is committed the attempt is no longer renewed, and files that nobody needs are deleted.

One that was cancelled, lost its job or has reached its time limit is stopped: its next call of the context raises, and
a child process that it waits for is killed. When it has not ended by itself `WRITE_OFF_SECONDS` later, because it
sleeps or hangs in a call of the system:

6. **Write off.** The keeper writes its end over its head, under the same fence: nothing that the thread still writes is
   accepted. Its child process is killed, and the worker gets another thread in the place of this one.
7. **Replace.** A process with too many such threads ends, and its supervisor starts another (`actors.runtime.keeper`).

One that holds the interpreter holds up the keeper too: `core.attempt.watcher` ends it, with its process.

An attempt whose function is `async` is given to the event loop of the process when it is held, and its thread takes the
next message (`core.attempt.async_run`). All the rest is the same.

Nothing is raised to the caller: whatever happens is written on the job.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from django.db import Error as DatabaseFault
from django.db import connection

from core import pipelines
from core.attempt import lines
from core.attempt.attempt import Attempt
from core.attempt.outcomes import Cancelled, HandedBack, Lost, Outcome, over_time
from core.attempt.pulse import name_thread
from core.conf import conf
from core.database import statements
from core.database.jsontext import dumps
from core.errors import Interrupted, JobCancelled, LeaseLost, TimeLimitReached
from core.failpoints import failpoint
from core.files import storage
from core.life import families, leases
from core.life.leases import Held
from core.life.ledger import LEDGER_THREAD, Claim, Ledger
from core.life.requests import discard
from core.logs import keep_lines, log
from core.models import Job
from core.models.states import State
from core.operation import alarms, metrics

#: How often writing a parent's progress is tried while its row is locked.
ROLL_UP_TRIES = 3
#: Characters of the place at which an attempt was written off.
DETAIL_LENGTH = 20_000


class AsyncJobs(Protocol):
    """Runs the async attempts of this process."""

    @property
    def is_lost(self) -> bool:
        """Whether only the end of the process helps: its loop does not turn any more."""

    def wait_for_place(self, job_id: int) -> bool:
        """Wait while there is no place for the job, if it needs one; return False when the process stops before."""

    def begin(self, attempt: Attempt, *, settle: Callable[[Attempt, Callable[[], Outcome]], None]) -> None:
        """Run the attempt's function; at its end `settle` is called, in another thread. Returns at once."""


@dataclass
class Attempts:
    """The attempts that this process holds."""

    worker: str = field(default_factory=leases.worker_name)
    _held: dict[Held, Attempt] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    #: Parents whose children have changed here, with how often their progress is still to be tried.
    _changed_parents: dict[int, int] = field(default_factory=dict)
    _stopping: bool = False
    #: Takes a thread that is written off out of the worker, before it can wake up; another takes its place.
    on_write_off: Callable[[threading.Thread], None] | None = None
    #: Where async functions run; without it, each in the thread that runs the attempt.
    async_jobs: AsyncJobs | None = None

    def __post_init__(self) -> None:
        self.ledger = Ledger(worker=self.worker)
        keep_lines()

    def __len__(self) -> int:
        return len(self._held)

    # -- the attempt's thread --------------------------------------------------------------------------

    def run(self, job_id: int) -> None:
        """Run one attempt of the job, if it can be claimed; one that is async is begun."""
        if self.async_jobs is not None and not self.async_jobs.wait_for_place(job_id):
            return
        claim = self.ledger.claim(job_id)
        if claim is None:
            log("claim_refused", level=logging.DEBUG, job=job_id)
            return
        failpoint("claim")
        attempt = Attempt(claim, pipelines.find(claim.pipeline))
        self._hold(attempt)
        if self.async_jobs is not None and attempt.is_async:
            self.async_jobs.begin(attempt, settle=self._settle)
            return
        name_thread(job_id)
        self._settle(attempt, attempt.run)

    def _settle(self, attempt: Attempt, run: Callable[[], Outcome]) -> None:
        """End the attempt by the outcome that this returns."""
        try:
            end = attempt.end_of(run())
        except BaseException:
            # A lease that nobody lets go of would be renewed for ever.
            with self._guard:
                attempt.is_over = True
            self._drop(attempt)
            raise
        finally:
            attempt.close()
            # From now on it would be another attempt's that is cut off.
            attempt.thread = None
        with self._guard:
            if attempt.is_written_off:
                return
            attempt.is_over = True
        if end is None:
            self._let_go(attempt, None)
            return
        self._write_lines([attempt])
        failpoint("complete")
        self.ledger.end_later(end, then=partial(self._let_go, attempt))

    def _hold(self, attempt: Attempt) -> None:
        claim = attempt.claim
        with self._guard:
            self._held[attempt.key] = attempt
        self._note_change(attempt)
        if self._stopping:
            attempt.own.stop = Interrupted
        log("job_claimed", level=logging.DEBUG, job=claim.job_id, attempt=claim.attempt, fence=claim.fence)

    def _let_go(self, attempt: Attempt, state: State | None) -> None:
        """Let go of an attempt that has ended in this state; None when another attempt owns the job."""
        self._drop(attempt)
        self._note_change(attempt)
        _log_end(attempt, state)
        if attempt.is_written_off:
            _aside(partial(storage.remove_scratch, fences=[attempt.claim.fence]), attempt.claim.job_id)
        if state == State.CANCELLED:
            _aside(discard, attempt.claim.job_id)
        if state == State.SUCCEEDED and attempt.fan_outs.has_children:
            _aside(families.discard_files, attempt.claim.job_id)

    def _drop(self, attempt: Attempt) -> None:
        with self._guard:
            self._held.pop(attempt.key, None)

    def _note_change(self, attempt: Attempt) -> None:
        if attempt.claim.parent_id is not None:
            with self._guard:
                self._changed_parents[attempt.claim.parent_id] = ROLL_UP_TRIES

    # -- the keeper's thread ---------------------------------------------------------------------------

    def renew(self) -> None:
        """Renew every lease; stop the attempts that lost theirs and those whose job is to be cancelled."""
        attempts = self._snapshot()
        renewed = leases.renew(attempts)
        for held, attempt in attempts.items():
            if held not in renewed:
                attempt.own.stop = LeaseLost
            elif renewed[held]:
                attempt.own.stop = JobCancelled

    def notice_cancels(self) -> None:
        """Stop the attempts whose job is to be cancelled."""
        attempts = self._snapshot()
        if not attempts:
            return
        cancelling = Job.objects.filter(
            pk__in=[held.job_id for held in attempts], cancel_requested_at__isnull=False
        ).values_list("pk", "fence")
        for job_id, fence in cancelling:
            if attempt := attempts.get(Held(job_id, fence)):
                attempt.own.stop = JobCancelled

    def write_progress(self) -> None:
        """Write the progress that has changed, in one statement."""
        changed = {held: attempt for held, attempt in self._snapshot().items() if attempt.is_changed}
        if not changed:
            return
        for attempt in changed.values():
            self._note_change(attempt)
        rows = [
            {"id": held.job_id, "fence": held.fence, **attempt.display.snapshot()} for held, attempt in changed.items()
        ]
        try:
            answers = statements.run(
                "progress", {"rows": dumps(rows), "ids": statements.id_list(held.job_id for held in changed)}
            )
        except DatabaseFault:
            for attempt in changed.values():
                attempt.display.call_changed()
            raise
        for job_id, fence, is_cancelling in answers:
            held = Held(job_id, fence)
            if is_cancelling and held in changed:
                changed[held].own.stop = JobCancelled

    def enforce(self) -> None:
        """Stop the attempts that have reached their time limit; write off those that have been stopped for long."""
        now = time.monotonic()
        for attempt in self._snapshot().values():
            if attempt.own.stop is None and attempt.time_limit and now - attempt.began > attempt.time_limit:
                attempt.own.stop = TimeLimitReached
            # One that is to hand its job back has the time that its process has.
            if attempt.own.stop in (None, Interrupted):
                continue
            if attempt.stopped_since is None:
                attempt.stopped_since = now
            elif now - attempt.stopped_since >= conf.WRITE_OFF_SECONDS:
                self.write_off(attempt)

    def write_off(self, attempt: Attempt, outcome: Outcome | None = None) -> None:
        """End an attempt over its head, as it does not listen; by default by what it was stopped for."""
        with self._guard:
            if attempt.is_over or attempt.is_written_off:
                return
            attempt.is_written_off = True
            if self.on_write_off is not None and attempt.thread is not None:
                self.on_write_off(attempt.thread)
        outcome = outcome or _outcome_over_its_head(attempt)
        attempt.own.stop = LeaseLost
        seconds = time.monotonic() - attempt.began
        alarms.count(alarms.WRITTEN_OFF, attempt.claim.pipeline, job=attempt.claim.job_id, seconds=seconds)
        attempt.abandon()
        end = attempt.end_of(outcome)
        if end is None:
            self._let_go(attempt, None)
        else:
            self._write_lines([attempt])
            self.ledger.end_later(end, then=partial(self._let_go, attempt))

    def write_lines(self) -> None:
        """Write what the attempts have logged, in one statement."""
        self._write_lines(attempt for attempt in self._snapshot().values() if not attempt.is_over)

    def _write_lines(self, attempts: Iterable[Attempt]) -> None:
        try:
            lines.write((attempt.key, attempt.lines) for attempt in attempts)
        except DatabaseFault as error:
            # They are in the log all the same, and no job fails for them.
            log("lines_unwritten", level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])

    def roll_up(self) -> None:
        """Sum up the progress of parents whose children have changed in this process."""
        with self._guard:
            changed, self._changed_parents = self._changed_parents, {}
        for parent_id, tries in changed.items():
            # Not written: it does not wait, or a child's end holds it at this moment.
            if not families.roll_up(parent_id) and tries > 1:
                with self._guard:
                    self._changed_parents.setdefault(parent_id, tries - 1)

    def stop_all(self) -> None:
        """Have every attempt hand its job back at its next call; attempts that begin later do so too."""
        self._stopping = True
        for attempt in self._snapshot().values():
            attempt.own.stop = attempt.own.stop or Interrupted

    def hand_back_all(self) -> int:
        """Hand back the jobs whose threads have not done so themselves; return how many.

        For the end of a process that can't wait any longer. The fence decides between this end and the attempt's own:
        what is written first counts, and a thread that wakes up later may write nothing.
        """
        self.stop_all()
        answers: queue.SimpleQueue[tuple[Attempt, State | None]] = queue.SimpleQueue()
        taken = 0
        for attempt in self._snapshot().values():
            end = None if attempt.is_over or attempt.is_written_off else attempt.end_of(HandedBack())
            if end is not None:
                taken += 1
                # Async jobs are many: their ends share commits.
                self.ledger.end_later(end, then=lambda state, attempt=attempt: answers.put((attempt, state)))  # type: ignore[misc]
        count = 0
        for _ in range(taken):
            attempt, state = answers.get()
            attempt.own.stop = LeaseLost
            self._drop(attempt)
            if state is not None:
                count += 1
                alarms.count(alarms.STUCK_AT_STOP, attempt.claim.pipeline, job=attempt.claim.job_id, state=state)
        return count

    def _snapshot(self) -> dict[Held, Attempt]:
        with self._guard:
            return dict(self._held)


def _outcome_over_its_head(attempt: Attempt) -> Outcome:
    if attempt.own.stop is JobCancelled:
        return Cancelled()
    if attempt.own.stop is TimeLimitReached:
        claim = attempt.claim
        detail = f"Where it was when it was stopped:\n{attempt.where()[-DETAIL_LENGTH:]}"
        return over_time(claim.job_id, claim.pipeline, claim.attempt, detail=detail)
    return Lost()


def _log_end(attempt: Attempt, state: State | None) -> None:
    claim = attempt.claim
    if state is None:
        log("fence_was_stale", level=logging.WARNING, job=claim.job_id, attempt=claim.attempt, fence=claim.fence)
        return
    seconds = time.monotonic() - attempt.began
    metrics.run_seconds.observe(pipeline=_kind(claim), state=state, seconds=seconds)
    log("attempt_ended", job=claim.job_id, attempt=claim.attempt, state=state, seconds=seconds)


def _kind(claim: Claim) -> str:
    """The label of the run times: a child is counted apart, as it is no run of the pipeline itself."""
    return f"{claim.pipeline}:{claim.task.partition(':')[2]}"[:80] if claim.task else claim.pipeline


def _aside(act: Callable[[int], object], job_id: int) -> None:
    """Delete files in a thread of its own when called by the ledger's: everybody's commits wait for that one."""
    if threading.current_thread().name != LEDGER_THREAD:
        act(job_id)
        return

    def work() -> None:
        try:
            act(job_id)
        finally:
            connection.close()

    threading.Thread(target=work, name="discard", daemon=True).start()
