"""An attempt as the owner of its job: what it writes is accepted only while it holds the fence."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from django.db import IntegrityError, transaction

from core.database import statements
from core.errors import JobCancelled, JobStopped, LeaseLost
from core.failpoints import failpoint


class Owner(Protocol):
    """Who writes under a fence: an attempt's ownership, or the context that a pipeline has of it."""

    @property
    def job_id(self) -> int: ...
    @property
    def fence(self) -> int: ...
    def check(self) -> None: ...


class Ownership:
    """One attempt's hold on its job."""

    __slots__ = ("_stop", "fence", "job_id", "on_stop")

    def __init__(self, job_id: int, fence: int) -> None:
        self.job_id = job_id
        self.fence = fence
        self._stop: type[JobStopped] | None = None
        #: Called by the thread that stops the attempt, once.
        self.on_stop: Callable[[], None] | None = None

    @property
    def stop(self) -> type[JobStopped] | None:
        """Set by another thread when the attempt may not go on; raised at its next call."""
        return self._stop

    @stop.setter
    def stop(self, reason: type[JobStopped] | None) -> None:
        is_first = self._stop is None
        self._stop = reason
        if is_first and reason is not None and self.on_stop is not None:
            self.on_stop()

    def check(self) -> None:
        """Raise when the attempt may not go on: cancelled, lost to another attempt, or the worker is stopping."""
        if (stop := self._stop) is not None:
            raise stop(f"job {self.job_id}, fence {self.fence}")

    def transaction(self) -> FencedTransaction:
        """Return a transaction that commits only while the job is this attempt's."""
        return FencedTransaction(self)


class FencedTransaction:
    """A transaction that commits only while the attempt owns the job and nobody has cancelled it.

    The fence is checked last and its row stays locked until the commit: what the block wrote becomes visible only
    if no other attempt could have claimed the job by then, and long blocks keep no lock.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._atomic = transaction.atomic()

    def __enter__(self) -> None:
        self._owner.check()
        self._atomic.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._atomic.__exit__(kind, error, trace)
            if issubclass(kind, IntegrityError):
                # Probably a later attempt has completed the same step: then this one has lost the job.
                with transaction.atomic():
                    hold_fence(self._owner.job_id, self._owner.fence)
            return
        try:
            hold_fence(self._owner.job_id, self._owner.fence)
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
