"""What a Dramatiq worker process starts beside its threads, and the order in which it all ends."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
from django.conf import settings
from dramatiq.middleware import Middleware

from core import children, pipelines
from core.logs import tell

# The broker, and with it this middleware, is built before Django has loaded its models: what needs them is
# imported when the worker boots.


class WorkerBoot(Middleware):
    """Starts keeper and relay with the worker. At the stop: short work may end, long work is handed back."""

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        for queue in pipelines.queues():
            broker.declare_queue(queue)

    def after_worker_boot(self, broker: Any, worker: dramatiq.Worker) -> None:
        from actors.keeper import Keeper
        from actors.relay import relay
        from actors.run_job import attempts
        from core.life import leases, outbox

        queues = [name for name in pipelines.queues() if name in (worker.consumer_whitelist or pipelines.queues())]
        freed = leases.expire_leases_of_dead_neighbours()
        if not broker.is_shared:
            # The messages were in the memory of the process before this one.
            for queue in queues:
                outbox.publish_again(queue, limit=1_000_000, older_seconds=0)
        attempts().ledger.start()
        relay.looks, relay.queues = True, tuple(queues)
        relay.ahead = worker.worker_threads + worker.worker_threads // 2
        relay.start()
        # Last: it watches the others.
        self.keeper = Keeper(worker)
        self.keeper.start()
        tell("worker_started", worker=attempts().worker, freed=freed)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        from actors.run_job import attempts

        self._hand_back = threading.Timer(settings.STOP_GRACE_SECONDS, attempts().stop_all)
        self._hand_back.daemon = True
        self._hand_back.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        from actors.relay import relay
        from actors.run_job import attempts

        self._hand_back.cancel()
        attempts().ledger.stop()
        children.pool.close_idle(after_seconds=0)
        # Last of all: what was handed back is published to whoever runs on.
        relay.stop()
        self.keeper.stop()
        tell("worker_stopped")
