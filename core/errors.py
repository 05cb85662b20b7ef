"""The one error tree. A message is a sentence for the person; the traceback is for the log."""

from __future__ import annotations


class HeadwayError(Exception):
    """The root of every error that Headway raises."""


class PermanentError(HeadwayError):
    """Raised when trying again cannot help. The message is a sentence the person can act on."""


class RetryAfter(HeadwayError):
    """Raised by a pipeline when a remote asks to be left alone: the job waits, and no attempt is counted.

    `key` names a key of the pipeline's limits (`param:host`): all its jobs with that value wait as well.
    """

    def __init__(self, seconds: float, *, key: str = "", reason: str = "") -> None:
        #: Seconds until the job may go on.
        self.seconds = min(max(0.0, float(seconds)), 30 * 86400.0)
        self.key = key
        super().__init__(reason or "The other side asked to wait.")


class JobStopped(HeadwayError):
    """Raised in a context call to unwind an attempt that may not go on. Pipelines never catch it."""


class JobCancelled(JobStopped):
    """Raised when somebody has asked for the job to be cancelled."""


class LeaseLost(JobStopped):
    """Raised when the attempt's fence is stale: another attempt owns the job, this one may write nothing."""


class Interrupted(JobStopped):
    """Raised when the worker is stopping: the job is handed back and resumes at its step elsewhere."""


class TimeLimitReached(JobStopped):
    """Raised when the attempt has run for longer than its pipeline's time limit: the job fails."""


class Suspended(JobStopped):
    """Raised when a job has fanned out: its thread is free until the last child has ended."""


class Refused(HeadwayError):
    """Raised when a submit or an act on a job is not accepted. Nothing was stored."""

    #: The HTTP status of the answer, and after how many seconds to try again, if that is known.
    status: int = 422
    retry_after_seconds: float | None = None


class TooMuch(Refused):
    """Raised when one person has too many jobs, submits or bytes already: 429."""

    status = 429

    def __init__(self, sentence: str, *, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(sentence)


class Overloaded(TooMuch):
    """Raised when the whole site has too much to do: 503."""

    status = 503


class UnknownPipeline(Refused):
    """Raised when no pipeline of that name is registered."""


class StepTooLarge(PermanentError):
    """Raised when a step's or a job's result is larger than may be kept in a row; use an artifact."""


class InvalidParams(Refused):
    """Raised when a pipeline's form does not take the parameters it is given."""

    def __init__(self, pipeline: str, errors: dict[str, list[str]]) -> None:
        self.pipeline = pipeline
        #: The form's sentences by field; those about the whole form have an empty name.
        self.errors = errors
        parts = [f"{name}: {' '.join(texts)}" if name else " ".join(texts) for name, texts in errors.items()]
        super().__init__(f"{pipeline} does not take these parameters. {' '.join(parts)}")

    def of_number(self, number: int) -> InvalidParams:
        """Return the same error as that of one of many jobs, the first of which has number 1."""
        return InvalidParams(f"{self.pipeline} (job {number} of these)", self.errors)


class ChildFailed(PermanentError):
    """Raised by `ctx.run` when the job that it waited for has failed or was cancelled; a pipeline may catch it."""

    def __init__(self, sentence: str, *, job_id: int, state: str, error: str) -> None:
        self.job_id = job_id
        #: `failed` or `cancelled`, and the sentence why.
        self.state = state
        self.error = error
        super().__init__(sentence)


class CannotWait(HeadwayError):
    """Raised where waiting for a job could only hang: inside a request, or inside a transaction."""
