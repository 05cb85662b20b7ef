"""Jobs and datasets go when they are past their time, whole, and with nothing that is still needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.forms import retention
from core.housekeeping import Round, expire_datasets, expire_jobs
from core.life import requests
from core.models import Artifact, Dataset, Job, JobEvent, JobProgress, JobStep, Mail, ScheduledRun, Source
from core.models.states import LIVE, State
from tests.configuration import OwnConf
from tests.unit.core.acts import fresh, in_threads
from tests.unit.core.housekeeping.world import OLD, World, keep_house, stored, there

pytestmark = pytest.mark.django_db


def expires_at(job: Job) -> dt.datetime | None:
    keeping = retention.keeping_of(job)
    return keeping.expires_at if keeping else None


def test_a_job_goes_when_its_pipelines_days_are_over(world: World, define: Callable[..., str]) -> None:
    def short(ctx: Any) -> None: ...

    name = define(short, retention_days=7)
    old, young = world.job(days=8, pipeline=name), world.job(days=6, pipeline=name)
    other = world.job(days=89)
    other_old = world.job(days=91)
    gone = world.job(days=91, pipeline="gone_from_the_code")
    expire_jobs(Round())
    assert there(old, young, other, other_old, gone) == [False, True, True, False, False]


def test_one_setting_for_all_jobs_wins_over_the_pipelines(world: World, conf: OwnConf) -> None:
    conf.DAYS_JOBS = 10
    old, young = world.job(days=11), world.job(days=9)
    expire_jobs(Round())
    assert there(old, young) == [False, True]


@pytest.mark.parametrize("state", LIVE)
def test_a_job_that_lives_never_goes(world: World, state: State) -> None:
    job = world.job(state)
    expire_jobs(Round())
    assert there(job) == [True]


def test_a_job_goes_with_its_rows_and_shared_uploads_go_last(world: World) -> None:
    job, sharer = world.job(), world.job(days=1)
    world.step(job, "made", {"file": world.made(job)})
    shared, own = world.upload("shared"), world.upload("own")
    for one, key in ((job, shared), (job, own), (sharer, shared)):
        world.artifact(one, key, kind="input")
    rerun, run = (
        world.job(days=1, origin=job),
        ScheduledRun.objects.create(schedule=world.schedule(), due_at=world.now, outcome="submitted", job=job),
    )
    keep_house()
    assert there(job, sharer, rerun) == [False, True, True]
    assert stored() == {shared}
    for model in (JobEvent, JobProgress, JobStep, Artifact):
        assert not model.objects.filter(job_id=job.pk).exists()
    assert Job.objects.get(pk=rerun.pk).origin_id is None
    run.refresh_from_db()
    assert run.job_id is None


def test_a_family_goes_as_a_whole_and_only_when_none_of_it_lives(world: World) -> None:
    families = []
    for state in (State.SUCCEEDED, State.RUNNING):
        whole = world.job()
        child = world.job(parent=whole)
        grandchild = world.job(state, parent=child)
        families.append([whole, child, grandchild])
        for job in families[-1]:
            world.made(job)
    gone, kept = families
    tally = expire_jobs(Round())
    assert there(*gone, *kept) == [False] * 3 + [True] * 3
    assert {key.split("/")[1] for key in stored()} == {str(job.pk) for job in kept}
    assert tally.counts == {"jobs": 1, "parts of jobs": 2, "files": 3}


def test_children_of_a_young_job_stay_however_old_they_are(world: World) -> None:
    whole = world.job(State.FAILED, days=1)
    child = world.job(parent=whole, days=OLD)
    expire_jobs(Round())
    assert there(whole, child) == [True, True]


@pytest.mark.parametrize("depth", [0, 2])
def test_a_job_stays_as_long_as_its_dataset_or_that_of_a_part(world: World, depth: int) -> None:
    chain = [world.job()]
    for _ in range(depth):
        chain.append(world.job(parent=chain[-1]))
    world.file(f"jobs/{chain[-1].pk}/1/data.parquet")
    dataset = world.dataset(chain[-1], days=1)
    keep_house()
    assert there(*chain) == [True] * len(chain)
    assert expires_at(chain[0]) == retention.dataset_expires_at(dataset)
    Dataset.objects.update(created_at=world.now - dt.timedelta(days=400))
    keep_house()
    assert there(*chain) == [False] * len(chain)
    assert stored() == set()


def test_a_kept_or_scheduled_dataset_never_goes(world: World) -> None:
    kept, named, listed, gone = (world.dataset(world.job(), days=OLD) for _ in range(4))
    Dataset.objects.filter(pk=kept.pk).update(is_kept=True)
    world.schedule(params={"dataset": named.pk}, is_on=False)
    world.schedule(params={"parts": [{"dataset": [str(listed.pk)]}], "rows": gone.pk})
    expire_datasets(Round())
    assert set(Dataset.objects.values_list("pk", flat=True)) == {kept.pk, named.pk, listed.pk}
    kept.refresh_from_db()
    assert [retention.dataset_expires_at(each) for each in (kept, named, listed)] == [None, None, None]
    assert expires_at(named.job) is None


@pytest.mark.parametrize("state", LIVE)
def test_a_dataset_that_a_job_at_work_reads_stays(world: World, state: State) -> None:
    whole, part = (world.dataset(world.job(), days=OLD) for _ in range(2))
    world.job(state, params={"dataset": whole.pk})
    world.job(state, params={"item": {"dataset": str(part.pk)}})
    expire_datasets(Round())
    assert Dataset.objects.count() == 2
    Job.objects.filter(state=state).update(state=State.SUCCEEDED)
    expire_datasets(Round())
    assert Dataset.objects.count() == 0


def test_without_a_setting_datasets_are_kept_for_good(world: World, conf: OwnConf) -> None:
    conf.DAYS_DATASETS = 0
    dataset = world.dataset(world.job(), days=OLD)
    expire_datasets(Round())
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert retention.dataset_expires_at(dataset) is None


def test_a_dataset_goes_and_leaves_the_files_its_young_job_shows(world: World) -> None:
    job = world.job(days=1)
    shown, own = world.made(job, name="clean.csv"), world.made(job, name="data.parquet")
    world.artifact(job, shown)
    world.dataset(job, days=OLD, clean_path=shown, parquet_path=own)
    source = Source.objects.create(
        owner=world.owner, fingerprint="f", url="http://x", sha256="0" * 64, dataset=Dataset.objects.get()
    )
    expire_datasets(Round())
    assert stored() == {shown}
    assert there(job) == [True]
    source.refresh_from_db()
    assert source.dataset_id is None


def test_a_key_out_of_the_store_is_reported_and_not_followed(world: World, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("elsewhere") / "mine.txt"
    outside.write_text("mine")
    world.dataset(
        world.job(), days=OLD, parquet_path=f"jobs/../../{outside}", clean_path=f"jobs/1/../../../..{outside}"
    )
    tally = expire_datasets(Round())
    assert outside.read_text() == "mine"
    assert tally.left_count == 1 or tally.left_count == 2


def test_a_mail_keeps_its_job_for_days_and_if_unknown_for_good(world: World, conf: OwnConf) -> None:
    conf.DAYS_MAILS = 200
    young, old, unknown = (world.job(days=150) for _ in range(3))
    for job, state, days in ((young, "sent", 150), (old, "sent", 250), (unknown, "unknown", 250)):
        world.mail(job, state, days=days)
    assert expires_at(young) == Mail.objects.get(job=young).created_at + dt.timedelta(days=200)
    assert expires_at(unknown) is None
    expire_jobs(Round())
    assert there(young, old, unknown) == [True, False, True]


def test_a_dry_round_says_the_same_and_deletes_nothing(world: World) -> None:
    job, kept = world.job(), world.job()
    child = world.job(parent=job)
    world.dataset(child, days=OLD)
    world.dataset(kept, days=1)
    world.made(job)
    dry = [part(Round(is_dry=True)) for part in (expire_datasets, expire_jobs)]
    assert there(job, child, kept) == [True] * 3
    assert len(stored()) == 1
    real = [part(Round()) for part in (expire_datasets, expire_jobs)]
    for said, done in zip(dry, real, strict=True):
        assert said.done() == done.done()
    assert there(job, child, kept) == [False, False, True]


def test_a_retry_that_came_first_keeps_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for old jobs and the lock on them, a person tries one again."""
    from core.housekeeping import jobs

    retried, other = world.job(State.FAILED), world.job(State.FAILED)
    look = jobs._parents

    def look_and_retry(ids: list[int]) -> set[int]:
        requests.retry(retried, by="alice")
        return look(ids)

    monkeypatch.setattr(jobs, "_parents", look_and_retry)
    expire_jobs(Round())
    assert there(retried, other) == [True, False]
    assert fresh(retried).state == State.QUEUED


