"""What the doors for code cost: a submit from Python beside the same rows by hand, and a developer's reload."""

from __future__ import annotations

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services.postgres import PostgresNode
from tests.services.processes import free_port
from tests.services.site import CHECKOUT
from tests.services.waiting import wait_until

_CODE = """
import time, uuid
from django import forms
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from core.jobs import submit
from core.models import Job, JobEvent, JobProgress
from core.pipelines import pipeline
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_user("bench")
form = type("BenchForm", (forms.Form,), {{"word": forms.CharField(), "number": forms.IntegerField()}})
pipeline(title="bench", name="bench", form=form)(lambda ctx, word, number: None)
params = {{"word": "a word", "number": 7}}
def by_hand():
    with transaction.atomic():
        now = timezone.now()
        job = Job.objects.create(
            pipeline="bench", owner=user, idempotency_key=uuid.uuid4().hex, params=params, run_at=now, publish_at=now
        )
        JobProgress.objects.create(job=job)
        JobEvent.objects.create(job=job, kind="submitted")
def by_the_door():
    submit("bench", owner=user, params=params)
for run in range({runs}):
    for name, act in (("hand", by_hand), ("door", by_the_door)):
        act()
        taken = []
        for _ in range({count}):
            began = time.perf_counter()
            act()
            taken.append(time.perf_counter() - began)
        taken.sort()
        print("submit", name, 1000 * taken[len(taken) // 2])
"""
#: Submits of one run.
COUNT = 200
#: Seconds that a start, or a restart, may take.
PATIENCE = 120.0


def report(*, runs: int) -> None:
    """Print the medians."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    postgres = PostgresNode(folder / "postgres")
    try:
        postgres.start()
        urls = {"PostgreSQL": postgres.create_database("bench_doors"), "SQLite": f"sqlite:///{folder}/doors.sqlite3"}
        for name, url in urls.items():
            hand, door = _submits(url, folder / name, runs=runs)
            print(
                f"  {name:<12} core.jobs.submit ÷ three rows inserted by hand {door / hand:.2f}   "
                f"({door:.2f} and {hand:.2f} ms, medians of {runs} runs of {COUNT})"
            )
    finally:
        postgres.stop()
    seconds = _reloads(folder / "reload", runs=runs)
    print(
        f"  up --reload  {statistics.median(seconds):.1f} s from a changed file to the new code's first answer   "
        f"({min(seconds):.1f} to {max(seconds):.1f}; aim: under 3)"
    )
    shutil.rmtree(folder, ignore_errors=True)


def _submits(url: str, home: Path, *, runs: int) -> tuple[float, float]:
    home.mkdir()
    environment = {
        **os.environ, "DATABASE_URL": url, "HEADWAY_HOME": str(home), "RABBITMQ_URL": "", "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "core.settings",
    }  # fmt: skip
    code = _CODE.format(runs=runs, count=COUNT)
    command = [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--no-imports", "--command", code]
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    rows = re.findall(r"^submit (\w+) ([\d.]+)$", done.stdout, re.MULTILINE)
    return tuple(statistics.median(float(ms) for name, ms in rows if name == wanted) for wanted in ("hand", "door"))  # type: ignore[return-value]


def _reloads(folder: Path, *, runs: int) -> list[float]:
    """Change a module of a host again and again; return the seconds that `up` says each restart took."""
    shutil.copytree(CHECKOUT / "tests/host/site", folder)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{CHECKOUT}:{folder}",
        "DJANGO_SETTINGS_MODULE": "host_settings",
        "HOST_HOME": str(folder),
        "HOST_USER": "people.Person",
        "HOST_PORT": str(port),
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "makemigrations", "people", "-v0"], cwd=folder, env=environment, check=True)
    log = folder / "up.log"
    with (
        log.open("w") as output,
        subprocess.Popen([*manage, "up", "--reload"], cwd=folder, env=environment, stdout=output, stderr=output) as up,
    ):
        try:
            wait_until(lambda: "Headway is at" in log.read_text(), PATIENCE, "the site to be up")
            for run in range(1, runs + 1):
                # The watcher begins a moment later, and gathers changes.
                time.sleep(2)
                with (folder / "shop/pipelines.py").open("a") as module:
                    module.write(f"# change {run}\n")
                wait_until(lambda count=run: log.read_text().count("Ready after") == count, PATIENCE, "a restart")  # type: ignore[misc]
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)
    return [float(seconds) for seconds in re.findall(r"Ready after ([\d.]+) s", log.read_text())]
