"""One attempt of one job: the machine around a pipeline's function. It owns the context that the function is given."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.attempt import outcomes
from core.attempt.async_run import AsyncRun, is_async, run_inline
from core.attempt.children import BorrowedChild
from core.attempt.context import JobContext
from core.attempt.display import Display
from core.attempt.fan_outs import FanOuts
from core.attempt.fencing import Ownership
from core.attempt.folders import Folders
from core.attempt.lines import Lines
from core.attempt.outcomes import Outcome, Succeeded
from core.attempt.steps import Steps
from core.database.jsontext import dumps_limited
from core.errors import PermanentError
from core.life.fan_out import function_of
from core.life.leases import Held
from core.life.ledger import Claim, End
from core.logs import sink
from core.pipelines import Pipeline, fit
from core.pipelines.secrets import Opened

if TYPE_CHECKING:
    from core.attempt.async_context import AsyncJobContext


class Attempt:
    """The state of one attempt. The attempt's thread works with it; the keeper's thread reads it and may stop it."""

    def __init__(self, claim: Claim, spec: Pipeline | None) -> None:
        self.claim = claim
        self.key = Held(claim.job_id, claim.fence)
        self.began = time.monotonic()
        #: The thread that runs its function and nothing else; None when no thread is its own.
        self.thread: threading.Thread | None = threading.current_thread()
        #: Its run on an event loop, while its function, which is `async`, is at work.
        self.run_on_loop: AsyncRun | None = None
        #: Seconds that it may take; None is no limit.
        self.time_limit = spec.time_limit if spec else None
        #: Since when the keeper has seen it go on though it may not, by the monotonic clock.
        self.stopped_since: float | None = None
        #: Set when only its end is still to be written; and when the keeper has written that over its head.
        self.is_over = self.is_written_off = False
        #: What its function has logged, and is not written yet.
        self._secrets = Opened()
        self.lines = Lines(claim.job_id, secrets=self._secrets)
        self.own = Ownership(claim.job_id, claim.fence)
        # A child's function announces no stages.
        self.display = Display(claim, spec.stages if spec and not claim.task else ())
        self.steps = Steps(claim, self.own, self.display)
        self.fan_outs = FanOuts(claim, self.own, self.display, self.steps)
        self._folders = Folders(claim.job_id, claim.fence)
        self._child = BorrowedChild(self.own.check)
        self._spec = spec
        self.context = JobContext(
            claim,
            own=self.own,
            display=self.display,
            steps=self.steps,
            fan_outs=self.fan_outs,
            folders=self._folders,
            child=self._child,
        )

    @cached_property
    def is_async(self) -> bool:
        """Whether its function is `async`."""
        return is_async(self._spec, self.claim.task)

    def run(self) -> Outcome:
        """Run the job's function in this thread and return what became of it, whatever that is."""
        return self.prepare() or self.outcome_of(self._run)

    def prepare(self) -> Outcome | None:
        """Tidy up after earlier attempts; return the outcome when there is nothing to run."""
        if self._spec is None:
            return outcomes.without_pipeline(self.claim)
        self._folders.remove_earlier()
        return None

    def outcome_of(self, run: Callable[[], Any]) -> Outcome:
        """Return the outcome of what this returns or raises."""
        whose = sink.set(self.lines)
        try:
            return Succeeded(dumps_limited(run(), what="The result"))
        except BaseException as error:
            # Whatever it is, SystemExit too: an attempt that is not ended here would be renewed for ever.
            self._secrets.redact(error)
            return outcomes.redacted(outcomes.of_error(error, self.claim), self._secrets)
        finally:
            sink.reset(whose)

    def call(self, context: JobContext | AsyncJobContext) -> Any:
        """Call the job's function, the pipeline's own or that of a child, with this context.

        Raise PermanentError where its parameters no longer fit the function, or a secret can't be opened.
        """
        if self._spec is None:
            raise LookupError(self.claim.pipeline)
        if not self.claim.task and (sentence := fit.misfit(self._spec, self.claim.params)):
            raise PermanentError(sentence)
        params = self._secrets.open(self.claim.params, self._spec.form)
        self.context.params = params
        if self.claim.task:
            return function_of(self.claim.task)(context, params["item"])
        return self._spec.run(context, **params)

    def _run(self) -> Any:
        self.own.check()
        return run_inline(self) if self.is_async else self.call(self.context)

    def close(self) -> None:
        """Give the child process back and delete what was temporary."""
        self._child.give_back()
        self._folders.close()

    def abandon(self) -> None:
        """Take the child process away from a thread that does not end, and end a task that does not listen."""
        self._child.abandon()
        if self.run_on_loop is not None:
            self.run_on_loop.cut_off()

    def where(self) -> str:
        """Return the place at which its function is, as a traceback has it; nothing when it is nowhere."""
        if self.run_on_loop is not None:
            return self.run_on_loop.where()
        frame = sys._current_frames().get(self.thread.ident or 0) if self.thread is not None else None
        return "".join(traceback.format_stack(frame)) if frame else ""

    def end_of(self, outcome: Outcome) -> End | None:
        """Return the end to write for this outcome, with the last progress; None when nothing is written."""
        if isinstance(outcome, outcomes.Lost):
            return None
        return outcomes.end_of(outcome, self.claim, progress=self.display.last(outcome.state))

    @property
    def is_changed(self) -> bool:
        """Whether its progress needs a write of its own: the last progress is written with the end."""
        return not (self.is_over or self.is_written_off) and self.display.is_changed
