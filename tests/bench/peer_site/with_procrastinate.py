"""Procrastinate: PostgreSQL, through its Django app."""

import os
import time

from peer_site import work
from procrastinate.contrib.django import app


@app.task(name="stamp")
def stamp(number, enqueued, seconds):
    work.stamp(number, enqueued, seconds)


if os.environ.get("PEER_IS_SET"):
    # As its documentation has it for jobs of workers that died; each ten minutes there.
    @app.periodic(cron="* * * * *")
    @app.task(name="retry_stalled", queueing_lock="retry_stalled", pass_context=True)
    async def retry_stalled(context, timestamp):
        for job in await app.job_manager.get_stalled_jobs():
            await app.job_manager.retry_job(job)


def enqueue(number, seconds):
    stamp.defer(number=number, enqueued=time.time(), seconds=seconds)


def enqueue_many(numbers, seconds):
    now = time.time()
    stamp.batch_defer(*({"number": number, "enqueued": now, "seconds": seconds} for number in numbers))
