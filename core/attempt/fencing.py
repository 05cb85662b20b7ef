"""An attempt as the owner of its job: what it writes is accepted only while it holds the fence."""

from __future__ import annotations

from types import TracebackType

from django.db import IntegrityError, transaction

from core.database import statements
from core.errors import JobCancelled, JobStopped, LeaseLost
from core.failpoints import failpoint
from core.life.ledger import Claim


class FencedAttempt:
    """One attempt of one job."""

    def __init__(self, claim: Claim) -> None:
        self.job_id = claim.job_id
        self.owner_id = claim.owner_id
        self.attempt = claim.attempt
        self.fence = claim.fence
        self.params = claim.params
        self.parent_id = claim.parent_id
        self.depth = claim.depth
        self.task = claim.task
        #: Set by the keeper when the attempt may not go on; raised at the next call of the attempt.
        self.stop: type[JobStopped] | None = None

    def check(self) -> None:
        """Raise when the attempt may not go on: cancelled, lost to another attempt, or the worker is stopping."""
        if self.stop is not None:
            raise self.stop(f"job {self.job_id}, attempt {self.attempt}")

    def _fenced(self) -> FencedTransaction:
        return FencedTransaction(self)


class FencedTransaction:
    """A transaction that commits only while the attempt owns the job and nobody has cancelled it.

    The fence is checked last and its row stays locked until the commit: what the block wrote becomes visible only
    if no other attempt could have claimed the job by then, and long blocks keep no lock.
    """

    def __init__(self, attempt: FencedAttempt) -> None:
        self._attempt = attempt
        self._atomic = transaction.atomic()

    def __enter__(self) -> None:
        self._attempt.check()
        self._atomic.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._atomic.__exit__(kind, error, trace)
            if issubclass(kind, IntegrityError):
                # Most likely a later attempt has completed the same step: then this one has lost the job.
                with transaction.atomic():
                    hold_fence(self._attempt.job_id, self._attempt.fence)
            return
        try:
            hold_fence(self._attempt.job_id, self._attempt.fence)
        except BaseException as stale:
            self._atomic.__exit__(type(stale), stale, stale.__traceback__)
            raise
        failpoint("effect-commit")
        self._atomic.__exit__(None, None, None)
        failpoint("checkpoint")


def hold_fence(job_id: int, fence: int) -> None:
    """Lock the job's row under this fence until the commit; raise LeaseLost or JobCancelled instead."""
    rows = statements.run("hold_fence", {"id": job_id, "fence": fence})
    if not rows:
        raise LeaseLost(f"job {job_id} is no longer this attempt's (fence {fence})")
    if rows[0][0]:
        raise JobCancelled(f"job {job_id} is cancelled")
