"""The one error tree. A message is a sentence for the person; the traceback is for the log."""


class HeadwayError(Exception):
    """The root of every error that Headway raises."""


class PermanentError(HeadwayError):
    """Raised when trying again cannot help. The message is a sentence the person can act on."""


class JobStopped(HeadwayError):
    """Raised in a context call to unwind an attempt that may not go on. Pipelines never catch it."""


class JobCancelled(JobStopped):
    """Raised when somebody has asked for the job to be cancelled."""


class LeaseLost(JobStopped):
    """Raised when the attempt's fence is stale: another attempt owns the job, this one may write nothing."""


class Interrupted(JobStopped):
    """Raised when the worker is stopping: the job is handed back and resumes at its step elsewhere."""


class Suspended(JobStopped):
    """Raised when a job has fanned out: its thread is free until the last child has ended."""


class Refused(HeadwayError):
    """Raised when a submit or an act on a job is not accepted. Nothing was stored."""


class UnknownPipeline(Refused):
    """Raised when no pipeline of that name is registered."""


class StepTooLarge(PermanentError):
    """Raised when a step's or a job's result is larger than may be kept in a row; use an artifact."""
