"""Runs the web server."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.conf import conf
from core.operation import metrics


class Command(BaseCommand):
    help = "Serve the pages (granian, WSGI)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--host", default=conf.HOST)
        parser.add_argument("--port", type=int, default=conf.PORT)
        parser.add_argument("--workers", type=int, default=conf.WEB_WORKERS, help="processes")
        parser.add_argument("--threads", type=int, default=conf.WEB_THREADS, help="threads of a process")

    def handle(self, *, host: str, port: int, workers: int, threads: int, **options: Any) -> None:
        if settings.SECRET_KEY.startswith("insecure-"):
            raise CommandError("there is no secret key: set SECRET_KEY, or run `manage.py up`, which makes one")
        # Each process counts its own requests; /metrics reads the counts of all from this folder.
        figures = conf.HOME / "run" / f"metrics-{port}"
        shutil.rmtree(figures, ignore_errors=True)
        figures.mkdir(parents=True)
        os.environ[metrics.SHARED_FOLDER] = str(figures)
        granian = Path(sys.executable).with_name("granian")
        arguments = [
            "granian",
            *("--interface", "wsgi", "--host", host, "--port", str(port)),
            *("--workers", str(workers), "--blocking-threads", str(threads)),
            # The server restarts a process that dies; the supervisor restarts the server.
            *("--respawn-failed-workers", "--no-ws", "--log-level", "warning"),
            "frontend.wsgi:application",
        ]
        os.execv(granian, arguments)
