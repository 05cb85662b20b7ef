"""The threads of a worker, and what takes the place of one that is written off.

1. Each thread has one message in hand; Dramatiq tells when it takes it and when it is done with it.
2. The keeper writes off a thread whose attempt did not end though it had to (`core.attempt.attempts`). In that moment
   the thread is cut off from the worker: when it wakes up it ends, and neither acks its message nor takes another.
3. A new thread takes its place, so that the worker runs as many jobs as before, and its message is acked for it: an
   unacked one would count against what the worker may fetch, and its channel would be closed after half an hour.
4. What a thread holds, such as its connection to the database, is only free when its process ends. So there may not be
   many of them: `are_too_many` makes the keeper have the process replaced.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import dramatiq
from dramatiq.middleware import Middleware

#: Threads that are written off at which a process is replaced: this part of what it has, and so many at least.
PART, LEAST = 0.5, 2


@dataclass
class Slots:
    """The threads of this process's worker."""

    worker: dramatiq.Worker | None = None
    #: Threads that were written off and have not ended.
    _written_off: list[threading.Thread] = field(default_factory=list)
    #: What each thread has in hand, by its id.
    messages: dict[int, Any] = field(default_factory=dict)

    def replace(self, thread: threading.Thread) -> None:
        """Cut the thread off from the worker, and start another in its place. Returns at once."""
        worker = self.worker
        if worker is None or thread not in worker.workers:
            return
        dropped: Any = thread
        consumers, work = dropped.consumers, dropped.work_queue
        dropped.consumers, dropped.work_queue = _Nobody(), _Nobody()
        dropped.stop()
        worker.workers.remove(dropped)
        self._written_off.append(thread)
        worker._add_worker()
        message = self.messages.pop(thread.ident or 0, None)
        if message is not None:
            # Beside the keeper: an ack waits for a broker that is away.
            threading.Thread(target=_ack, args=[message, consumers, work], name="ack", daemon=True).start()

    @property
    def hung(self) -> list[threading.Thread]:
        """The threads that were written off and still run."""
        self._written_off = [thread for thread in self._written_off if thread.is_alive()]
        return self._written_off

    @property
    def are_too_many(self) -> bool:
        """Whether so many threads hang that the process has to be replaced."""
        return self.worker is not None and len(self.hung) >= max(LEAST, PART * self.worker.worker_threads)


class Deliveries(Middleware):
    """Remembers which message each thread has in hand."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        slots.messages[threading.get_ident()] = message

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        slots.messages.pop(threading.get_ident(), None)

    def after_skip_message(self, broker: dramatiq.Broker, message: Any) -> None:
        slots.messages.pop(threading.get_ident(), None)


class _Nobody:
    """What a thread that was written off has for the worker's consumers and queue."""

    def __getitem__(self, _: str) -> _Nobody:
        return self

    def post_process_message(self, _: Any) -> None: ...

    def task_done(self) -> None: ...


def _ack(message: Any, consumers: Any, work: Any) -> None:
    consumers[message.queue_name].post_process_message(message)
    work.task_done()


#: Those of this process.
slots = Slots()
