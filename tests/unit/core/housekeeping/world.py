"""A world with a past: jobs, datasets, schedules and files of any age, and what became of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from core.database.clock import database_now
from core.files import storage
from core.housekeeping import Round, expire_datasets, expire_jobs, files
from core.models import Artifact, Dataset, Job, JobEvent, JobProgress, JobStep, Mail, Schedule
from core.models.states import LIVE, State

#: Days and hours that are long past every time of the settings, and well within each.
OLD, YOUNG = 1_000, 1


class World:
    """Makes what a test needs, as old as it says."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.now = database_now()
        self._number = 0

    def job(
        self,
        state: State = State.SUCCEEDED,
        *,
        days: float = OLD,
        parent: Job | None = None,
        fence: int = 1,
        pipeline: str = "noop",
        **fields: Any,
    ) -> Job:
        """A job that was made, and unless it lives has ended, so many days ago."""
        self._number += 1
        at = self.now - dt.timedelta(days=days)
        job = Job.objects.create(
            pipeline=pipeline,
            owner=self.owner,
            idempotency_key=f"world-{self._number}",
            state=state,
            run_at=at,
            publish_at=at,
            created_at=at,
            finished_at=None if state in LIVE else at,
            parent=parent,
            fan_key="parts" if parent else "",
            fan_index=self._number if parent else None,
            depth=parent.depth + 1 if parent else 0,
            fence=fence,
            attempt=fence,
            **fields,
        )
        JobProgress.objects.create(job=job)
        for kind in ("submitted", "claimed", "step", "note", str(state) if state not in LIVE else "note"):
            JobEvent.objects.create(job=job, kind=kind, at=at)
        return job

    def file(self, key: str, *, hours: float = 24 * OLD, text: str = "x") -> Path:
        """A file of the store that was written so many hours ago, in folders as old."""
        path = storage.root() / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        age(path, hours=hours)
        for folder in path.parents:
            if folder == storage.root():
                break
            age(folder, hours=hours)
        return path

    def made(self, job: Job, *, fence: int = 1, hours: float = 24 * OLD, name: str = "made.txt") -> str:
        """A file in an attempt's folder; its key."""
        key = f"jobs/{job.pk}/{fence}/{name}"
        self.file(key, hours=hours)
        return key

    def upload(self, text: str, *, hours: float = 24 * OLD) -> str:
        """A kept upload; its key."""
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        key = f"uploads/{sha256[:2]}/{sha256}"
        self.file(key, hours=hours, text=text)
        return key

    def artifact(self, job: Job, key: str, *, kind: str = "output", **fields: Any) -> Artifact:
        self._number += 1
        values = {"field": f"field-{self._number}", "name": "made.txt", "size": 1, "sha256": "0" * 64}
        return Artifact.objects.create(job=job, kind=kind, path=key, **{**values, **fields})

    def dataset(self, job: Job, *, days: float = YOUNG, **fields: Any) -> Dataset:
        at = self.now - dt.timedelta(days=days)
        paths = {"parquet_path": fields.pop("parquet_path", f"jobs/{job.pk}/1/data.parquet")}
        return Dataset.objects.create(owner=self.owner, job=job, name="people", created_at=at, **paths, **fields)

    def step(self, job: Job, key: str, result: Any) -> JobStep:
        return JobStep.objects.create(job=job, key=key, result=result, attempt=1, fence=1)

    def schedule(self, **fields: Any) -> Schedule:
        return Schedule.objects.create(owner=self.owner, pipeline="noop", cron="0 3 * * *", **fields)

    def mail(self, job: Job, state: str, *, days: float = OLD) -> Mail:
        at = self.now - dt.timedelta(days=days)
        return Mail.objects.create(
            job=job,
            kind="end",
            to="alice@example.org",
            subject="s",
            text="t",
            message_id="1",
            state=state,
            created_at=at,
        )


def age(path: Path, *, hours: float) -> None:
    """Make a file or a folder as old as this."""
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def keep_house(**options: Any) -> None:
    """A round of what deletes jobs, datasets and files."""
    for part in (expire_datasets, expire_jobs, files.collect_files):
        part(Round(**options))


def stored() -> set[str]:
    """The keys of all files of the store."""
    root = storage.root()
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}


def there(*jobs: Job) -> list[bool]:
    """Which of these jobs are still there."""
    known = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
    return [job.pk in known for job in jobs]
