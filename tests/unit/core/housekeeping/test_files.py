"""Files go when they are old and nothing refers to them; no other ever does."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import TextField
from django.db.models.functions import Cast

from core.attempt.attempts import Attempts
from core.files import storage, uploads
from core.forms import open_form
from core.housekeeping import Round, collect_files
from core.housekeeping import uploads as leaving
from core.life import requests
from core.life.submission import submit
from core.models import Artifact, Dataset, Job, JobStep, Schedule
from core.models.states import LIVE, TERMINAL, State
from core.pipelines import get
from tests.services.waiting import wait_until
from tests.unit.core.acts import fresh, in_threads
from tests.unit.core.housekeeping.world import OLD, World, age, keep_house, stored, there

pytestmark = pytest.mark.django_db

HOURS = 24 * OLD


def collected() -> Any:
    return collect_files(Round())


# -- what was never finished --------------------------------------------------------------------------


def test_an_abandoned_upload_goes_and_an_incoming_one_stays(world: World) -> None:
    world.file("staging/upload-old", hours=49)
    world.file("staging/upload-young", hours=47)
    tally = collected()
    assert stored() == {"staging/upload-young"}
    assert (tally.counts["files"], tally.bytes) == (1, 1)


def test_the_scratch_of_attempts_that_are_over_goes(world: World) -> None:
    running = world.job(State.RUNNING, fence=3)
    ended = world.job(days=1, fence=1)
    for name in (f"{running.pk}-2", f"{running.pk}-3", f"{ended.pk}-1", f"{ended.pk + 1}-1"):
        world.file(f"scratch/{name}/part/temporary")
    world.file(f"scratch/{ended.pk}-2/young", hours=1)
    collected()
    assert stored() == {f"scratch/{running.pk}-3/part/temporary", f"scratch/{ended.pk}-2/young"}


# -- what attempts have written -----------------------------------------------------------------------


def test_folders_of_jobs_that_are_no_more_go_when_they_are_old(world: World) -> None:
    gone, young = world.job(), world.job()
    world.made(gone, name="deep/down/file")
    world.made(young, hours=1)
    kept = world.job(days=1)
    key = world.made(kept)
    world.artifact(kept, key)
    Job.objects.filter(pk__in=[gone.pk, young.pk]).delete()
    collected()
    assert stored() == {key, f"jobs/{young.pk}/1/made.txt"}
    assert not storage.job_folder(gone.pk).exists()


@pytest.mark.parametrize("state", TERMINAL)
def test_unreferenced_folders_of_an_ended_job_go(world: World, state: State) -> None:
    job = world.job(state, days=10, fence=4)
    lost, shown, pictured, result = (world.made(job, fence=fence) for fence in range(1, 5))
    world.artifact(job, shown, preview_path=pictured)
    Job.objects.filter(pk=job.pk).update(result={"deep": [{"file": result}]})
    collected()
    assert stored() == {shown, pictured, result}
    assert lost not in stored()


@pytest.mark.parametrize("state", LIVE)
def test_of_a_job_that_lives_nothing_goes(world: World, state: State) -> None:
    whole = world.job(state, fence=3)
    child = world.job(parent=whole)
    keys = {world.made(whole, fence=1), world.made(whole, fence=2), world.made(child)}
    collected()
    assert stored() == keys


def test_a_job_that_has_only_just_ended_keeps_its_folders(world: World) -> None:
    job = world.job(days=1)
    key = world.made(job)
    collected()
    assert stored() == {key}


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_steps_files_stay_while_its_job_may_be_retried(world: World, state: State) -> None:
    whole = world.job(state, days=10, fence=2)
    child = world.job(State.SUCCEEDED, days=10, parent=whole)
    own, of_step, of_child = world.made(whole, fence=1), world.made(whole, fence=2), world.made(child)
    world.step(whole, "read", {"folder": of_step.rpartition("/")[0]})
    world.step(whole, "merge", [{"part": of_child}])
    collected()
    assert stored() == {of_step, of_child}
    assert own not in stored()


def test_a_parts_files_named_by_a_step_stay(world: World) -> None:
    whole = world.job(State.FAILED, days=10)
    middle = world.job(days=10, parent=whole)
    key = world.made(world.job(days=10, parent=middle))
    world.step(whole, "merge", [{"part": key}])
    collected()
    assert stored() == {key}


def test_of_a_job_that_has_succeeded_what_only_a_step_names_goes(world: World) -> None:
    job = world.job(days=10)
    world.step(job, "read", {"file": world.made(job)})
    collected()
    assert stored() == set()


def test_what_a_job_shows_of_its_parts_stays(world: World) -> None:
    whole = world.job(days=10)
    shown, other = world.job(days=10, parent=whole), world.job(days=10, parent=whole)
    key, unnamed = world.made(shown), world.made(other)
    world.artifact(whole, key)
    collected()
    assert stored() == {key}
    assert unnamed not in stored()


def test_a_file_shown_by_anothers_job_outlives_its_own_job(world: World) -> None:
    ended, expired, gone = world.job(days=10), world.job(), world.job()
    keys = [world.made(job) for job in (ended, expired, gone)]
    shower = world.job(days=1)
    for key in keys[:2]:
        world.artifact(shower, key)
    world.dataset(shower, parquet_path=keys[2])
    Job.objects.filter(pk=gone.pk).delete()
    keep_house()
    assert there(ended, expired) == [True, False]
    assert stored() == set(keys)


def test_what_a_later_part_was_given_of_an_earlier_one_stays(world: World) -> None:
    whole = world.job(State.FAILED, days=10)
    earlier = world.job(days=10, parent=whole)
    key = world.made(earlier)
    world.job(State.FAILED, days=10, parent=whole, params={"item": {"file": key}})
    collected()
    assert stored() == {key}


def test_a_number_that_begins_alike_is_another_folder(world: World) -> None:
    job = world.job(days=10, fence=11)
    world.made(job, fence=1)
    key = world.made(job, fence=11)
    world.artifact(job, key)
    collected()
    assert stored() == {key}


def test_a_failed_job_goes_on_from_its_step_after_a_round(world: World, define: Any, alice: User) -> None:
    runs: list[str] = []

    def in_two_steps(ctx: Any) -> str:
        def make() -> str:
            runs.append("made")
            (ctx.folder / "made.txt").write_text("made once")
            return str(ctx.key(ctx.folder / "made.txt"))

        key = ctx.step("make", make)
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return str(ctx.resolve(key).read_text())

    job = Job.objects.get(pk=submit(define(in_two_steps, max_attempts=1), owner_id=alice.pk).job_id)
    attempts = Attempts(worker="here:1")
    attempts.run(job.pk)
    assert fresh(job).state == State.FAILED
    Job.objects.filter(pk=job.pk).update(finished_at=world.now - 10 * (world.now - Round().before(days=1)))
    for path in storage.root().rglob("*"):
        age(path, hours=HOURS)
    keep_house()
    requests.retry(job, by="alice")
    attempts.run(job.pk)
    assert (fresh(job).state, fresh(job).result, runs) == (State.SUCCEEDED, "made once", ["made"])


# -- uploads ------------------------------------------------------------------------------------------


def test_an_upload_goes_when_nothing_names_it(world: World) -> None:
    job = world.job(State.FAILED, days=1)
    key = {
        name: world.upload(name)
        for name in ("input", "output", "picture", "schedule", "step", "params", "dataset", "nobody")
    }
    young = world.upload("young", hours=47)
    world.artifact(job, key["input"], kind="input")
    world.artifact(job, key["output"], preview_path=key["picture"])
    world.schedule(files={"file": {"path": key["schedule"], "name": "a.csv"}}, is_on=False)
    world.step(job, "fetch", {"file": key["step"]})
    world.job(State.QUEUED, params={"file": key["params"]})
    world.dataset(world.job(), parquet_path=key["dataset"])
    tally = collected()
    assert stored() == {young, *key.values()} - {key["nobody"]}
    assert tally.counts["files"] == 1


def test_foreign_files_are_left_and_reported_no_link_followed(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "1").mkdir(parents=True)
    for name in ("mine.txt", "1/mine.txt"):
        (outside / name).write_text("mine")
        age(outside / name, hours=HOURS)
    root = storage.root()
    strange = ["uploads/README", "uploads/ab/notes.txt", "jobs/notes/x.txt", "scratch/notes.txt", "other/file.txt"]
    for name in strange:
        world.file(name)
    # Links in the place of a folder of ours, of a job, and inside a job that is gone.
    world.job(days=1)
    (root / "jobs" / "1").symlink_to(outside)
    (root / "uploads" / "cd").symlink_to(outside)
    (root / "staging").mkdir(exist_ok=True)
    (root / "staging" / "link").symlink_to(outside / "mine.txt")
    gone = world.job(days=1)
    world.made(gone)
    (root / "jobs" / str(gone.pk) / "1" / "link").symlink_to(outside, target_is_directory=True)
    world.job(days=1)
    Job.objects.filter(pk=gone.pk).delete()
    for path in root.rglob("*"):
        then = 1.0
        os.utime(path, (then, then), follow_symlinks=False)
    tally = collected()
    assert {path.name for path in outside.rglob("*")} == {"mine.txt", "1"}
    assert (outside / "1" / "mine.txt").read_text() == "mine"
    assert set(strange) <= stored()
    assert not (root / "jobs" / str(gone.pk)).exists()
    assert tally.left_count == 6
    assert any("jobs/notes" in sentence for sentence in tally.left)


def test_a_folder_of_the_store_that_is_a_link_is_not_gone_into(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    gone = world.job()
    world.job(days=1)
    names = ["old", f"{gone.pk}/1/old", f"{gone.pk}-1/old", f"ab/{'ab' * 32}", "ab" * 32]
    for name in names:
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text("mine")
    for path in elsewhere.rglob("*"):
        age(path, hours=HOURS)
    gone.delete()
    storage.root().mkdir(parents=True)
    for name in ("staging", "jobs", "scratch", "uploads", "leaving"):
        (storage.root() / name).symlink_to(elsewhere)
    collected()
    assert {str(path.relative_to(elsewhere)) for path in elsewhere.rglob("*") if path.is_file()} == set(names)


def test_folders_that_cannot_be_read_are_told_and_all_else_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, ended = world.job(), world.job(days=10, fence=2)
    shut = {"jobs", "staging/shut", "uploads/ab"}
    for key in ("staging/shut/part", "staging/open", "uploads/ab/strange", f"scratch/{gone.pk}-1/part"):
        world.file(key)
    world.made(ended)
    world.made(gone)
    Job.objects.filter(pk=gone.pk).delete()
    nobodys = world.upload("nobody's")
    scandir = os.scandir

    def refuse(folder: Any) -> Any:
        if str(Path(folder).relative_to(storage.root().resolve())) in shut:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    tally = collected()
    assert "jobs could not be read: Permission denied." in tally.left
    assert {"staging/open", f"scratch/{gone.pk}-1/part", nobodys} & stored() == set()
    shut -= {"jobs"}
    shut |= {f"jobs/{ended.pk}/1", f"jobs/{gone.pk}"}
    tally = collected()
    for folder in shut:
        assert f"{folder} could not be read: Permission denied." in tally.left
    shut.clear()
    collected()
    assert stored() == {"uploads/ab/strange"}


def test_a_file_that_cannot_be_deleted_is_told_and_the_others_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "stuck", "two"):
        world.file(f"staging/{name}")
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "stuck":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    tally = collected()
    assert stored() == {"staging/stuck"}
    assert tally.left == ["staging/stuck could not be deleted: Permission denied."]


def test_a_store_that_is_younger_than_the_database_loses_nothing(world: World) -> None:
    job = world.job(days=1)
    keys = {f"jobs/{job.pk + 5}/1/made.txt", world.upload("somebody's"), f"jobs/{job.pk + 1}/1/made.txt"}
    for key in keys:
        if key.startswith("jobs"):
            world.file(key)
    tally = collected()
    assert stored() == keys
    assert f"has files of job {job.pk + 5}, and the newest job of this database is {job.pk}" in tally.left[0]


def test_a_dry_round_says_what_goes_and_leaves_it(world: World) -> None:
    gone, kept = world.job(days=10), world.job(days=1)
    world.made(gone, name="in/deep.txt")
    world.upload("nobody's")
    world.file("staging/begun")
    world.file(f"scratch/{kept.pk}-1/temporary")
    dry = collect_files(Round(is_dry=True))
    assert len(stored()) == 4
    real = collected()
    assert stored() == set()
    assert dry.done() == real.done()
    assert dry.counts["files"] == 4


# -- races --------------------------------------------------------------------------------------------


def test_a_submit_makes_the_file_it_takes_up_young(world: World, alice: User) -> None:
    token_key, origin_key = world.upload("by a token"), world.upload("of another job")
    job = world.job(days=1, pipeline="copy_file")
    artifact = world.artifact(job, origin_key, kind="input", field="file")
    upload = uploads.StoredUpload(path=token_key, name="a.txt", size=10, sha256="0" * 64)
    token = upload.sign(owner_id=alice.pk)
    assert uploads.StoredUpload.from_token(token, owner_id=alice.pk) is not None
    open_form(get("copy_file"), user=alice, data={}, origin=job)
    artifact.delete()
    collected()
    assert stored() == {token_key, origin_key}


@pytest.mark.parametrize(
    "moment", ["before it is taken", "around all of it", "while it is gone", "when nothing was left"]
)
def test_a_submit_of_the_same_content_mid_round_loses_nothing(
    world: World, alice: User, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    key = world.upload("the same")
    rename, decide = Path.rename, leaving._decide

    kept: list[uploads.StoredUpload] = []

    def submit_it() -> None:
        file = kept.pop() if kept else uploads.keep(SimpleUploadedFile("a.txt", b"the same"))
        submit("copy_file", owner_id=alice.pk, params={"upper": False}, files={"file": file})

    def renamed(path: Path, target: Path) -> Path:
        if path.name in key and "leaving" in str(target):
            if moment == "before it is taken":
                submit_it()
            if moment == "around all of it":
                # Its file is kept now, its job comes when all is decided: nothing but the file's age speaks for it.
                kept.append(uploads.keep(SimpleUploadedFile("a.txt", b"the same")))
            made = rename(path, target)
            if moment == "while it is gone":
                submit_it()
            return made
        return rename(path, target)

    def decided(root: Path, names: list[str], *rest: Any, **options: Any) -> None:
        decide(root, names, *rest, **options)
        if names and moment == "when nothing was left":
            submit_it()

    def looked(done: int) -> None:
        if kept:
            submit_it()

    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(leaving, "_decide", decided)
    collect_files(Round(watch=looked))
    assert Artifact.objects.get(kind="input").path == key
    assert stored() == {key}
    assert (storage.root() / key).read_text() == "the same"
    collected()
    assert stored() == {key}


@pytest.mark.django_db(transaction=True)
def test_submits_and_rounds_at_the_same_time_lose_nothing(alice: User) -> None:
    """Each content becomes nobody's and old again and again; rounds take it away while the next submit takes it up."""
    ended: list[bytes] = []
    counts: list[int] = []

    def submits(content: bytes) -> None:
        sha256 = hashlib.sha256(content).hexdigest()
        path = storage.root() / "uploads" / sha256[:2] / sha256
        try:
            for number in range(12):
                file = uploads.keep(SimpleUploadedFile("a.txt", content))
                job = submit("copy_file", owner_id=alice.pk, params={"upper": False}, files={"file": file}).job_id
                assert path.read_bytes() == content, "gone under a job that names it"
                Artifact.objects.filter(job=job).delete()
                with suppress(FileNotFoundError):
                    age(path, hours=HOURS)
                if number % 3 == 0:
                    wait_until(lambda: not path.exists(), what="a round to take it away")
            uploads.keep(SimpleUploadedFile("a.txt", content))
        finally:
            ended.append(content)

    def keeps() -> None:
        for _ in range(1_000_000):
            counts.append(collect_files(Round()).counts["files"])
            if len(ended) == 2:
                break

    in_threads(lambda: submits(b"one"), keeps, lambda: submits(b"two"), keeps)
    assert {(storage.root() / key).read_bytes() for key in stored()} == {b"one", b"two"}
    assert sum(counts) >= 8, "the rounds took hardly anything: nothing was tried"


