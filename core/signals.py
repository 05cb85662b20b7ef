"""Signals about jobs, for the code of the site: sent when an end is committed, by a worker, at least once each.

    @receiver(job_failed)
    def tell_the_shop(job, **kwargs): ...

Connect receivers where every process of the site has them: in the `ready()` of an app. An end is kept for its signals
in the transaction that makes it, if the process that ends the job has a receiver; a worker's thread of its own then
calls the receivers, one after the other. A worker that dies in between is another one's to go on for, so that a
receiver may be called twice for one end, and never not at all. What a receiver raises is logged with its traceback; the
others are called all the same, and none is called again for it.
"""

from django.dispatch import Signal

#: Sent with `job` and `state` (succeeded, failed or cancelled) when a job that is no part of another has ended. A job
#: that is tried again ends again. The sender is the model `Job`; `job` is as the database has it now.
job_ended = Signal()
#: Sent after `job_ended`, with the same, when a job has failed.
job_failed = Signal()


def is_listened_to() -> bool:
    """Whether this process has any receiver: ends that nobody waits for cost nothing."""
    return bool(job_ended.receivers or job_failed.receivers)
