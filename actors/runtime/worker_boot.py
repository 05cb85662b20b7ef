"""What a Dramatiq worker process starts beside its threads, and the order in which it all ends."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.middleware import Middleware

from actors.runtime.slots import Deliveries, slots
from core import pipelines
from core.attempt import children
from core.attempt.pulse import Pulse
from core.conf import conf
from core.logs import log, write_to_stderr

# The broker, and with it this middleware, is built before Django has loaded its models: what needs them is
# imported when the worker boots.


#: Seconds before STOP_SECONDS at which a thread that still has its job loses it, and until which Dramatiq waits for its
#: threads; a second is for the signal to be seen.
HAND_BACK_BEFORE, JOIN_BEFORE, END_BEFORE = 5.0, 4.5, 1.5
#: Seconds that long work has at least to hand itself back, after the grace.
OWN_HANDS_SECONDS = 2.0
#: Seconds that each part of the process gets to write what it holds.
PART_SECONDS = 2.0
#: The exit code of a process that had to be ended.
EXIT_HUNG = 75


class WorkerBoot(Middleware):
    """Starts keeper and relay with the worker, and ends them with it.

    At the stop: nothing more is taken; short work may end; after the grace, long work is handed back at its next call
    of the context, async work at what it awaits; what never calls is handed back by the process itself, and its thread
    is left to its own devices.
    """

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        from actors.runtime.async_jobs import AsyncJobs
        from actors.runtime.run_job import attempts

        # Before there are threads: each of them would make attempts of its own, and run what is async by itself.
        attempts().async_jobs = self.async_jobs = AsyncJobs(attempts())
        from actors.runtime.periodic import PeriodicRuns

        write_to_stderr()
        # What one worker holds fetched, another one can't begin; a small stock is enough not to wait for the broker.
        worker.queue_prefetch = worker.worker_threads + worker.worker_threads // 2
        for queue in pipelines.queues():
            broker.declare_queue(queue)
        slots.worker = worker
        broker.add_middleware(Deliveries())
        broker.add_middleware(PeriodicRuns())

    def after_worker_boot(self, broker: Any, worker: dramatiq.Worker) -> None:
        from actors.runtime.end_sender import EndSender
        from actors.runtime.keeper import Keeper
        from actors.runtime.relay import relay
        from actors.runtime.run_job import attempts
        from core.life import leases, outbox
        from core.operation import presence

        queues = [name for name in pipelines.queues() if name in (worker.consumer_whitelist or pipelines.queues())]
        freed = leases.expire_leases_of_dead_neighbours()
        if not broker.is_shared:
            # The messages were in the memory of the process before this one.
            for queue in queues:
                outbox.publish_again(queue, limit=1_000_000, older_seconds=0)
        attempts().ledger.start()
        attempts().on_write_off = slots.replace
        relay.polls, relay.queues = True, tuple(queues)
        relay.ahead = worker.worker_threads + worker.worker_threads // 2
        relay.start()
        # A process before this one may have had its name, and no time to take its leave.
        presence.leave(attempts().worker)
        # It imports beside us what jobs need in child processes: none waits for it, after however long a rest.
        if modules := pipelines.preloads(queues):
            children.pool.warm_up(modules, pipelines.rehearsals(queues))
        self.pulse = Pulse(attempts().worker)
        self.pulse.start()
        self.end_sender = EndSender()
        self.end_sender.start()
        # Last: it watches the others.
        self.keeper = Keeper(worker, queues=queues, listens_to=worker.consumer_whitelist)
        self.keeper.start()
        log("worker_started", worker=attempts().worker, freed=freed)

    def before_worker_shutdown(self, broker: Any, worker: dramatiq.Worker) -> None:
        from actors.runtime.broker import take_no_more
        from actors.runtime.run_job import attempts

        hand_back_at = conf.STOP_SECONDS - HAND_BACK_BEFORE
        grace = max(0.0, min(conf.STOP_GRACE_SECONDS, hand_back_at - OWN_HANDS_SECONDS))
        log("worker_stops", worker=attempts().worker, held=len(attempts()), grace_seconds=grace)
        self._timers = [
            _after(grace, attempts().stop_all),
            _after(hand_back_at, _hand_back),
            _after(conf.STOP_SECONDS - END_BEFORE, _end_at_once),
        ]
        self._hand_back_at = time.monotonic() + hand_back_at
        self.keeper.note_stop()
        self.async_jobs.take_no_more()
        # From now on a thread that is written off gets no successor.
        slots.worker = None
        if broker.is_shared:
            take_no_more(broker, worker)

    def after_worker_shutdown(self, broker: Any, worker: dramatiq.Worker) -> None:
        from actors.runtime.relay import relay
        from actors.runtime.run_job import attempts

        # The threads have ended; async jobs have the same time.
        self.async_jobs.wait_until_idle(self._hand_back_at - time.monotonic())
        # The last one stays: the interpreter waits for threads that a pipeline has left behind.
        for timer in self._timers[:2]:
            timer.cancel()
        _hand_back()
        attempts().ledger.stop(timeout=PART_SECONDS)
        self.end_sender.stop(timeout=PART_SECONDS)
        children.pool.close_idle(after_seconds=0)
        # Last of all: what was handed back is published to whoever runs on.
        relay.stop(timeout=PART_SECONDS)
        self.keeper.stop(timeout=PART_SECONDS)
        self.pulse.stop()
        stuck = [thread.name for thread in (*worker.workers, *slots.hung) if thread.is_alive()]
        if not self.async_jobs.stop(timeout=PART_SECONDS):
            stuck.append("event-loop")
        log("worker_stopped", stuck_threads=",".join(stuck))
        children.pool.end()
        if stuck:
            # The interpreter's own end would wait for such a thread.
            os._exit(0)


def _after(seconds: float, act: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


def _hand_back() -> None:
    from django.db import connection

    from actors.runtime.run_job import attempts

    taken = attempts().hand_back_all()
    if taken:
        log("jobs_handed_back", count=taken)
    connection.close()


def _end_at_once() -> None:
    log("process_hangs", level=logging.CRITICAL)
    os._exit(EXIT_HUNG)