def test_a_round_goes_in_bounded_batches_and_may_be_broken_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.housekeeping import jobs

    monkeypatch.setattr(jobs, "BATCH", 5)
    for _ in range(12):
        world.made(world.job())

    class Stopped(Exception): ...

    def stop(done: int) -> None:
        if done >= 10:
            raise Stopped

    with pytest.raises(Stopped):
        expire_jobs(Round(watch=stop))
    assert Job.objects.count() == 2
    assert len(stored()) == 2
    assert expire_jobs(Round()).counts == {"jobs": 2, "files": 2}
    assert stored() == set()


def test_the_time_of_a_part_is_that_of_its_whole_job(world: World, bob: User) -> None:
    whole = world.job(days=5)
    child = world.job(days=6, parent=whole)
    assert expires_at(child) == expires_at(whole)
    assert whole.finished_at is not None
    assert expires_at(whole) == whole.finished_at + dt.timedelta(days=90)
    assert expires_at(world.job(State.RUNNING)) is None


@pytest.mark.django_db(transaction=True)
def test_two_rounds_at_once_do_no_harm(world: World) -> None:
    gone = []
    for _ in range(10):
        whole = world.job()
        gone += [whole, world.job(parent=whole)]
        world.made(whole)
        world.upload(f"nobody's {whole.pk}")
    kept = world.job(days=1)
    key = world.made(kept)
    world.artifact(kept, key)
    in_threads(keep_house, keep_house)
    assert there(*gone, kept) == [False] * 20 + [True]
    assert stored() == {key}
