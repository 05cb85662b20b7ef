"""How many jobs a second a gate lets go through one hot key, on PostgreSQL and on SQLite.

Every job let go is a check of GCRA with its bucket, a place in its owners' turns, and a written start. Beside it stands
a plain upsert of GCRA a transaction, one check each: what a limiter asked job by job would do.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services.postgres import PostgresNode
from tests.services.site import CHECKOUT

_CODE = """
import time
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from core import pipelines
from core.life.submission import Order, submit_many
from core.limits import Rate, gate
from core.models import Job
from core.pipelines import pipeline
call_command("migrate", verbosity=0)
people = [get_user_model().objects.create_user(f"bench{{n}}").pk for n in range(2)]
limited = pipeline(title="limited", name="limited", limits=[Rate("1000000/s")])(lambda ctx: None)
jobs, runs = {jobs}, {runs}
gate.HORIZON_SECONDS = 60.0
for run in range(runs):
    for owner in people:
        submit_many("limited", [Order() for _ in range(jobs // 2)], owner_id=owner)
    began, gone = time.perf_counter(), 0
    while gone < jobs:
        gone += gate.let_go().count
    taken = time.perf_counter() - began
    Job.objects.all().update(state="succeeded")
    now = "extract(epoch from clock_timestamp())" if connection.vendor == "postgresql" else "unixepoch('subsec')"
    now = now if connection.vendor == "postgresql" else "(julianday('now') - 2440587.5) * 86400.0"
    checks = min(jobs, 3000)
    began = time.perf_counter()
    for _ in range(checks):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_limitbucket (pipeline, \\"limit\\", value, tat, blocked_until) "
                f"VALUES ('bench', 'rate', '', {{now}} + 0.000001, 0) ON CONFLICT (pipeline, \\"limit\\", value) "
                f"DO UPDATE SET tat = 0.000001 + CASE WHEN core_limitbucket.tat > {{now}} THEN core_limitbucket.tat "
                f"ELSE {{now}} END WHERE core_limitbucket.tat <= {{now}} RETURNING tat"
            )
            cursor.fetchall()
    print("rate", jobs / taken, checks / (time.perf_counter() - began))
"""


def report(*, jobs: int, runs: int) -> None:
    """Print the medians for each database."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    postgres = PostgresNode(folder / "postgres")
    try:
        postgres.start()
        urls = {"PostgreSQL": postgres.create_database("bench_limits"), "SQLite": f"sqlite:///{folder}/limits.sqlite3"}
        for name, url in urls.items():
            let_go, upserts = _rates(url, folder / name, jobs=jobs, runs=runs)
            print(f"  {name:<12} {let_go:>8,.0f} let go a second; one upsert a transaction {upserts:>8,.0f} a second")
    finally:
        postgres.stop()


def _rates(url: str, home: Path, *, jobs: int, runs: int) -> tuple[float, float]:
    home.mkdir()
    environment = {
        **os.environ, "DATABASE_URL": url, "HEADWAY_HOME": str(home), "RABBITMQ_URL": "", "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "core.settings",
    }  # fmt: skip
    done = subprocess.run(
        [
            sys.executable, str(CHECKOUT / "manage.py"), "shell", "--no-imports", "--command",
            _CODE.format(jobs=jobs, runs=runs),
        ],
        env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    rows = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("rate ")]
    return statistics.median(float(row[0]) for row in rows), statistics.median(float(row[1]) for row in rows)
