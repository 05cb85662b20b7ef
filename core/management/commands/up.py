"""`manage.py up`: everything prepared and running, until Ctrl-C."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connections
from watchfiles import Change, DefaultFilter, watch

from core.addresses import path_of
from core.conf import conf
from core.errors import HeadwayError
from core.operation.metrics import figures_folder
from core.operation.supervision.address import check_address, is_ready, url_of
from core.operation.supervision.home import hold_home, prepare_home
from core.operation.supervision.plan import parts_of, render_plan
from core.operation.supervision.supervisor import Supervisor

CHECKOUT = Path(settings.BASE_DIR)


#: Seconds after which a web that does not answer is told of.
_PATIENCE_SECONDS = 30.0


class CodeFilter(DefaultFilter):
    """Files whose change means other code: none of an environment beside the code, and none that a job has made."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, "site-packages", "dist-packages")

    def __init__(self) -> None:
        self.ignore_paths = (f"{conf.storage_root}{os.sep}",)
        super().__init__()

    def __call__(self, change: Change, path: str) -> bool:
        return path.endswith((".py", ".html", ".sql", ".toml", ".typ")) and super().__call__(change, path)


class DemoFailed(HeadwayError):
    """Raised when the demo data could not be made. The message ends with what the command said."""


class Command(BaseCommand):
    help = "Prepare the home, then run all parts until Ctrl-C; one that dies is started again."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--reload", action="store_true", help="for developers: restart all parts when code changes")

    def handle(self, *, reload: bool = False, **_: Any) -> None:
        self.reload = reload
        home: Path = conf.HOME
        self.url = url_of(conf.HOST, conf.PORT)
        try:
            prepare_home(home)
            with hold_home(home, self.url) as lock:
                check_address(conf.HOST, conf.PORT)
                login = self._prepare()
                self._run(home, lock, login)
        except HeadwayError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        except OperationalError as error:
            self.stderr.write(f"The database does not answer: {error}".rstrip() + "\nIs DATABASE_URL right?")
            sys.exit(2)
        except KeyboardInterrupt:
            self.stderr.write("\nStopped before it was up.")
            sys.exit(130)

    def _prepare(self) -> str:
        """Bring database, static files and demo data up to date; return what to say about the login."""
        self.stdout.write("Preparing the database ...")
        call_command("migrate", interactive=False, verbosity=0)
        if getattr(settings, "STATIC_ROOT", None):
            call_command("collectstatic", interactive=False, verbosity=0)
        connections.close_all()
        if not conf.ACCOUNTS:
            # The site has its own people.
            return ""
        # In a process of its own: it submits jobs, and none of its threads may stay in this one.
        demo = subprocess.run(
            [sys.executable, str(CHECKOUT / "manage.py"), "demo"],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if demo.returncode:
            raise DemoFailed(f"The demo data could not be made:\n{demo.stdout}{demo.stderr}".rstrip())
        return demo.stdout.strip()

    def _run(self, home: Path, lock: int, login: str) -> None:
        stop_seconds = int(conf.STOP_SECONDS) + 7
        plan = home / "run" / "supervisord.conf"
        parts = parts_of(conf.RABBITMQ_URL)
        if self.reload:
            # The web checks the changed code; all of them at once would make a developer wait for it.
            parts = {name: part if name == "web" else (*part, "--skip-checks") for name, part in parts.items()}
        control = home / "run" / "control" if self.reload else None
        figures_folder(home, conf.PORT).mkdir(parents=True, exist_ok=True)
        plan.write_text(render_plan(parts, home=home, checkout=CHECKOUT, stop_seconds=stop_seconds, control=control))
        stopping = _stop_signals()
        supervisor = Supervisor(plan, checkout=CHECKOUT, lock=lock, control=control)
        try:
            supervisor.start()
            self._announce(supervisor, stopping, home, login)
            if self.reload:
                threading.Thread(target=self._reload, args=(supervisor, stopping), daemon=True).start()
            while not stopping.wait(0.5):
                if not supervisor.is_running:
                    self.stderr.write(f"The supervisor ended; starting all again. See {home}/logs/supervisord.log")
                    supervisor.start()
                    stopping.wait(1)
            self.stdout.write("\nStopping ...")
        finally:
            supervisor.stop(stop_seconds + 10)
        self.stdout.write("Stopped.")

    def _reload(self, supervisor: Supervisor, stopping: threading.Event) -> None:
        """Restart all parts each time that code has changed."""
        folders = {CHECKOUT, *(Path(app.path) for app in apps.get_app_configs())}
        code = [folder for folder in folders if not {"site-packages", "dist-packages"} & set(folder.parts)]
        for changes in watch(*code, watch_filter=CodeFilter(), stop_event=stopping):
            name = Path(sorted(changes)[0][1]).name
            self.stdout.write(f"{name} has changed: restarting ...")
            self.stdout.flush()
            began = time.monotonic()
            supervisor.restart()
            stopping.wait(0.3)
            while not is_ready(conf.HOST, conf.PORT, named=_allowed_host()) and not stopping.wait(0.05):
                if time.monotonic() - began > _PATIENCE_SECONDS:
                    self.stderr.write(f"The web does not answer. {conf.HOME}/logs/web.log ends with:")
                    self.stderr.write(_tail(conf.HOME / "logs" / "web.log"))
                    break
            else:
                self.stdout.write(f"Ready after {time.monotonic() - began:.1f} s.")
            self.stdout.flush()

    def _announce(self, supervisor: Supervisor, stopping: threading.Event, home: Path, login: str) -> None:
        """Print the address once the web answers; when that takes long, print the end of its log."""
        host = _allowed_host()
        late = time.monotonic() + 30
        while not is_ready(conf.HOST, conf.PORT, named=host):
            if stopping.wait(0.1) or not supervisor.is_running:
                return
            if time.monotonic() > late:
                late = float("inf")
                self.stderr.write(f"The web does not answer yet. {home}/logs/web.log ends with:")
                self.stderr.write(_tail(home / "logs" / "web.log"))
        self.stdout.write(f"\nHeadway is at {self.url}{path_of('desk')}")
        if login:
            self.stdout.write(login)
        database = Path(settings.DATABASES["default"]["NAME"])
        what = "Database, files and logs" if database.is_relative_to(home) else "Files and logs"
        self.stdout.write(f"{what} are in {home}. Ctrl-C stops it.")
        self.stdout.flush()


def _allowed_host() -> str:
    return next((name for name in settings.ALLOWED_HOSTS if not name.startswith(("*", "."))), "localhost")


def _stop_signals() -> threading.Event:
    """Set by Ctrl-C, by a polite kill, and by the end of the terminal unless that is ignored (nohup)."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)
    return stopping


def _tail(log: Path, lines: int = 10) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(nothing)"
