"""The relay: the one thread of a process that talks to the broker for it.

It publishes due jobs in batches and marks them once the broker has confirmed. A web process's relay sleeps until a
submit wakes it; a worker's also polls by itself, and finds messages that the broker has lost. When the broker is
away it logs so once and tries again, from half a second up to five apart.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from dataclasses import dataclass, field

from django.db import Error as DatabaseFault
from django.db import connection

from actors.runtime.broker import BROKER_AWAY, DEFAULT_QUEUE, job_broker
from actors.runtime.gates import GatePoll
from actors.runtime.windows import SMALLEST, Window
from core import pipelines
from core.conf import conf
from core.failpoints import failpoint
from core.life import outbox
from core.logs import log
from core.operation import metrics

#: Seconds between two looks of a worker's relay; a submit elsewhere wakes only that process's relay.
SHARED_POLL_SECONDS = 0.5
#: An embedded worker is woken by nobody, but its database is on the same machine and says whether others have written:
#: seconds between two glances at that, the shortest time between two looks that follow, and the longest without one.
GLANCE_SECONDS, EMBEDDED_POLL_SECONDS, EMBEDDED_REST_SECONDS = 0.02, 0.1, 0.5
#: Seconds between two looks while more is due than the workers have room for, and the shortest time between two.
BACKLOG_POLL_SECONDS, SHORTEST_POLL_SECONDS = 0.05, 0.02
#: Seconds within which a web process's relay waits itself for what it has let go.
SOON_SECONDS = 1.5
#: Seconds that a relay waits, once woken, for further jobs.
GATHER_SECONDS = 0.02
#: Seconds between two searches for lost messages.
RECOVER_SECONDS = 5.0
#: Messages published this short a time ago are not called lost, even when the broker has just come back.
RECOVER_AGE_SECONDS = 2.0
#: Seconds without work after which a web process's relay closes its connection.
IDLE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 5.0


@dataclass
class Relay:
    """Publishes for one process. `polls` is for workers: they look for due jobs and lost messages unasked."""

    polls: bool = False
    #: The queues that this process's worker runs; empty for all.
    queues: tuple[str, ...] = ()
    #: Messages that a queue gets ahead at least: some more than the worker has threads.
    ahead: int = SMALLEST
    _awake: threading.Event = field(default_factory=threading.Event)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _pid: int = 0
    _pause: float = 0.0
    _was_away: bool = True
    _recover_at: float = 0.0
    #: Seconds until the next job is due, as of the last poll; None when there is none.
    _next_seconds: float | None = None
    _is_behind: bool = False
    #: The database's mark at the last poll, and when that began by the process's monotonic clock.
    _last_mark: int | None = None
    _polled_at: float = 0.0
    _gates: GatePoll = field(default_factory=GatePoll)
    _windows: dict[str, Window] = field(default_factory=dict)

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
                was_woken = self._wait() or self._is_soon
                if self._awake.is_set():
                    self._gates.note_change()
                    # More may come with the first: one batch for all of them.
                    self._ending.wait(GATHER_SECONDS)
                self._awake.clear()
                if self._poll(was_woken=was_woken):
                    idle_since = time.monotonic()
                if self._pause:
                    self._ending.wait(self._pause)
                    self._awake.set()
                elif not self.polls and time.monotonic() - idle_since > IDLE_SECONDS:
                    return
            self._poll(was_woken=True)
        finally:
            job_broker().let_go()
            connection.close()

    def _wait(self) -> bool:
        """Wait until it is time to look; return whether somebody has woken the thread."""
        until = time.monotonic() + self._poll_seconds()
        while (left := until - time.monotonic()) > 0:
            if self._last_mark is None:
                return self._awake.wait(left)
            if self._awake.wait(min(left, GLANCE_SECONDS)):
                return True
            if time.monotonic() - self._polled_at >= EMBEDDED_POLL_SECONDS and self._mark() != self._last_mark:
                return False
        return self._awake.is_set()

    def _mark(self) -> int | None:
        """Return the database's mark of change, for a relay of one process alone."""
        if not self.polls or job_broker().is_shared:
            return None
        with contextlib.suppress(DatabaseFault):
            return outbox.change_mark()
        return None

    @property
    def _is_soon(self) -> bool:
        """Whether something is due so soon that this relay sees to it, unasked."""
        return not self._is_behind and self._next_seconds is not None and self._next_seconds < SOON_SECONDS

    def _poll_seconds(self) -> float:
        if job_broker().is_shared or not self.polls:
            longest = SHARED_POLL_SECONDS
        else:
            longest = EMBEDDED_POLL_SECONDS if self._last_mark is None else EMBEDDED_REST_SECONDS
        if self._is_behind and self.polls:
            return BACKLOG_POLL_SECONDS
        if self._is_soon and self._next_seconds is not None:
            return min(longest, max(SHORTEST_POLL_SECONDS, self._next_seconds))
        return longest

    def _poll(self, *, was_woken: bool) -> bool:
        """Publish what is due and recover what was lost; return whether there was anything."""
        # Taken first: what others write during this poll is seen at the next.
        self._polled_at, self._last_mark = time.monotonic(), self._mark()
        try:
            if self._was_away:
                # Nothing to publish is no sign that the broker is back.
                job_broker().waiting_messages(DEFAULT_QUEUE)
            published = self._publish_due() if was_woken or self.polls else 0
            if self.polls and time.monotonic() >= self._recover_at:
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
            # The thread must not end: whatever this is, the next poll may go well.
            self._note_trouble("relay_failed", error)
            job_broker().let_go()
            return True
        if self._pause:
            log("relay_recovered")
        if not self.polls:
            self._was_away = False
        self._pause = 0.0
        metrics.broker_up.set(1)
        return published > 0

    def _note_trouble(self, event: str, error: Exception) -> None:
        if not self._pause:
            log(event, level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)

    def _publish_due(self) -> int:
        """Release what limits allow, and publish what is due as far as there is room."""
        gate_seconds = self._gates.poll()
        self._is_behind = False
        times = {queue: outbox.next_due_seconds(queue) for queue in self._queues()}
        published = sum(self._publish_queue(queue) for queue, seconds in times.items() if seconds == 0)
        # What is due and was not published is another process's, or in the hand of a relay that may be dead.
        waits = [gate_seconds, *(seconds for seconds in times.values() if seconds)]
        if published:
            waits.append(SHORTEST_POLL_SECONDS)
        self._next_seconds = min((seconds for seconds in waits if seconds is not None), default=None)
        return published

    def _publish_queue(self, queue: str) -> int:
        broker, published = job_broker(), 0
        window = self._windows.setdefault(queue, Window())
        window.smallest = max(SMALLEST, self.ahead) if broker.is_shared else self.ahead
        while not (self._ending.is_set() and published):
            room = window.room(lambda: broker.waiting_messages(queue))
            limit = min(room, outbox.BATCH)
            if limit:
                jobs = outbox.take_due(limit=limit, queue=queue)
            else:
                # What fills the window may be slow: what is more urgent doesn't wait until there is room.
                self._is_behind = True
                jobs = outbox.take_before_others(limit=window.smallest, queue=queue)
            if not jobs:
                break
            failpoint("publish")
            try:
                broker.publish_jobs(jobs)
            except BROKER_AWAY:
                window.forget()
                # Another process may reach the broker: it need not wait until our hold is over.
                outbox.give_back(job.job_id for job in jobs)
                raise
            failpoint("confirm")
            outbox.mark_published(job.job_id for job in jobs)
            failpoint("mark-published")
            window.note_published(len(jobs), room=room)
            published += len(jobs)
            if not limit or len(jobs) < limit:
                break
        return published

    def _queues(self) -> list[str]:
        return list(self.queues) or pipelines.queues()

    def _recover(self) -> None:
        """Publish again what the broker can no longer have: it holds fewer messages than jobs wait for a claim."""
        broker = job_broker()
        age = RECOVER_AGE_SECONDS if self._was_away else conf.REPUBLISH_SECONDS
        lost = 0
        own = self._queues()
        for queue, waiting in outbox.unclaimed().items():
            if not broker.is_shared and queue not in own:
                continue
            lost += outbox.publish_again(queue, limit=waiting - broker.waiting_messages(queue), older_seconds=age)
        self._recover_at = time.monotonic() + RECOVER_SECONDS
        self._was_away = False
        if lost:
            log("messages_published_again", level=logging.WARNING, count=lost)
            self._awake.set()


#: The relay of this process.
relay = Relay()


def wake() -> None:
    """Have the process's relay look for due jobs, if its broker can be reached from here."""
    if job_broker().is_shared or relay.is_alive():
        relay.wake()
