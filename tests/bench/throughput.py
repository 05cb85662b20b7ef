"""Tracked jobs a second ÷ bare Dramatiq messages a second, on the same broker, processes and threads.

Both begin with a backlog of messages in RabbitMQ. A third run begins with the backlog in the database, as in life: the
workers' own relays publish it as room comes, which is what keeps owners and priorities in their order. Time runs from
the first start to the last end, so that neither the start of processes nor the sending is inside; what sending takes is
printed beside it.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services.postgres import PostgresNode
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT, Site
from tests.services.waiting import wait_until

PROCESSES = 2
THREADS = 16

_SUBMIT = """
import json, sys, time
from django.contrib.auth import get_user_model
from core.life.submission import Order, submit_many
owner = get_user_model().objects.get(username="bench").pk
count, batch = {count}, 1000
began = time.perf_counter()
for _ in range(count // batch):
    submit_many("noop", [Order() for _ in range(batch)], owner_id=owner)
submitted = count / (time.perf_counter() - began)
from actors.runtime.relay import Relay
# All of it at once, when it is to be in RabbitMQ before the workers start.
relay = Relay(ahead=10**9 if {at_once} else 1)
began = time.perf_counter()
while {at_once} and relay._publish_due():
    pass
print("rate", submitted, count / (time.perf_counter() - began))
"""
_RATE = """
from core.models import Job
from django.db.models import Max, Min
ended = Job.objects.filter(pipeline="noop", finished_at__isnull=False)
row = ended.aggregate(a=Min("started_at"), b=Max("finished_at"))
left = Job.objects.exclude(state="succeeded").count()
print("rate", left, Job.objects.count() / max(0.001, (row["b"] - row["a"]).total_seconds()) if row["a"] else 0)
"""


def run(*, jobs: int, runs: int) -> dict[str, float]:
    """Return the medians a second: bare, tracked from RabbitMQ and from the database, ratios, submits and publishes."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    try:
        rabbit.start()
        postgres.start()
        pairs = []
        for number in range(runs):
            bare = bare_rate(rabbit.url, folder / f"bare-{number}", jobs=jobs)
            tracked, submitted, published = tracked_rate(rabbit, postgres, folder / f"tracked-{number}", jobs=jobs)
            waiting, *_ = tracked_rate(rabbit, postgres, folder / f"waiting-{number}", jobs=jobs, at_once=False)
            print(
                f"  run {number + 1}: bare {bare:,.0f}/s, tracked {tracked:,.0f}/s, from the database {waiting:,.0f}/s"
            )
            pairs.append((bare, tracked, submitted, published, waiting))
        return {
            "bare": statistics.median(pair[0] for pair in pairs),
            "tracked": statistics.median(pair[1] for pair in pairs),
            "ratio": statistics.median(pair[1] / pair[0] for pair in pairs),
            "submit": statistics.median(pair[2] for pair in pairs),
            "publish": statistics.median(pair[3] for pair in pairs),
            "waiting": statistics.median(pair[4] for pair in pairs),
            "waiting ratio": statistics.median(pair[4] / pair[0] for pair in pairs),
        }
    finally:
        rabbit.stop()
        postgres.stop()


def bare_rate(url: str, folder: Path, *, jobs: int) -> float:
    """Return the messages a second of the bare actor."""
    folder.mkdir()
    environment = {**os.environ, "RABBITMQ_URL": url, "BARE_FOLDER": str(folder)}
    code = (
        "from tests.bench.bare_actor import broker, nothing\n"
        "broker.confirm_delivery = False\n"
        f"for number in range({jobs}): nothing.send(number)\n"
        "broker.close()"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=CHECKOUT, check=True, timeout=300)
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "dramatiq", "tests.bench.bare_actor",
            "--processes", str(PROCESSES), "--threads", str(THREADS), "--skip-logging",
        ],
        env=environment, cwd=CHECKOUT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:

        def counts() -> list[tuple[int, float, float]]:
            rows = [path.read_text().split() for path in folder.glob("*.count")]
            return [(int(row[0]), float(row[1]), float(row[2])) for row in rows]

        wait_until(lambda: sum(row[0] for row in counts()) >= jobs, 300, "the bare messages to be run")
        rows = [row for row in counts() if row[0]]
        return jobs / (max(row[2] for row in rows) - min(row[1] for row in rows))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=60)


def tracked_rate(
    rabbit: RabbitNode, postgres: PostgresNode, folder: Path, *, jobs: int, at_once: bool = True
) -> tuple[float, float, float]:
    """Return jobs a second: tracked, submitted in bulk, and published by a relay alone."""
    name = f"bench_{folder.name.replace('-', '_')}"
    site = Site(
        "rabbitmq",
        folder,
        database_url=postgres.create_database(name),
        rabbitmq_url=rabbit.url,
        # The times of a site in life: short ones would make the keeper a part of what is measured.
        settings={
            "EXTRA_PIPELINES": "tests.pipelines", "LOG_LEVEL": "WARNING", "LEASE_SECONDS": "60",
            "REAP_SECONDS": "10", "REPUBLISH_SECONDS": "30",
        },
    )  # fmt: skip
    try:
        site.migrate()
        site.add_user("bench")
        printed = _manage(site, _SUBMIT.format(count=jobs, at_once=at_once), site.environment)
        submitted, published = (float(word) for word in printed.split("rate ")[1].split()[:2])
        site.start_worker(1, "--processes", str(PROCESSES), "--threads", str(THREADS))
        deadline = time.monotonic() + 300
        while True:
            left, rate = _manage(site, _RATE, site.environment).split("rate ")[1].split()
            if left == "0":
                return float(rate), submitted, published
            if time.monotonic() > deadline:
                raise TimeoutError(f"{left} of {jobs} jobs did not end\n{site.log_tails()}")
            time.sleep(2)
    finally:
        site.stop()


def _manage(site: Site, code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--no-imports", "--command", code],
        env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
