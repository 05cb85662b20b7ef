"""A round of the housekeeper as a job: its steps, its result, who may start it, and what breaks it off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

import actors.pipelines.housekeeping.pipeline as night
from core import housekeeping, pipelines
from core.attempt.attempts import Attempts
from core.files import storage, uploads
from core.forms import open_form
from core.life import requests
from core.life.submission import submit
from core.models import Dataset, Job, JobProgress, JobStep
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import fresh
from tests.unit.core.housekeeping.world import World, stored, there

pytestmark = pytest.mark.django_db
NAMES = ["datasets", "jobs", "events", "mails", "audit", "sessions", "files", "database"]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice", is_staff=True)


@pytest.fixture
def world(alice: User, conf: OwnConf, tmp_path: Path) -> World:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    return World(alice)


def order(owner: User, **params: Any) -> Job:
    return Job.objects.get(pk=submit("housekeeping", owner_id=owner.pk, params=params).job_id)


def run(job: Job) -> Job:
    Attempts(worker="here:1").run(job.pk)
    return fresh(job)


def test_a_round_is_a_job_with_steps_and_reports_what_has_gone(world: World, alice: User) -> None:
    old = world.job()
    child = world.job(parent=old)
    world.made(child, name="one.txt")
    dataset = world.job()
    world.dataset(dataset, days=1_000)
    world.upload("nobody's")
    young = world.job(days=1)
    done = run(order(alice))
    assert (done.state, done.error) == (State.SUCCEEDED, "")
    assert there(old, child, dataset, young) == [False, False, False, True]
    assert list(JobStep.objects.filter(job=done).values_list("key", flat=True)) == NAMES
    assert [stage["state"] for stage in JobProgress.objects.get(job=done).stages] == ["done"] * 8
    assert done.result is not None
    assert done.result["headline"] == "2 jobs, 1 dataset, 2 files, 9 bytes deleted"
    assert ["Parts of jobs", 1] in done.result["facts"]
    assert ["Bytes freed", 9] in done.result["facts"]
    again = run(order(alice))
    assert again.result is not None
    assert again.result["headline"] == "Nothing was past its time"


def test_a_dry_round_changes_nothing_but_says_all_of_it(world: World, alice: User) -> None:
    old = world.job()
    world.made(old)
    world.upload("nobody's")
    done = run(order(alice, dry_run=True))
    assert done.result is not None
    assert done.result["headline"] == "1 job, 2 files, 9 bytes would be deleted"
    assert ["Bytes that would be freed", 9] in done.result["facts"]
    assert there(old) == [True]
    assert len(stored()) == 2


def test_it_runs_every_night_off_the_desk_and_without_notices() -> None:
    spec = pipelines.get("housekeeping")
    assert (spec.every, spec.is_listed, spec.notifies_owner, spec.queue) == ("15 3 * * *", False, False, "default")


def test_staff_may_start_one_by_hand(alice: User) -> None:
    spec = pipelines.get("housekeeping")
    entry = open_form(spec, user=alice, data={"dry_run": "on"})
    assert (spec.is_for_staff, entry.is_valid()) == (True, True)
    assert fresh(Job(pk=entry.submit().job_id)).params == {"dry_run": True}


def test_a_round_that_is_told_to_stop_goes_on_at_its_step(
    world: World, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.housekeeping import jobs

    monkeypatch.setattr(jobs, "BATCH", 2)
    for _ in range(5):
        world.job()
    expire, attempts = jobs._expire, Attempts(worker="here:1")

    def expire_and_stop(ids: list[int], **options: Any) -> None:
        expire(ids, **options)
        attempts.stop_all()

    monkeypatch.setattr(jobs, "_expire", expire_and_stop)
    job = order(alice)
    attempts.run(job.pk)
    assert fresh(job).state == State.QUEUED
    assert Job.objects.exclude(pk=job.pk).count() == 3
    monkeypatch.setattr(jobs, "_expire", expire)
    assert run(job).state == State.SUCCEEDED
    assert Job.objects.exclude(pk=job.pk).count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_was_left_alone_is_named_in_the_result(world: World, alice: User) -> None:
    for number in range(12):
        world.file(f"uploads/strange-{number:02}")
    done = run(order(alice))
    assert done.result is not None
    left = sorted(sentence for name, sentence in done.result["facts"] if name == "Left alone")
    assert len(left) == 11
    assert left[0] == "And 2 more."
    assert left[1].endswith("is not of the file store, and was left alone.")


def test_sizes_and_numbers_are_told_in_words() -> None:
    done = housekeeping.Done(counts={"events": 1}, bytes=3 * 1024**3 // 2, left=(), left_count=0)
    assert night._result([done], is_dry=False)["headline"] == "1 row, 1.5 GB deleted"


_KILLED = """
import os, signal
from pathlib import Path
import django
django.setup()
from core import housekeeping
from core.housekeeping import jobs, uploads

at = {at!r}

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if at == "rows gone, files not":
    jobs.remove_tree = die
elif at == "files on their way out":
    uploads._decide = lambda root, names, *rest, **more: die() if names else None
elif at == "in the middle of the rows":
    delete = jobs.Job.objects.all().__class__.delete
    count = [0]
    def some(rows):
        count[0] += 1
        if count[0] == 2:
            die()
        return delete(rows)
    jobs.Job.objects.all().__class__.delete = some
for part in (housekeeping.expire_datasets, housekeeping.expire_jobs, housekeeping.collect_files):
    part(housekeeping.Round())
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", ["rows gone, files not", "files on their way out", "in the middle of the rows"])
def test_a_killed_round_harms_nothing_and_the_next_finishes_it(
    world: World, alice: User, at: str, settings: Settings
) -> None:
    whole = world.job()
    for _ in range(3):
        world.made(world.job(parent=whole))
    kept = world.job(State.FAILED, days=10)
    world.step(kept, "made", world.made(kept))
    file = uploads.keep(SimpleUploadedFile("a.txt", b"taken up"))
    submit("copy_file", owner_id=alice.pk, params={"upper": False}, files={"file": file})
    nobody = world.upload("nobody's")
    needed = {f"jobs/{kept.pk}/1/made.txt", file.path}
    name = str(settings.DATABASES["default"]["NAME"])
    died = subprocess.run(
        [sys.executable, "-c", _KILLED.format(at=at)],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "core.settings",
            "DATABASE_URL": f"sqlite:///{name}",
            "STORAGE_URL": f"file://{storage.root()}",
            "RABBITMQ_URL": "",
        },
        cwd=Path(__file__).resolve().parents[4],
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    is_whole = at == "in the middle of the rows"
    assert (there(whole), Job.objects.filter(parent=whole).count()) == ([is_whole], 3 * is_whole), "a family in parts"
    assert needed <= stored()
    for part in (housekeeping.expire_datasets, housekeeping.expire_jobs, housekeeping.collect_files):
        part(housekeeping.Round())
    assert stored() == needed
    assert nobody not in stored()
    assert there(whole) == [False]
    requests.retry(kept, by="alice")
    assert not Dataset.objects.exists()