def test_the_next_round_repairs_one_killed_while_deleting(world: World) -> None:
    job = world.job(days=1)
    named, nobody = world.upload("named meanwhile"), world.upload("nobody's")
    root = storage.root()
    (root / "leaving").mkdir()
    for key in (named, nobody):
        (root / key).rename(root / "leaving" / key.rpartition("/")[2])
    world.artifact(job, named, kind="input")
    world.file("leaving/strange")
    tally = collected()
    assert stored() == {named, "leaving/strange"}
    assert tally.left == ["leaving/strange is not of the file store, and was left alone."]


def test_an_error_on_the_way_out_puts_everything_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {world.upload(f"nobody's {number}") for number in range(5)}

    def fail(*_: Any) -> None:
        raise ConnectionError("the database is away")

    named, asked = leaving._named, itertools.count()
    monkeypatch.setattr(leaving, "_named", lambda found: named(found) if next(asked) < 1 else fail())
    with pytest.raises(ConnectionError):
        collected()
    assert stored() == keys
    monkeypatch.setattr(leaving, "_named", named)
    collected()
    assert stored() == set()


# -- a whole world ------------------------------------------------------------------------------------


def texts_that_name_files() -> Iterator[str]:
    """All that rows say, but for what steps of jobs that can't be tried again say. Asked in another way than there."""
    for artifact in Artifact.objects.all():
        yield artifact.path
        yield artifact.preview_path
    for dataset in Dataset.objects.all():
        yield from (dataset.parquet_path, dataset.clean_path, dataset.rejects_path, dataset.preview_path)
    for rows in (
        Schedule.objects.annotate(text=Cast("files", TextField())),
        Job.objects.annotate(text=Cast("params", TextField())),
        Job.objects.exclude(result__isnull=True).annotate(text=Cast("result", TextField())),
    ):
        yield from rows.values_list("text", flat=True)
    for step in JobStep.objects.select_related("job", "job__parent"):
        whole = step.job.parent or step.job
        if whole.state != State.SUCCEEDED:
            yield str(step.result)


