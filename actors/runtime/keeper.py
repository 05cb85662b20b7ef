"""The keeper: the thread of a worker process that takes care of what the process holds.

It writes progress, renews leases, notices cancels, reaps what others let go of, fires schedules, orders mails about
ended jobs, flushes figures, announces the process, and watches its own threads: one that has died silently, or too many
that hang, make the process end, so that its supervisor starts a whole one. It does one short thing at a time and never
talks to the broker; that is the relay's.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import dramatiq
from django.db import connection

from actors.runtime import periodic
from actors.runtime.relay import relay
from actors.runtime.run_job import attempts
from actors.runtime.slots import slots
from core import mails
from core.attempt import children
from core.conf import conf
from core.life import families, leases
from core.life.requests import discard
from core.logs import log
from core.models.states import State
from core.operation import alarms, metrics, presence
from core.schedules import fire, static

NOTICE_CANCEL_SECONDS = 2.0
ENFORCE_SECONDS = 1.0
LINES_SECONDS = 1.0
ROLL_UP_SECONDS = 0.5
FIRE_SECONDS = 2.0
FOLLOW_SECONDS = 60.0
END_MAILS_SECONDS = 5.0
IDLE_SECONDS = 15.0
FLUSH_METRICS_SECONDS = 10.0
FLUSH_ALARMS_SECONDS = 1.0
FORGET_WORKERS_SECONDS = 600.0
WATCH_SECONDS = 5.0
#: Seconds until a duty that failed is tried again: leases must be renewed as soon as the database is back.
RETRY_SECONDS = 1.0
#: Seconds that a process with a dead thread gets to stop by itself.
END_SECONDS = 40.0


@dataclass
class Duty:
    """Something done again and again; `jitter` is the part of the interval that is random."""

    act: Callable[[], object]
    seconds: float
    jitter: float = 0.0
    due_at: float = 0.0

    def plan_next(self) -> None:
        self.due_at = time.monotonic() + self.seconds * (1 + random.uniform(-self.jitter, self.jitter))


@dataclass
class Keeper:
    """Looks after one worker process."""

    worker: dramatiq.Worker
    #: The queues that the worker takes jobs from.
    queues: Sequence[str] = ()
    #: All queues that it listens to, those of other actors included; None for every one.
    listens_to: Collection[str] | None = None
    #: Whether the process has been told to stop.
    is_stopping: bool = False
    _ending: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._parent = os.getppid()
        self._announcing = Duty(self.announce, presence.HEARTBEAT_SECONDS)
        self._duties = [
            Duty(attempts().write_progress, conf.PROGRESS_SECONDS),
            Duty(attempts().write_lines, LINES_SECONDS),
            Duty(attempts().roll_up, ROLL_UP_SECONDS),
            Duty(children.pool.tend, IDLE_SECONDS),
            Duty(attempts().renew, conf.LEASE_RENEW_SECONDS),
            Duty(attempts().notice_cancels, NOTICE_CANCEL_SECONDS),
            Duty(attempts().enforce, ENFORCE_SECONDS),
            Duty(reap, conf.REAP_SECONDS, jitter=0.5),
            Duty(static.follow, FOLLOW_SECONDS, jitter=0.5),
            Duty(fire.fire_due, FIRE_SECONDS, jitter=0.5),
            Duty(self.fire_periodic, FIRE_SECONDS, jitter=0.5),
            Duty(mails.order_end_mails, END_MAILS_SECONDS, jitter=0.5),
            self._announcing,
            Duty(metrics.run_seconds.flush, FLUSH_METRICS_SECONDS),
            Duty(alarms.flush, FLUSH_ALARMS_SECONDS),
            Duty(presence.forget_the_dead, FORGET_WORKERS_SECONDS, jitter=0.5),
            Duty(self._watch, WATCH_SECONDS),
        ]
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def stop(self, *, timeout: float = 5.0) -> None:
        """End the thread when it has written what it holds, and announce that the worker has ended."""
        self._ending.set()
        self._thread.join(timeout)

    def note_stop(self) -> None:
        """Tell others, as soon as may be, that this worker takes no more jobs; its threads may end from now on."""
        self.is_stopping = True
        self._announcing.due_at = 0.0

    def announce(self) -> None:
        """Say that the worker is there."""
        if not self._ending.is_set():
            presence.announce(
                attempts().worker,
                queues=self.queues,
                threads=len(self.worker.workers),
                is_stopping=self.is_stopping,
            )

    def fire_periodic(self) -> None:
        """Send the periodic actors whose time has come. Embedded, only this process could run what it sends."""
        if not self.is_stopping:
            periodic.fire_due(self.listens_to)

    def _run(self) -> None:
        while not self._ending.is_set():
            for duty in self._duties:
                if time.monotonic() >= duty.due_at:
                    self._do(duty)
            wait = min(duty.due_at for duty in self._duties) - time.monotonic()
            self._ending.wait(max(0.01, wait))
        for act in (metrics.run_seconds.flush, alarms.flush, self._leave):
            self._do(Duty(act, 0))
        connection.close()

    def _leave(self) -> None:
        presence.leave(attempts().worker)

    def _do(self, duty: Duty) -> None:
        try:
            duty.act()
        except Exception as error:
            # The database is away for a moment, most likely; the thread must not end.
            name = getattr(duty.act, "__name__", "duty")
            log(
                "keeper_failed",
                level=logging.WARNING,
                duty=name,
                error=f"{type(error).__name__}: {error}"[:300],
            )
            connection.close()
            duty.due_at = time.monotonic() + min(RETRY_SECONDS, duty.seconds)
            return
        duty.plan_next()

    def _watch(self) -> None:
        threads = [*self.worker.workers, *self.worker.consumers.values()]
        dead = [thread.name for thread in threads if not thread.is_alive()]
        dead += [name for name, part in (("relay", relay), ("ledger", attempts().ledger)) if not part.is_alive()]
        orphaned = os.getppid() != self._parent
        jobs = attempts().async_jobs
        is_loop_lost = jobs is not None and jobs.is_lost
        # One that stops has threads that have ended as they should; a second signal would make an end of it at once.
        if self._ending.is_set() or self.is_stopping or not (dead or orphaned or slots.are_too_many or is_loop_lost):
            return
        log(
            "process_ends",
            level=logging.CRITICAL,
            dead_threads=",".join(dead),
            orphaned=orphaned,
            hung_threads=len(slots.hung),
            lost_loop=is_loop_lost,
        )
        self._ending.set()
        threading.Timer(END_SECONDS, os._exit, args=[70]).start()
        os.kill(os.getpid(), signal.SIGTERM)


def reap() -> None:
    """End the attempts whose lease ran out; delete what cancelled ones had made; repair families after crashes."""
    for job_id, state in leases.reap():
        if state == State.CANCELLED:
            discard(job_id)
    families.sweep()
