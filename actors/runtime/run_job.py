"""The actors that run jobs. They never raise: what happens is written on the job, and the message is done with."""

import logging
from functools import cache

import dramatiq

from actors.runtime.broker import ACTORS, DEFAULT_QUEUE
from core.attempt.attempts import Attempts
from core.failpoints import failpoint
from core.logs import log


@cache
def attempts() -> Attempts:
    """Return the attempts of this process; made at the first call, which is after any fork."""
    return Attempts()


def run(job_id: int) -> None:
    """Run one attempt of a job, if it is to be had."""
    try:
        attempts().run(job_id)
        failpoint("ack")
    except Exception:
        # The database is away, and stayed away: the lease runs out, and the job is tried again.
        log("attempt_unwritten", level=logging.ERROR, exc_info=True, job=job_id)


def _actor_of(priority: int) -> dramatiq.Actor[[int], None]:
    return dramatiq.actor(actor_name=ACTORS[priority], queue_name=DEFAULT_QUEUE, priority=-priority)(run)


# Dramatiq orders what a worker has fetched by the priority of the actor, the lowest number first.
run_urgent_job, run_job, run_low_job = _actor_of(2), _actor_of(1), _actor_of(0)
