"""Schedules: cron against an independent reading of it, and a process that fires ten thousand times.

The independent reading (tests/unit/core/pipelines/independent.py) looks at every minute of ten years in each of four
zones, one of which goes half an hour and one of which left out a day. The memory is that of one process which fires
schedules of every minute by a clock that is moved on by a minute at a time; each job is ended before the next comes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services.postgres import PostgresNode
from tests.services.site import CHECKOUT

EXPRESSIONS = 200
#: Schedules that come due at each minute of the clock.
SCHEDULES = 10
_COMPARE = """
import sys
from tests.unit.core.pipelines.comparing import YEARS, compare
from tests.unit.core.pipelines.independent import Zone, expressions
for name, first, last in YEARS:
    compared, differing = compare(Zone(name, first, last), expressions({expressions}))
    print("zone", name, first, last, compared, len(differing), flush=True)
    print("\\n".join(differing[:20]), file=sys.stderr)
"""
_FIRE = """
import os, time
import tests.pipelines
from django.contrib.auth import get_user_model
from django.core.management import call_command
from core import statements
from core.models import Job, Schedule, ScheduledRun
from core.schedules import changes
from core.schedules.fire import fire_due
call_command("migrate", verbosity=0)
owner = get_user_model().objects.create_user("bench")
for number in range({schedules}):
    changes.create("noop", owner_id=owner.pk, by="bench", cron="* * * * *", zone="Europe/Paris")

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2

fired, seconds = 0, 0.0
for goal in (1_000, {runs}):
    first, began = fired, time.perf_counter()
    while fired < goal:
        statements.clock_offset_seconds += 60
        fired += fire_due()
        Job.objects.filter(state="queued").update(state="succeeded")
    rate = (fired - first) / (time.perf_counter() - began)
    print("fired", fired, resident(), rate, flush=True)
count = ScheduledRun.objects.filter(outcome="submitted").values("job").distinct().count()
print("jobs", count, Job.objects.count())
"""


def report(*, runs: int) -> None:
    """Print what was compared, and what a process weighs after a thousand and after all runs."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    began = time.perf_counter()
    compared = 0
    for line in _run(_COMPARE.format(expressions=EXPRESSIONS), folder / "cron", f"sqlite:///{folder}/cron.sqlite3"):
        if line[:1] == ["zone"]:
            compared += int(line[4])
            _, zone, first, last, count, differing = line
            print(f"  {zone:<20} {first} to {last}: {int(count):>9,} times compared, {differing} expressions differ")
    print(f"  {compared:,} times of {EXPRESSIONS} expressions in {time.perf_counter() - began:.0f} s")
    postgres = PostgresNode(folder / "postgres")
    try:
        postgres.start()
        urls = {"PostgreSQL": postgres.create_database("bench"), "SQLite": f"sqlite:///{folder}/fire.sqlite3"}
        for name, url in urls.items():
            for line in _run(_FIRE.format(schedules=SCHEDULES, runs=runs), folder / name, url):
                if line[:1] == ["fired"]:
                    fired, size, rate = int(line[1]), float(line[2]), float(line[3])
                    print(f"  {name:<12} after {fired:>6,} runs {size:6.1f} MB, {rate:5.0f} a second")
                elif line[:1] == ["jobs"]:
                    print(f"  {name:<12} {line[1]} runs with a job, {line[2]} jobs")
    finally:
        postgres.stop()


def _run(code: str, home: Path, url: str) -> list[list[str]]:
    """Run the code in a process of its own and return its lines, in words."""
    home.mkdir()
    environment = {
        **os.environ, "DATABASE_URL": url, "HEADWAY_HOME": str(home), "RABBITMQ_URL": "", "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "core.settings",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--no-imports", "--command", code],
        env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode or done.stderr.strip():
        raise RuntimeError(done.stderr)
    return [line.split() for line in done.stdout.splitlines()]
