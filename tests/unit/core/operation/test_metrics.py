"""The figures an operator watches."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from core.life import outbox
from core.limits import changes
from core.models import AlarmCount, Job, RunSeconds
from core.models.states import State
from core.operation import alarms, metrics, presence
from core.operation.metrics import RunTimes
from tests.unit.core.acts import claim, end, in_threads, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def samples(name: str) -> list[Sample]:
    families = text_string_to_metric_families(metrics.render().decode())
    return [sample for family in families for sample in family.samples if sample.name == name]


def value(name: str, **labels: str) -> float | None:
    return next((sample.value for sample in samples(name) if sample.labels == labels), None)


def test_jobs_are_counted_by_pipeline_and_state(alice: User) -> None:
    submit_job(alice)
    submit_job(alice)
    end(claim(submit_job(alice, "count")), State.FAILED, error="x")
    assert value("headway_jobs", pipeline="noop", state="queued") == 2
    assert value("headway_jobs", pipeline="count", state="failed") == 1


def test_the_depth_and_age_of_a_queue_are_those_of_its_due_jobs(alice: User, clock: Clock) -> None:
    submit_job(alice)
    submit_job(alice, delay_seconds=3600)
    clock.advance(120)
    submit_job(alice)
    assert value("headway_queue_depth", queue="default") == 2
    age = value("headway_queue_age_seconds", queue="default")
    assert age is not None
    assert 119 < age < 239


def test_the_relays_lag_is_the_age_of_unpublished_jobs(alice: User, clock: Clock) -> None:
    submit_job(alice)
    clock.advance(60)
    lag = value("headway_relay_lag_seconds", queue="default")
    assert lag is not None
    assert 59 < lag < 119
    outbox.mark_published([due.job_id for due in outbox.take_due()])
    assert value("headway_relay_lag_seconds", queue="default") == 0
    assert value("headway_queue_depth", queue="default") == 1


def test_an_empty_queue_is_shown_as_empty(db: None) -> None:
    assert value("headway_queue_depth", queue="default") == 0
    assert value("headway_queue_age_seconds", queue="default") == 0


def test_workers_are_counted_by_their_queues(db: None) -> None:
    presence.announce("here:1", queues=["default", "io"], threads=4)
    presence.announce("here:2", queues=["default"], threads=4)
    presence.announce("here:3", queues=["default"], threads=4, is_stopping=True)
    assert value("headway_workers", queue="default") == 2
    assert value("headway_workers", queue="io") == 1


def test_a_queue_that_no_worker_takes_jobs_from_is_shown(db: None) -> None:
    assert value("headway_workers", queue="default") == 0


def test_jobs_that_are_held_back_are_counted_by_pipeline(alice: User) -> None:
    submit_job(alice)
    changes.pause("noop", by="carol")
    submit_job(alice)
    assert value("headway_held_jobs", pipeline="noop") == 2
    assert value("headway_held_jobs", pipeline="count") == 0


def test_failed_jobs_are_counted_without_their_parts(alice: User) -> None:
    job, part = submit_job(alice), submit_job(alice)
    Job.objects.filter(pk=part.pk).update(parent=job, fan_key="parts", fan_index=0)
    for each in (part, job):
        end(claim(each), State.FAILED, error="x")
    assert value("headway_failed_jobs") == 1


def test_bad_messages_and_other_alarms_are_counters(db: None) -> None:
    AlarmCount.objects.create(name=alarms.UNKNOWN_ACTOR, place="default", count=3)
    AlarmCount.objects.create(name=alarms.UNKNOWN_PIPELINE, place="gone", count=2)
    assert value("headway_bad_messages_total", kind="unknown_actor", queue="default") == 3
    assert value("headway_alarms_total", alarm="unknown_pipeline", place="gone") == 2
    assert value("headway_alarms_total", alarm="unknown_actor", place="default") is None


def test_run_times_become_a_histogram_that_adds_up(db: None) -> None:
    times = RunTimes()
    for seconds in (0.05, 0.05, 0.7, 20_000.0):
        times.observe(pipeline="count", state=State.SUCCEEDED, seconds=seconds)
    times.flush()
    times.observe(pipeline="count", state="succeeded", seconds=0.05)
    times.flush()
    times.flush()
    labels = {"pipeline": "count", "state": "succeeded"}
    assert value("headway_run_seconds_bucket", le="0.1", **labels) == 3
    assert value("headway_run_seconds_bucket", le="0.5", **labels) == 3
    assert value("headway_run_seconds_bucket", le="1.0", **labels) == 4
    assert value("headway_run_seconds_bucket", le="7200.0", **labels) == 4
    assert value("headway_run_seconds_bucket", le="+Inf", **labels) == 5
    assert value("headway_run_seconds_count", **labels) == 5
    assert value("headway_run_seconds_sum", **labels) == pytest.approx(20_000.85)


@pytest.mark.django_db(transaction=True)
def test_processes_that_flush_at_the_same_time_lose_nothing() -> None:
    def work() -> None:
        times = RunTimes()
        for _ in range(20):
            times.observe(pipeline="a", state="failed", seconds=1)
            times.observe(pipeline="b", state="failed", seconds=1)
            times.flush()

    in_threads(work, work, work)
    assert [row.count for row in RunSeconds.objects.order_by("pipeline")] == [60, 60]


def test_what_could_not_be_flushed_is_flushed_the_next_time(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    times = RunTimes()
    times.observe(pipeline="a", state="failed", seconds=1)
    with monkeypatch.context() as broken:
        broken.setattr(metrics, "connection", None)
        with pytest.raises(AttributeError):
            times.flush()
    times.observe(pipeline="a", state="failed", seconds=1)
    times.flush()
    assert RunSeconds.objects.get().count == 2
