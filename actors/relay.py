"""The relay: the one thread of a process that talks to the broker for it.

It publishes due jobs in batches and marks them once the broker has confirmed. A web process's relay sleeps until a
submit wakes it; a worker's also looks by itself, and finds messages that the broker has lost. When the broker is
away it says so once and tries again, from half a second up to five apart.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection

from actors.broker import BROKER_AWAY, DEFAULT_QUEUE, job_broker
from core import metrics, pipelines
from core.failpoints import failpoint
from core.life import outbox
from core.logs import tell

#: Seconds between two looks of a worker's relay; a submit elsewhere wakes only that process's relay.
SHARED_POLL_SECONDS = 1.0
#: An embedded worker is woken by nobody: its database is on the same machine, and a look is cheap.
EMBEDDED_POLL_SECONDS = 0.1
#: Seconds that a relay waits, once woken, for further jobs.
GATHER_SECONDS = 0.02
#: Seconds between two looks for lost messages.
RECOVER_SECONDS = 5.0
#: Messages published this short a time ago are not called lost, even when the broker has just come back.
RECOVER_AGE_SECONDS = 2.0
#: Seconds without work after which a web process's relay closes its connection.
IDLE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 5.0


@dataclass
class Relay:
    """Publishes for one process. `looks` is for workers: look for due jobs and lost messages unasked."""

    looks: bool = False
    #: The queues that an embedded worker runs: only it can publish to itself. Empty for all.
    queues: tuple[str, ...] = ()
    _awake: threading.Event = field(default_factory=threading.Event)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _pid: int = 0
    _pause: float = 0.0
    _was_away: bool = True
    _recover_at: float = 0.0

    def start(self) -> None:
        """Start the thread, also again after a fork; a second call does nothing."""
        if self._thread is not None and self._pid == os.getpid() and self._thread.is_alive():
            return
        if self._pid == 0:
            # A command that submits and ends would otherwise end with a batch in hand, which then waits for
            # other relays until its hold is over.
            atexit.register(self.stop)
        if self._pid != os.getpid():
            # In a forked child the parent's events may be in any state.
            self._awake, self._ending = threading.Event(), threading.Event()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the thread look now. Returns at once."""
        self.start()
        self._awake.set()

    def stop(self, *, timeout: float = 5.0) -> None:
        """End the thread when it has published what it holds and one batch more, within the timeout."""
        self._ending.set()
        self._awake.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        idle_since = time.monotonic()
        try:
            while not self._ending.is_set():
                self._awake.wait(self._poll_seconds())
                was_woken = self._awake.is_set()
                if was_woken:
                    # More may come with the first: one batch for all of them.
                    self._ending.wait(GATHER_SECONDS)
                self._awake.clear()
                if self._look(was_woken=was_woken):
                    idle_since = time.monotonic()
                if self._pause:
                    self._ending.wait(self._pause)
                    self._awake.set()
                elif not self.looks and time.monotonic() - idle_since > IDLE_SECONDS:
                    return
            self._look(was_woken=True)
        finally:
            job_broker().let_go()
            connection.close()

    def _poll_seconds(self) -> float:
        if not self.looks:
            return SHARED_POLL_SECONDS
        return SHARED_POLL_SECONDS if job_broker().is_shared else EMBEDDED_POLL_SECONDS

    def _look(self, *, was_woken: bool) -> bool:
        """Publish what is due and find what was lost; return whether there was anything."""
        try:
            if self._was_away:
                # Nothing to publish is no sign that the broker is back.
                job_broker().waiting_messages(DEFAULT_QUEUE)
            published = self._publish_due() if was_woken or self.looks else 0
            if self.looks and time.monotonic() >= self._recover_at:
                self._recover()
            job_broker().idle()
        except BROKER_AWAY as error:
            self._note_trouble("broker_unreachable", error)
            job_broker().let_go()
            self._was_away = True
            metrics.broker_up.set(0)
            return True
        except DatabaseFault as error:
            self._note_trouble("database_unreachable", error)
            with contextlib.suppress(DatabaseFault):
                connection.close()
            return True
        except Exception as error:
            # The thread must not end: whatever this is, the next look may go well.
            self._note_trouble("relay_failed", error)
            job_broker().let_go()
            return True
        if self._pause:
            tell("relay_recovered")
        if not self.looks:
            self._was_away = False
        self._pause = 0.0
        metrics.broker_up.set(1)
        return published > 0

    def _note_trouble(self, event: str, error: Exception) -> None:
        if not self._pause:
            tell(event, level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)

    def _publish_due(self) -> int:
        broker, published = job_broker(), 0
        for queue in self._queues():
            while True:
                room = broker.room(queue) if queue else None
                limit = outbox.BATCH if room is None else min(room, outbox.BATCH)
                jobs = outbox.take_due(limit=limit, queue=queue) if limit and outbox.has_due(queue) else []
                if not jobs:
                    break
                failpoint("publish")
                try:
                    broker.publish_jobs(jobs)
                except BROKER_AWAY:
                    # Another process may reach the broker: it need not wait until our hold is over.
                    outbox.give_back(job.job_id for job in jobs)
                    raise
                failpoint("confirm")
                outbox.mark_published(job.job_id for job in jobs)
                failpoint("mark-published")
                published += len(jobs)
                if len(jobs) < limit or self._ending.is_set():
                    break
        return published

    def _queues(self) -> list[str]:
        # A broker that others share takes all queues in one batch; this process's own has a limit for each.
        return [""] if job_broker().is_shared else list(self.queues) or pipelines.queues()

    def _recover(self) -> None:
        """Publish again what the broker can no longer have: it holds fewer messages than jobs wait for a claim."""
        broker = job_broker()
        age = RECOVER_AGE_SECONDS if self._was_away else settings.REPUBLISH_SECONDS
        lost = 0
        own = self._queues()
        for queue, waiting in outbox.unclaimed().items():
            if not broker.is_shared and queue not in own:
                continue
            lost += outbox.publish_again(queue, limit=waiting - broker.waiting_messages(queue), older_seconds=age)
        self._recover_at = time.monotonic() + RECOVER_SECONDS
        self._was_away = False
        if lost:
            tell("messages_published_again", level=logging.WARNING, count=lost)
            self._awake.set()


#: The relay of this process.
relay = Relay()


def wake() -> None:
    """Have the process's relay look for due jobs, if its broker can be reached from here."""
    if job_broker().is_shared or relay.is_alive():
        relay.wake()
