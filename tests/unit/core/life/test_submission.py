"""From a person's wish to a durable row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from core.database.clock import database_now
from core.errors import Refused, StepTooLarge, UnknownPipeline
from core.files.uploads import StoredUpload
from core.forms import NobodysForm
from core.life.submission import Order, submit, submit_many
from core.limits import Rate
from core.models import Artifact, Job, JobProgress
from core.models.job import Priority
from core.models.states import State
from core.wakeup import jobs_due
from tests.unit.core.acts import in_threads, progress_of, submit_job, timeline
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken() -> Any:
    """The counts that the relay was told of."""
    counts: list[int] = []

    def hear(count: int, **_: Any) -> None:
        counts.append(count)

    jobs_due.connect(hear)
    yield counts
    jobs_due.disconnect(hear)


def a_file(key: str = "uploads/ab/abcd") -> StoredUpload:
    return StoredUpload(path=key, name="données.csv", size=3, sha256="ab" * 32, content_type="text/csv")


def test_a_submit_makes_a_queued_job_with_progress_and_an_event(alice: User) -> None:
    job = submit_job(alice, "count", params={"count": 3, "seconds": None}, label="Three")
    assert (job.state, job.owner, job.pipeline, job.label) == (State.QUEUED, alice, "count", "Three")
    assert job.params == {"count": 3, "seconds": None}
    assert (job.attempt, job.fence, job.crashes, job.worker) == (0, 0, 0, "")
    assert job.published_at is None
    assert progress_of(job).stages == [{"name": "count", "title": "Count", "state": "pending"}]
    assert timeline(job) == ["submitted"]


def test_the_limits_of_a_job_are_those_of_its_pipeline(alice: User) -> None:
    job = submit_job(alice, "three_steps")
    assert (job.max_attempts, job.max_crashes) == (60, 60)


def test_the_same_owner_and_key_is_the_same_job(alice: User) -> None:
    first = submit("noop", owner_id=alice.pk, key="once")
    again = submit("noop", owner_id=alice.pk, key="once", params={"other": 1}, files={"file": a_file()})
    assert first.is_new
    assert not again.is_new
    assert again.job_id == first.job_id
    assert Job.objects.get().params == {}
    assert not Artifact.objects.exists()
    assert timeline(Job.objects.get()) == ["submitted"]


def test_another_owner_may_use_the_same_key(alice: User, bob: User) -> None:
    assert submit("noop", owner_id=alice.pk, key="k").job_id != submit("noop", owner_id=bob.pk, key="k").job_id


def test_a_submit_without_a_key_is_always_a_new_job(alice: User) -> None:
    assert submit("noop", owner_id=alice.pk).job_id != submit("noop", owner_id=alice.pk).job_id


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_submits_with_one_key_one_makes_the_job(alice: User) -> None:
    made = in_threads(*[lambda: submit("noop", owner_id=alice.pk, key="at once")] * 4)
    assert sorted(each.is_new for each in made) == [False, False, False, True]
    assert len({each.job_id for each in made}) == 1
    assert JobProgress.objects.count() == 1


def test_a_key_that_no_database_could_hold_still_names_one_job(alice: User) -> None:
    first = submit("noop", owner_id=alice.pk, key="a\x00b\udcff")
    assert submit("noop", owner_id=alice.pk, key="a\x00b\udcff").job_id == first.job_id


def test_a_key_that_is_too_long_is_refused_not_cut(alice: User) -> None:
    submit("noop", owner_id=alice.pk, key="k" * 100)
    with pytest.raises(Refused, match="up to 100 characters, this one 101"):
        submit("noop", owner_id=alice.pk, key="k" * 101)
    with pytest.raises(Refused, match="up to 100 characters"):
        submit_many("noop", [Order(key="k" * 101)], owner_id=alice.pk)
    assert Job.objects.count() == 1


def test_files_are_kept_as_inputs_of_the_job(alice: User) -> None:
    job = submit_job(alice, files={"file": a_file()})
    artifact = Artifact.objects.get()
    assert (artifact.job, artifact.kind, artifact.field) == (job, Artifact.Kind.INPUT, "file")
    assert (artifact.name, artifact.size, artifact.content_type) == ("données.csv", 3, "text/csv")


@pytest.mark.django_db(transaction=True)
def test_a_submit_that_fails_half_way_leaves_nothing(alice: User) -> None:
    broken = StoredUpload(path="x", name="x", size=None, sha256="")  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)null"):
        submit("noop", owner_id=alice.pk, files={"file": broken})
    assert not Job.objects.exists()
    assert not JobProgress.objects.exists()


def test_a_delayed_job_is_scheduled_for_the_databases_time(alice: User) -> None:
    job = submit_job(alice, delay_seconds=3600)
    assert job.state == State.SCHEDULED
    assert abs(job.run_at - database_now() - dt.timedelta(hours=1)) < dt.timedelta(seconds=5)
    assert job.run_at <= job.publish_at < job.run_at + dt.timedelta(milliseconds=5)


def test_a_job_knows_the_one_it_was_run_again_from(alice: User) -> None:
    first = submit_job(alice)
    assert submit_job(alice, origin_id=first.pk).origin == first


def test_priority_is_kept(alice: User) -> None:
    assert submit_job(alice, priority=Priority.URGENT).priority == Priority.URGENT


def test_an_unknown_pipeline_is_refused_and_existing_ones_named(alice: User) -> None:
    with pytest.raises(UnknownPipeline, match=r"unknown pipeline 'nope'; there are: .*noop"):
        submit("nope", owner_id=alice.pk)


def test_too_large_parameters_are_refused_before_storing(alice: User) -> None:
    with pytest.raises(StepTooLarge, match="The JSON of the parameters"):
        submit("noop", owner_id=alice.pk, params={"text": "x" * 300_000})
    assert not Job.objects.exists()


def test_parameters_that_are_no_json_are_refused_with_limits_too(alice: User, define: Callable[..., str]) -> None:
    def limited(ctx: object, meta: object) -> None: ...

    name = define(limited, form=NobodysForm, limits=[Rate("1/s", key="param:meta")])
    with pytest.raises(StepTooLarge, match="can't be kept as JSON"):
        submit(name, owner_id=alice.pk, params={"meta": float("nan")})
    assert not Job.objects.exists()


def test_a_label_longer_than_its_column_is_cut(alice: User) -> None:
    assert submit_job(alice, label="é" * 300).label == "é" * 255


def test_nul_and_lone_surrogates_in_parameters_are_replaced(alice: User) -> None:
    job = submit_job(alice, label="a\x00b", params={"k\x00": ["v\x00", {"n": "\udcff"}], "emoji": "😀"})
    assert job.label == "a\ufffdb"
    assert job.params == {"k\ufffd": ["v\ufffd", {"n": "\ufffd"}], "emoji": "😀"}


def test_the_relay_is_told_after_the_commit_only(
    alice: User, woken: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        submit("noop", owner_id=alice.pk)
        assert woken == []
    for callback in callbacks:
        callback()
    assert woken == [1]


def test_a_repeated_submit_wakes_nobody(alice: User, woken: list[int], django_capture_on_commit_callbacks: Any) -> None:
    submit("noop", owner_id=alice.pk, key="k")
    with django_capture_on_commit_callbacks(execute=True):
        submit("noop", owner_id=alice.pk, key="k")
    assert woken == []


@pytest.mark.django_db(transaction=True)
def test_a_submit_in_a_rolled_back_transaction_leaves_no_job(alice: User, woken: list[int]) -> None:
    def fail() -> None:
        with transaction.atomic():
            submit("noop", owner_id=alice.pk)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert woken == []
    assert not Job.objects.exists()


def test_many_jobs_are_submitted_at_once_in_the_orders_order(alice: User) -> None:
    known = submit("noop", owner_id=alice.pk, key="b").job_id
    ids = submit_many(
        "count",
        [Order(key="a", params={"count": 1}), Order(key="b"), Order(label="c"), Order(delay_seconds=60)],
        owner_id=alice.pk,
        priority=Priority.LOW,
    )
    assert ids[1] == known
    jobs = [Job.objects.get(pk=pk) for pk in ids]
    assert jobs[0].params == {"count": 1}
    assert jobs[2].label == "c"
    assert [job.state for job in jobs] == ["queued", "queued", "queued", "scheduled"]
    assert all(timeline(job) == ["submitted"] for job in jobs)
    assert JobProgress.objects.count() == 4
    assert submit_many("noop", [], owner_id=alice.pk) == []


def test_a_key_twice_in_one_batch_is_one_job(alice: User) -> None:
    ids = submit_many("noop", [Order(key="k"), Order(key="k")], owner_id=alice.pk)
    assert ids[0] == ids[1]
    assert Job.objects.count() == 1
    assert JobProgress.objects.count() == 1


def test_a_shifted_database_clock_shifts_a_submit(alice: User, clock: Clock) -> None:
    before = submit_job(alice)
    clock.advance(7200)
    after = submit_job(alice)
    assert dt.timedelta(hours=1.9) < after.run_at - before.run_at < dt.timedelta(hours=2.1)


def test_the_store_is_this_tests_own(store: Path, tmp_path: Path) -> None:
    assert store.is_relative_to(tmp_path)
