"""Many async jobs that each wait for a slow server, on one worker process: seconds, memory and threads."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.throughput import _manage
from tests.services.postgres import PostgresNode
from tests.services.processes import children_of
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Runtime, Site
from tests.services.slow_server import slow_server
from tests.services.waiting import wait_until

THREADS = 16

_SUBMIT = """
from django.contrib.auth import get_user_model
from core.life.submission import Order, submit_many
owner = get_user_model().objects.get(username="bench").pk
submit_many("wait_for_server", [Order(params={{"port": {port}}}) for _ in range({jobs})], owner_id=owner)
"""
_ENDED = """
from core.models import Job
from django.db.models import Max, Min
row = Job.objects.aggregate(a=Min("created_at"), b=Min("started_at"), c=Max("finished_at"))
left = Job.objects.exclude(state="succeeded").count()
twice = Job.objects.filter(attempt__gt=1).count()
print("row", left, twice, (row["c"] - row["a"]).total_seconds(), (row["c"] - row["b"]).total_seconds())
"""
_EFFECTS = "CREATE TABLE test_effect (job_id bigint, step varchar(50), fence bigint)"


@dataclass(frozen=True)
class Figures:
    """What was seen of one run."""

    jobs: int
    #: Seconds from the submit, and from the first claim, to the last end.
    seconds: float
    seconds_at_work: float
    #: Jobs that waited at the same moment.
    at_once: int
    #: The process's largest resident size, and its size before the first job, in bytes.
    most_bytes: int
    before_bytes: int
    threads: int
    #: Jobs that needed more than one attempt.
    twice: int


def report(*, jobs: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
        try:
            _print(
                "embedded, SQLite", run("embedded", Site("embedded", folder / "one", settings=_SETTINGS), jobs, seconds)
            )
            rabbit.start()
            postgres.start()
            urls = {"database_url": postgres.create_database("bench"), "rabbitmq_url": rabbit.url}
            site = Site("rabbitmq", folder / "two", settings=_SETTINGS, **urls)
            _print("RabbitMQ, PostgreSQL", run("rabbitmq", site, jobs, seconds))
        finally:
            rabbit.stop()
            postgres.stop()


_SETTINGS = {
    "EXTRA_PIPELINES": "tests.pipelines,tests.async_pipelines",
    "LOG_LEVEL": "WARNING",
    "LEASE_SECONDS": "60",
    "REAP_SECONDS": "10",
    "REPUBLISH_SECONDS": "30",
}


def run(runtime: Runtime, site: Site, jobs: int, seconds: float) -> Figures:
    """Have one process run these jobs, each of which waits for so many seconds."""
    try:
        site.migrate()
        site.add_user("bench")
        _manage(site, f"from django.db import connection; connection.cursor().execute({_EFFECTS!r})", site.environment)
        with slow_server(seconds) as server:
            (worker,) = site.start_worker(1, "--processes", "1", "--threads", str(THREADS))
            # It has imported everything, and rests.
            time.sleep(10)
            pid = worker.pid if runtime == "embedded" else _child(worker.pid)
            before = _status(pid, "VmRSS")
            _manage(site, _SUBMIT.format(port=server.port, jobs=jobs), site.environment)
            threads = 0

            def have_ended() -> bool:
                nonlocal threads
                threads = max(threads, _status(pid, "Threads"))
                return server.most > 0 and server.waiting == 0

            wait_until(have_ended, 600, "the jobs to have their answers", every=0.1)
            while True:
                left, twice, total, at_work = _manage(site, _ENDED, site.environment).split("row ")[1].split()
                if left == "0":
                    break
            return Figures(
                jobs=jobs,
                seconds=float(total),
                seconds_at_work=float(at_work),
                at_once=server.most,
                most_bytes=_status(pid, "VmHWM") * 1024,
                before_bytes=before * 1024,
                threads=threads,
                twice=int(twice),
            )
    finally:
        site.stop()


def _child(pid: int) -> int:
    """Return the process that runs jobs, of Dramatiq's master: the one with the most threads."""
    return max(children_of([pid]), key=lambda child: _status(child, "Threads"))


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def _print(name: str, figures: Figures) -> None:
    print(
        f"  {name:<22}{figures.seconds:.1f} s from submit to last end, {figures.seconds_at_work:.1f} s from the "
        f"first claim; {figures.at_once:,} at once; {figures.most_bytes / 1e6:.0f} MB at most, "
        f"{figures.before_bytes / 1e6:.0f} MB before; {figures.threads} threads; {figures.twice} jobs more than once"
    )
