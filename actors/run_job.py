"""The actor that runs jobs. It never raises: what happens is written on the job, and the message is done with."""

import logging
from functools import cache

import dramatiq

from actors.broker import RUN_JOB
from core.attempts import Attempts
from core.failpoints import failpoint
from core.logs import tell


@cache
def attempts() -> Attempts:
    """Return the attempts of this process; made at the first call, which is after any fork."""
    return Attempts()


@dramatiq.actor(actor_name=RUN_JOB, queue_name="default")
def run_job(job_id: int) -> None:
    """Run one attempt of a job, if it is to be had."""
    try:
        attempts().run(job_id)
        failpoint("ack")
    except Exception:
        # The database is away, and stayed away: the lease runs out, and the job is tried again.
        tell("attempt_unwritten", level=logging.ERROR, exc_info=True, job=job_id)
