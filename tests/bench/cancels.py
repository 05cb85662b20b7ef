"""Seconds from an accepted cancel to the job's end, for functions that do not listen, with the times as they come."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.services.site import Site
from tests.services.waiting import wait_until

#: What each of them does, as tests/hung.py has it.
WAYS = ("sleep", "socket", "regex")
#: Seconds by which a job has to have ended.
LONGEST_SECONDS = 60.0


def report() -> None:
    """Print the seconds of each."""
    for how, seconds in run().items():
        print(f"  {how:<8} {seconds:.1f} s   (aim: at most 30)")


def run() -> dict[str, float]:
    """Cancel a job of each kind on an embedded site; return the seconds by the database's clock."""
    with tempfile.TemporaryDirectory(prefix="headway-cancels-") as folder:
        settings = {"EXTRA_PIPELINES": "tests.pipelines,tests.hung", "LEASE_SECONDS": "60", "WRITE_OFF_SECONDS": "15"}
        site = Site("embedded", Path(folder), settings=settings)
        try:
            site.migrate()
            site.add_user("alice")
            return {how: _cancel(site, how) for how in WAYS}
        finally:
            site.stop()


def _cancel(site: Site, how: str) -> float:
    (worker,) = site.start_worker()
    params = [
        word for name, value in (("how", how), ("times", 1), ("waits", 0)) for word in ("--param", f"{name}={value}")
    ]
    job = int(site.run_json("job", "submit", "hang", "--owner", "alice", *params)["id"])
    wait_until(lambda: _ask(site, "state = 'running'", job), LONGEST_SECONDS, f"job {job} to run")
    # It is claimed a moment before it hangs.
    time.sleep(1)
    site.run("job", "cancel", str(job))
    wait_until(lambda: _ask(site, "state = 'cancelled'", job), LONGEST_SECONDS, f"job {job} to be cancelled")
    (seconds,) = _row(site, "(julianday(finished_at) - julianday(cancel_requested_at)) * 86400", job)
    worker.kill9()
    return float(seconds)


def _ask(site: Site, condition: str, job: int) -> bool:
    return bool(_row(site, condition, job)[0])


def _row(site: Site, expression: str, job: int) -> tuple[float, ...]:
    with closing(sqlite3.connect(site.home / "db.sqlite3", timeout=30)) as file:
        row: tuple[float, ...] = file.execute(f"SELECT {expression} FROM core_job WHERE id = ?", [job]).fetchone()  # noqa: S608
    return row
