"""Runs a worker on the runtime that the settings choose."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

import dramatiq
from django.core.management import call_command
from django.core.management.base import BaseCommand

from actors.runtime.broker import job_broker
from actors.runtime.worker_boot import JOIN_BEFORE
from core import pipelines
from core.conf import conf

#: Milliseconds a stopping worker waits for its threads.
STOP_MILLISECONDS = int((conf.STOP_SECONDS - JOIN_BEFORE) * 1000)


class Command(BaseCommand):
    help = "Run jobs: in this process when embedded, in child processes over RabbitMQ."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=conf.WORKER_PROCESSES, help="over RabbitMQ only")
        parser.add_argument("--threads", type=int, default=conf.WORKER_THREADS)
        parser.add_argument("--queues", nargs="*", default=None, help="these queues only")
        parser.add_argument("--not-queues", nargs="*", default=(), help="all queues but these")

    def handle(
        self, *, processes: int, threads: int, queues: list[str] | None, not_queues: list[str], **options: Any
    ) -> None:
        if not_queues:
            every = {*pipelines.queues(), *(actor.queue_name for actor in dramatiq.get_broker().actors.values())}
            queues = [name for name in queues or sorted(every) if name not in not_queues]
        if job_broker().is_shared:
            call_command(
                "rundramatiq",
                processes=processes,
                threads=threads,
                queues=queues,
                skip_logging=True,
                worker_shutdown_timeout=STOP_MILLISECONDS,
            )
            return
        run_embedded(threads=threads, queues=set(queues) if queues else None)


def run_embedded(*, threads: int, queues: set[str] | None) -> None:
    """Run Dramatiq's own worker on the in-process broker until a signal; the ticker runs in the main thread."""
    from actors.runtime import run_job, ticker  # noqa: F401 - declares the actors

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    worker = dramatiq.Worker(dramatiq.get_broker(), queues=queues, worker_threads=threads, worker_timeout=200)
    worker.start()
    stopping.wait()
    worker.stop(timeout=STOP_MILLISECONDS)
