"""A site of its own on the embedded runtime, as the CSV benchmarks use it: a person, an operator, a database to ask."""

from __future__ import annotations

import http.client
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import printing
from tests.services.processes import children_of
from tests.services.site import Site
from tests.services.waiting import wait_until

OWNER = "bench"
#: Seconds between two questions whether a job has ended.
LOOK_SECONDS = 0.002
#: Seconds after its start in which a worker has all it needs, and is at rest.
REST_SECONDS = 6.0
_BOUNDARY = "a-line-that-no-table-has"


@dataclass
class Imported:
    """How long an import took. The dataset is there for its owner when the job has succeeded."""

    job: int
    #: From the row of the job to its end, by the database's clock.
    seconds: float
    #: From the first byte of the request until the end was seen; 0 for a job from the command line.
    seen_seconds: float = 0.0
    #: The largest child process, in resident megabytes.
    peak_mb: int = 0


@dataclass
class World:
    """The site, with one worker, and one person's kept connection to it."""

    site: Site
    _connection: http.client.HTTPConnection = field(init=False)
    _headers: dict[str, str] = field(init=False)
    _database: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        person = self.site.person(OWNER)
        token = person.cookie("csrftoken")
        self._connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        self._headers = {
            "Cookie": f"csrftoken={token}; sessionid={person.cookie('sessionid')}",
            "X-CSRFToken": token,
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        }
        self._database = sqlite3.connect(self.site.home / "db.sqlite3", isolation_level=None, check_same_thread=False)

    def submit(self, path: Path) -> int:
        """Send the form with this file, as a browser does, and return the job's id."""
        body = _form({"idempotency-key": uuid.uuid4().hex}, path)
        self._connection.request("POST", "/pipelines/csv_import/", body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 302:
            raise RuntimeError(f"the submit answered {answer.status}: {text[:500]!r}")
        return int(answer.headers["Location"].strip("/").split("/")[-1])

    def wait(self, job: int) -> None:
        """Wait until the job has succeeded; raise when it did not."""
        while (row := self.ask("SELECT state, error FROM core_job WHERE id = ?", job)[0])[0] != "succeeded":
            if row[0] in ("failed", "cancelled"):
                raise RuntimeError(f"job {job} {row[0]}: {row[1]}")
            time.sleep(LOOK_SECONDS)

    def run(self, path: Path) -> Imported:
        """Import a file by the form."""
        began = time.perf_counter()
        job = self.submit(path)
        self.wait(job)
        return Imported(job, seconds=self.seconds([job]), seen_seconds=time.perf_counter() - began)

    def run_large(self, path: Path) -> Imported:
        """Import a large file by the command line, and watch the worker's children."""
        asked = ("job", "submit", "csv_import", "--owner", OWNER, "--file", f"file={path}", "--wait", "3600")
        before = self._last_job()
        peak = 0
        with ThreadPoolExecutor(max_workers=1) as thread:
            done = thread.submit(self.site.run, *asked, "--param", "import_again=on", timeout=3700)
            while not done.done():
                peak = max([peak, *printing.peak_of(children_of(self._workers())).values()])
                time.sleep(0.1)
            done.result()
        found = "SELECT min(id) FROM core_job WHERE id > ? AND pipeline = 'csv_import'"
        job = int(self.ask(found, before)[0][0])
        return Imported(job, seconds=self.seconds([job]), peak_mb=peak)

    def seconds(self, jobs: list[int]) -> float:
        """Return the seconds from the first of these jobs' rows to the last one's end."""
        listed = ",".join(map(str, jobs))
        days = f"SELECT julianday(max(finished_at)) - julianday(min(created_at)) FROM core_job WHERE id IN ({listed})"  # noqa: S608
        return float(self.ask(days)[0][0]) * 86_400

    def parquet(self, job: int) -> Path:
        ((key,),) = self.ask("SELECT parquet_path FROM core_dataset WHERE job_id = ?", job)
        return Path(self.site.home, "files", key)

    def settle(self) -> None:
        """Wait until nothing is left to be done, such as the profile of a large table."""
        live = "SELECT count(*) FROM core_job WHERE state IN ('scheduled', 'queued', 'running', 'waiting', 'retrying')"
        wait_until(lambda: self.ask(f"{live} AND run_at < datetime('now', '1 minute')")[0][0] == 0, 900, "all jobs")

    def restart(self) -> None:
        """Have a fresh worker process, and let it rest."""
        old = self.site.processes[-1]
        old.stop()
        self.site.processes.remove(old)
        self.site.start_worker()
        time.sleep(REST_SECONDS)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    def _last_job(self) -> int:
        return int(self.ask("SELECT coalesce(max(id), 0) FROM core_job")[0][0])

    def _workers(self) -> list[int]:
        return [process.pid for process in self.site.processes if process.name.startswith("worker")]


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """A site under this folder, with the times of one in life."""
    home = Path(tempfile.mkdtemp(prefix="site-", dir=folder))
    times = {"LOG_LEVEL": "WARNING", "LEASE_SECONDS": "60", "REAP_SECONDS": "10", "REPUBLISH_SECONDS": "30"}
    site = Site("embedded", home, settings=times)
    try:
        site.migrate()
        site.add_user(OWNER)
        site.start_web()
        site.start_worker()
        time.sleep(REST_SECONDS)
        yield World(site)
    finally:
        site.stop()
        shutil.rmtree(home, ignore_errors=True)


def _form(fields: dict[str, str], path: Path) -> bytes:
    head = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + file.encode() + path.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
