"""Relays are killed between the broker's confirm and the mark in the database, while others publish beside them.

Some web servers and a worker that runs nothing are relays that the failpoint `confirm` kills over and over; the workers
that run the jobs have relays too. What was published and not marked is published again, or was claimed long before:
either way each effect is there once.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from tests.chaos.clients import Crowd
from tests.chaos.posts import CONSTANTS, Post, WebPost, WorkerPost
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.processes import children_of
from tests.services.rabbitmq import RabbitNode

WEB_RELAYS = 3
#: A queue without jobs, for the worker that is only a relay.
NO_QUEUE = "nothing"
#: Seconds in which all kills have to come about.
KILL_SECONDS = 120.0
#: Seconds for which nobody claims: longer than a relay has to itself what it took, shorter than a lease.
STILL_SECONDS = 3.0
#: Seconds without a submit after which the relays that are left get one more.
SUBMIT_SECONDS = 0.1
#: Jobs that a relay has taken and not marked. That of a relay that was just killed had told the broker of them.
_UNMARKED = """
SELECT id, publish_at FROM core_job WHERE state = 'queued' AND published_at IS NULL AND publish_at > now()
"""
#: Whether another relay has taken it since, to publish it.
_TAKEN_AGAIN = "SELECT count(*) FROM core_job WHERE id = %s AND publish_at > %s"


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("relays", folder, rabbit, postgres, threads=size.threads) as stage:
        stage.site.constants = CONSTANTS
        return _play(stage, size)


def _play(stage: Stage, size: Size) -> Outcome:
    outcome = Outcome(scenario="relays")
    rng = random.Random(size.seed)
    posts: list[Post] = [
        WebPost(stage, "confirm", kills=size.relay_kills, seed=number, latest=4) for number in range(WEB_RELAYS)
    ]
    addresses = [post.address for post in posts if isinstance(post, WebPost)]
    posts.append(WorkerPost(stage, "confirm", kills=size.relay_kills, seed=9, latest=1, queues=(NO_QUEUE,)))
    workers = [
        stage.site.fork_worker("--processes", "1", "--threads", str(size.threads), name=f"worker-{number}")
        for number in range(2)
    ]
    crowd = Crowd(stage, "chaos_steps", people=4, addresses=addresses)
    began = time.monotonic()
    deadline = began + KILL_SECONDS
    killed, submitted, again = 0, 0, 0
    #: After a third of the kills nobody claims for a while: what is published and not marked is published again.
    thaw_at = submit_at = 0.0
    frozen: set[int] = set()
    #: Jobs of killed relays, with the end of the time that those had for them.
    unmarked: dict[int, Any] = {}
    try:
        while (killed < size.relay_kills or not again) and time.monotonic() < deadline:
            if killed >= size.relay_kills // 3 and not frozen and not again:
                thaw_at = time.monotonic() + STILL_SECONDS
                frozen = {pid for worker in workers for pid in (worker.pid, *children_of([worker.pid]))}
                signal_all(frozen, signal.SIGSTOP)
            # The jobs are spread over the kills; the relays that are left wait for further ones otherwise.
            share = size.relay_jobs * (killed + 1) // size.relay_kills
            while crowd.waiting < 4 and (submitted < share or time.monotonic() > submit_at):
                crowd.submit({"seconds": round(rng.uniform(0.001, 0.02), 3)})
                submitted += 1
                submit_at = time.monotonic() + SUBMIT_SECONDS
            for post in posts:
                if post.tend():
                    killed += 1
                    for job_id, until in stage.ask(_UNMARKED) if frozen else ():
                        unmarked.setdefault(job_id, until)
            if frozen and time.monotonic() > thaw_at:
                again = sum(stage.ask(_TAKEN_AGAIN, job, until)[0][0] for job, until in unmarked.items())
                signal_all(frozen, signal.SIGCONT)
                frozen = set()
            time.sleep(0.01)
        for post in posts:
            post.disarm()
        for _ in range(size.relay_jobs - submitted):
            crowd.submit({"seconds": 0.001})
    finally:
        signal_all(frozen, signal.SIGCONT)
        crowd.finish()
    by_kind = f"{sum(post.killed for post in posts[:WEB_RELAYS])} of web servers, {posts[-1].killed} of workers"
    outcome.kills = f"{killed} relays"
    outcome.figures["relays killed between confirm and mark"] = by_kind
    outcome.figures["jobs published by a killed relay, and then again by another"] = again
    if killed < size.relay_kills:
        outcome.violations.append(f"only {killed} of {size.relay_kills} relays were killed")
    if not again:
        outcome.violations.append("no job was published again: nothing was tried")
    outcome.violations += [sentence for post in posts for sentence in post.violations]
    wait_until_quiet(stage, size, outcome, began=began)
    judge(stage, outcome)
    for post in posts:
        post.stop()
    return outcome


def signal_all(pids: set[int], number: int) -> None:
    for pid in pids:
        os.kill(pid, number)