def build(world: World, seed: int) -> dict[str, tuple[bool, int | None]]:
    """Make a random world; return, of each file's key, whether it is old, and the job whose folder it is in."""
    dice = random.Random(seed)
    made: dict[str, tuple[bool, int | None]] = {}
    shared = [world.upload(f"upload {number}", hours=dice.choice([1, HOURS])) for number in range(12)]
    for key in shared:
        age_hours = (world.now.timestamp() - (storage.root() / key).stat().st_mtime) / 3600
        made[key] = (age_hours > 48, None)
    jobs: list[Job] = []
    for _ in range(24):
        parent = dice.choice([None, None, *(job for job in jobs if job.parent_id is None)][-4:])
        state = dice.choice([*TERMINAL, *TERMINAL, State.RUNNING, State.RETRYING])
        days = dice.choice([1, 10, OLD])
        job = world.job(state, days=days, parent=parent, fence=dice.randint(1, 3))
        jobs.append(job)
        for fence in range(1, job.fence + 1):
            is_old = dice.random() < 0.7
            key = world.made(job, fence=fence, hours=HOURS if is_old else 1, name=dice.choice(["a.txt", "b/c.txt"]))
            made[key] = (is_old, job.pk)
            teller = dice.choice([job, job, *([parent] if parent else [])])
            match dice.choice(["artifact", "picture", "step", "result", "params", "nobody", "nobody"]):
                case "artifact":
                    world.artifact(teller, key)
                case "picture":
                    world.artifact(teller, shared[0], preview_path=key)
                case "step":
                    world.step(teller, f"step-{key}", {"of": [key]})
                case "result":
                    Job.objects.filter(pk=teller.pk).update(result={"file": key})
                case "params":
                    Job.objects.filter(pk=teller.pk).update(params={"item": {"file": key}})
        if dice.random() < 0.4:
            world.artifact(job, dice.choice(shared), kind="input")
        if dice.random() < 0.25:
            key = world.made(job, fence=1, name="data.parquet")
            made[key] = (True, job.pk)
            dataset = world.dataset(job, days=dice.choice([1, OLD]), parquet_path=key, is_kept=dice.random() < 0.2)
            if dice.random() < 0.3:
                world.schedule(params={"dataset": dataset.pk})
    world.schedule(files={"file": {"path": dice.choice(shared)}})
    for number in range(6):
        is_old = bool(dice.getrandbits(1))
        world.file(f"staging/upload-{number}", hours=HOURS if is_old else 1)
        made[f"staging/upload-{number}"] = (is_old, None)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_named_and_young_files_stay_in_any_world_and_others_go(world: World, seed: int) -> None:
    made = build(world, seed)
    keep_house()
    after = stored()
    said = "\n".join(texts_that_name_files())
    jobs = Job.objects.select_related("parent").in_bulk()
    long_ago = Round().before(hours=48)
    quiet = {
        pk
        for pk, job in jobs.items()
        if job.finished_at is not None and job.finished_at < long_ago
        if not job.is_live and not (job.parent and job.parent.is_live)
    }
    for key, (_, job_id) in made.items():
        if job_id is not None and job_id not in jobs:
            assert key not in after, f"{key}: its job is gone"
            continue
        # An attempt's folder stays as a whole.
        beside = key if job_id is None else "/".join(key.split("/")[:3]) + "/"
        is_named = beside in said
        is_young = not all(made[other][0] for other in made if other.startswith(beside))
        works = job_id is not None and job_id not in quiet
        if key in said:
            assert key in after, f"{key} is named and gone"
        elif key.endswith("data.parquet"):
            assert key not in after, f"{key}: its dataset is gone"
        elif is_named or is_young or works:
            assert key in after, f"{key} was not to go"
        else:
            assert key not in after, f"{key} is nobody's and there"
    rows = [list(model.objects.order_by("pk").values()) for model in (Job, Artifact, Dataset, JobStep)]
    keep_house()
    assert stored() == after
    assert [list(model.objects.order_by("pk").values()) for model in (Job, Artifact, Dataset, JobStep)] == rows
