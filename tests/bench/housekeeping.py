"""What a round of the housekeeper takes in time and memory, on PostgreSQL and on SQLite.

Half of the jobs and half of the uploads are past their time. The second round has nothing to delete, and looks at all
that is left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services.postgres import PostgresNode
from tests.services.site import CHECKOUT

_CODE = """
import datetime as dt, hashlib, os, resource, time
from django.contrib.auth import get_user_model
from django.core.management import call_command
from core import housekeeping, storage
from core.database.clock import database_now
from core.models import Artifact, Job, JobEvent, JobProgress, JobStep
call_command("migrate", verbosity=0)
owner = get_user_model().objects.create_user("bench").pk
now, root = database_now(), storage.root()
old, count = time.time() - 1000 * 86400, {jobs}
for name in (f"{{shard:02x}}" for shard in range(256)):
    (root / "uploads" / name).mkdir(parents=True, exist_ok=True)
for start in range(0, count, 5_000):
    rows = []
    for number in range(start, min(start + 5_000, count)):
        at = now - dt.timedelta(days=1_000 if number % 2 else 10)
        rows.append(Job(pipeline="noop", owner_id=owner, idempotency_key=f"bench-{{number}}", state="succeeded",
            run_at=at, publish_at=at, created_at=at, finished_at=at, attempt=1, fence=1))
    jobs = Job.objects.bulk_create(rows)
    JobProgress.objects.bulk_create(JobProgress(job=job) for job in jobs)
    JobEvent.objects.bulk_create(
        JobEvent(job=job, kind=kind, at=job.finished_at) for job in jobs for kind in ("submitted", "claimed", "step",
        "note", "succeeded"))
    JobStep.objects.bulk_create(JobStep(job=job, key="made", result={{"file": f"jobs/{{job.pk}}/1/made"}}, attempt=1,
        fence=1) for job in jobs)
    files = []
    for job in jobs:
        sha256 = hashlib.sha256(str(job.pk).encode()).hexdigest()
        upload = f"uploads/{{sha256[:2]}}/{{sha256}}"
        (root / upload).write_bytes(b"x")
        os.utime(root / upload, (old, old))
        folder = storage.attempt_folder(job.pk, 1)
        folder.mkdir(parents=True)
        (folder / "made").write_bytes(b"x")
        for path in (folder / "made", folder, folder.parent):
            os.utime(path, (old, old))
        values = dict(job=job, size=1, sha256=sha256, name="file")
        files.append(Artifact(kind="input", field="file", path=upload, **values))
        files.append(Artifact(kind="output", field="made", path=f"jobs/{{job.pk}}/1/made", **values))
    Artifact.objects.bulk_create(files)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
parts = (housekeeping.expire_datasets, housekeeping.expire_jobs, housekeeping.forget_events, housekeeping.forget_mails,
    housekeeping.forget_acts, housekeeping.forget_sessions, housekeeping.collect_files)
for turn in ("first", "second"):
    longest = 0.0
    for part in parts:
        looks = [time.perf_counter()]
        tally = part(housekeeping.Round(watch=lambda _: looks.append(time.perf_counter())))
        longest = max([longest, *(two - one for one, two in zip(looks, looks[1:]))])
        taken = time.perf_counter() - looks[0]
        if taken > 0.1:
            print("row", turn, part.__name__, f"{{taken:.1f}} s", dict(tally.counts), flush=True)
    print("row", turn, "longest time between two looks", f"{{longest:.2f}} s", flush=True)
    began = time.perf_counter()
    tally = housekeeping.tidy_database(housekeeping.Round(), deleted_rows=count)
    taken = time.perf_counter() - began
    print("row", turn, "tidy_database", f"{{taken:.1f}} s", dict(tally.counts), tally.left, flush=True)
print("row memory", f"{{before:.0f}} MB before, {{peak():.0f}} MB at most")
"""


def report(*, jobs: int) -> None:
    """Print what each part takes, on each database."""
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as folder:
        Path(folder).chmod(0o711)
        print(f"{jobs:,} jobs with 5 events, a folder and an upload each; half are past their time")
        print("SQLite")
        _measure(Path(folder) / "sqlite", jobs=jobs)
        node = PostgresNode(Path(folder) / "postgres")
        try:
            node.start()
            print("PostgreSQL")
            _measure(Path(folder) / "pg", jobs=jobs, DATABASE_URL=node.create_database("bench"))
        finally:
            node.stop()


def _measure(home: Path, *, jobs: int, **environment: str) -> None:
    home.mkdir()
    code = "import django\ndjango.setup()\n" + _CODE.format(jobs=jobs)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
            "DJANGO_SETTINGS_MODULE": "core.settings",
            "HEADWAY_HOME": str(home),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-4_000:])
    for line in done.stdout.splitlines():
        if line.startswith("row"):
            print("  " + line.removeprefix("row "), flush=True)


if __name__ == "__main__":
    report(jobs=int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
