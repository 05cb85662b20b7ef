"""Runs the web server."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

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
        figures = metrics.figures_folder(conf.HOME, port)
        shutil.rmtree(figures, ignore_errors=True)
        figures.mkdir(parents=True)
        if os.environ.get(metrics.SHARED_FOLDER) != str(figures):
            # prometheus-client looks for the folder when it is loaded, which it is.
            os.environ[metrics.SHARED_FOLDER] = str(figures)
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
        # The server's processes are forks of this one, which has loaded the site already. None may inherit a connection
        # that a check has opened: two processes on one would read each other's answers.
        connections.close_all()
        Granian(
            "frontend.wsgi:application",
            interface=Interfaces.WSGI,
            address=host,
            port=port,
            workers=workers,
            blocking_threads=threads,
            # The server restarts a process that dies; the supervisor restarts the server.
            respawn_failed_workers=True,
            websockets=False,
            log_level=LogLevels.warning,
        ).serve()
