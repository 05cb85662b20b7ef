"""An end is kept where a webhook hears of it, and each of its webhooks is ordered one call: never none, never two."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError

from actors.runtime.end_sender import EndSender
from core.attempt.context import JobContext
from core.life import end_signals, leases, requests
from core.life.families import insert_children
from core.models import EndSignal, Job, Schedule, ScheduledRun
from core.models.job import subject_columns
from core.models.states import State
from core.pipelines import get
from core.signals import job_ended
from core.webhooks import changes, orders, payload
from tests.configuration import OwnConf
from tests.services.waiting import wait_until
from tests.unit.core.acts import claim, end, fresh, submit_job
from tests.unit.core.conftest import Clock

from .conftest import ALL, MakeHook, ordered

pytestmark = pytest.mark.django_db


def body(job: Job) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(job.params["body"])
    return loaded


def test_without_a_webhook_an_end_writes_nothing_more(alice: User, bob: User, make_hook: MakeHook) -> None:
    make_hook(bob)
    changes.pause(make_hook(alice), by="alice")
    make_hook(alice, states=["failed"])
    end(claim(submit_job(alice)))
    requests.cancel(submit_job(alice), by="alice")
    assert not EndSignal.objects.exists()


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("heard", ALL)
def test_an_end_is_kept_for_a_webhook_that_hears_of_it_alone(
    alice: User, make_hook: MakeHook, state: str, heard: str
) -> None:
    make_hook(alice, states=[heard])
    job = submit_job(alice)
    taken = claim(job)
    if state == "cancelled":
        requests.cancel(job, by="alice")
    end(taken, State.SUCCEEDED if state == "cancelled" else State(state))
    assert list(EndSignal.objects.values_list("state", flat=True)) == ([state] if state == heard else [])


@pytest.mark.parametrize("state", ALL)
def test_each_end_is_ordered_for_each_webhook_that_hears_of_it(alice: User, make_hook: MakeHook, state: str) -> None:
    make_hook(alice, states=[each for each in ALL if each != state])
    one, other = make_hook(alice, states=[state]), make_hook(alice)
    job = submit_job(alice)
    if state == "cancelled":
        requests.cancel(job, by="alice")
    else:
        end(claim(job), State(state), error="Odd." if state == "failed" else "")
    assert end_signals.send_due() == 1
    assert not EndSignal.objects.exists()
    deliveries = ordered()
    assert [each.params["webhook"] for each in deliveries] == [one.pk, other.pk]
    assert {each.owner_id for each in deliveries} == {alice.pk}
    assert {each.params["event"] for each in deliveries} == {f"job.{state}"}
    assert len({each.params["message"] for each in deliveries}) == 2
    assert deliveries[0].title == f"job.{state} of job #{job.pk} to hooks.example.com"
    assert set(Job.objects.about(job)) == set(deliveries)


def test_the_end_of_a_job_whose_worker_was_lost_is_ordered(alice: User, make_hook: MakeHook, clock: Clock) -> None:
    make_hook(alice)
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(max_crashes=1)
    claim(job)
    clock.advance(4000)
    assert leases.reap() == [(job.pk, State.FAILED)]
    end_signals.send_due()
    (delivery,) = ordered()
    assert "The worker was lost" in body(delivery)["data"]["error"]


def test_an_attempt_that_is_tried_again_is_no_end(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    end(claim(submit_job(alice)), State.RETRYING, delay=9)
    assert not EndSignal.objects.exists()


def test_a_part_is_no_whole_job(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    parent = submit_job(alice)
    insert_children(
        parent.pk, key="parts", title="Parts", spec=get("noop"), task="", queue="default", items=[{}], weights=[1]
    )
    end(claim(Job.objects.get(parent=parent)))
    assert not EndSignal.objects.exists()


def test_a_schedules_webhook_hears_of_that_schedules_jobs_alone(alice: User, bob: User, make_hook: MakeHook) -> None:
    schedules = [Schedule.objects.create(owner=alice, pipeline="noop", cron="0 7 * * 1") for _ in range(2)]
    hook = make_hook(alice, schedule=schedules[0])
    jobs = [submit_job(alice) for _ in range(3)]
    for job, schedule in zip(jobs, schedules, strict=False):
        ScheduledRun.objects.create(schedule=schedule, due_at=job.created_at, outcome="submitted", job=job)
    for job in jobs:
        end(claim(job))
    assert list(EndSignal.objects.values_list("job", flat=True)) == [jobs[0].pk]
    end_signals.send_due()
    (delivery,) = ordered()
    assert delivery.params["webhook"] == hook.pk
    assert body(delivery)["data"]["schedule"] == schedules[0].pk
    # The end of another job is kept for a webhook of them all, and is none of this one's all the same.
    other = make_hook(alice)
    end(claim(submit_job(alice)))
    end_signals.send_due()
    assert [each.params["webhook"] for each in ordered()] == [hook.pk, other.pk]


def test_a_call_is_no_event_of_another(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    end(claim(submit_job(alice)))
    end_signals.send_due()
    (delivery,) = ordered()
    Job.objects.filter(pk=delivery.pk).update(is_held=False)
    end(claim(delivery))
    assert not EndSignal.objects.exists()
    # As a process without its pipeline would have kept it.
    EndSignal.objects.create(job=delivery, fence=1, state="succeeded", due_at=delivery.created_at)
    end_signals.send_due()
    assert len(ordered()) == 1
    assert not EndSignal.objects.exists()


def test_an_end_that_is_taken_twice_is_ordered_once(
    alice: User, make_hook: MakeHook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(alice)
    end(claim(submit_job(alice)))

    def die(name: str) -> None:
        if name == "end-ordered":
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(end_signals, "failpoint", die)
        with pytest.raises(SystemExit):
            end_signals.send_due()
    assert len(ordered()) == 1
    assert end_signals.send_due() == 0, "it may be at work still"
    clock.advance(end_signals.HOLD_SECONDS + 1)
    assert end_signals.send_due() == 1
    assert len(ordered()) == 1
    assert not EndSignal.objects.exists()


def test_an_end_that_could_not_be_ordered_is_taken_again(
    alice: User, make_hook: MakeHook, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_hook(alice)
    heard: list[int] = []

    def hear(job: Job, **_: Any) -> None:
        heard.append(job.pk)

    job = submit_job(alice)
    end(claim(job))
    job_ended.connect(hear)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(payload, "body_of", lambda *_: 1 / 0)
            assert end_signals.send_due() == 1
        assert "end_not_ordered" in caplog.text
        assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
        assert (ordered(), heard) == ([], []), "the receivers' turn comes after"
        clock.advance(end_signals.HOLD_SECONDS + 1)
        end_signals.send_due()
    finally:
        job_ended.disconnect(hear)
    assert len(ordered()) == 1
    assert heard == [job.pk]
    assert not EndSignal.objects.exists()


def test_an_end_that_can_never_be_ordered_is_given_up_after_a_day(
    alice: User, make_hook: MakeHook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(alice)
    end(claim(submit_job(alice)))
    monkeypatch.setattr(payload, "body_of", lambda *_: 1 / 0)
    end_signals.send_due()
    assert EndSignal.objects.exists()
    clock.advance(end_signals.PATIENCE.total_seconds() + 120)
    end_signals.send_due()
    assert not EndSignal.objects.exists()


def test_a_database_that_is_away_gives_nothing_up(
    alice: User, make_hook: MakeHook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(alice)
    end(claim(submit_job(alice)))

    def fail(*_: Any) -> str:
        raise OperationalError("gone")

    monkeypatch.setattr(payload, "body_of", fail)
    clock.advance(end_signals.PATIENCE.total_seconds() + 120)
    with pytest.raises(OperationalError):
        end_signals.send_due()
    assert EndSignal.objects.exists()


def test_an_inactive_owners_webhooks_rest(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    end(claim(submit_job(alice)))
    end_signals.send_due()
    assert ordered() == []
    assert not EndSignal.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_workers_thread_orders_where_nobody_listens(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    sender = EndSender()
    sender.start()
    try:
        end(claim(submit_job(alice)))
        wait_until(lambda: len(ordered()) == 1)
    finally:
        sender.stop(timeout=30)


# -- what is sent -------------------------------------------------------------------------------------


def test_the_payload_says_who_what_how_and_when(alice: User, make_hook: MakeHook, conf: OwnConf) -> None:
    conf.SITE_URL = "https://jobs.example"
    make_hook(alice)
    params = {"password": "do not tell"}
    job = submit_job(alice, key="mine-7", label="January", params=params, subject=subject_columns(alice))
    end(claim(job), result='{"headline": "12 rows"}')
    end_signals.send_due()
    (delivery,) = ordered()
    job = fresh(job)
    sent = body(delivery)
    assert list(sent) == ["type", "timestamp", "data"]
    assert sent["type"] == "job.succeeded"
    assert sent["timestamp"] == sent["data"]["finished_at"]
    assert sent["timestamp"].endswith("Z")
    assert sent["data"] == {
        "job": job.pk,
        "pipeline": "noop",
        "title": "January",
        "state": "succeeded",
        "created_at": payload._moment(job.created_at),
        "started_at": payload._moment(job.started_at),
        "finished_at": payload._moment(job.finished_at),
        "attempt": 1,
        "result": {"headline": "12 rows"},
        "result_is_left_out": False,
        "error": "",
        "subject": {"type": "auth.user", "key": str(alice.pk)},
        "schedule": None,
        "key": "mine-7",
        "url": f"https://jobs.example/jobs/{job.pk}/",
        "api_url": f"https://jobs.example/api/v1/jobs/{job.pk}",
    }
    assert "do not tell" not in delivery.params["body"]


def test_a_large_result_is_left_out_and_that_is_said(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    for size in (payload.RESULT_BYTES - 2, payload.RESULT_BYTES - 1):
        end(claim(submit_job(alice)), result=json.dumps("x" * size))
        end_signals.send_due()
    fits, large = [body(each)["data"] for each in ordered()]
    assert (len(fits["result"]), fits["result_is_left_out"]) == (payload.RESULT_BYTES - 2, False)
    assert (large["result"], large["result_is_left_out"]) == (None, True)


def test_a_job_that_was_tried_again_meanwhile_is_told_as_it_ended(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    job = submit_job(alice)
    end(claim(job), State.FAILED, error="No paper.")
    requests.retry(job, by="alice")
    end_signals.send_due()
    end(claim(job))
    end_signals.send_due()
    failed, succeeded = [body(each) for each in ordered()]
    assert (failed["type"], failed["data"]["state"], failed["data"]["error"]) == ("job.failed", "failed", "No paper.")
    assert failed["data"]["finished_at"] == failed["timestamp"]
    assert (succeeded["type"], succeeded["data"]["error"]) == ("job.succeeded", "")


def test_of_two_ends_that_are_told_late_each_is_told_as_it_was(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    job = submit_job(alice)
    end(claim(job), State.FAILED, error="No paper.")
    requests.retry(job, by="alice")
    end(claim(job), result='"Printed"')
    end_signals.send_due()
    failed, succeeded = [body(each)["data"] for each in ordered()]
    assert (failed["state"], failed["error"], failed["result"]) == ("failed", "No paper.", None)
    assert (succeeded["state"], succeeded["error"], succeeded["result"]) == ("succeeded", "", "Printed")
    assert failed["finished_at"] < succeeded["finished_at"]


def test_an_error_names_no_secret(alice: User, make_hook: MakeHook, define: Callable[..., str]) -> None:
    from core.attempt.attempts import Attempts
    from core.errors import PermanentError
    from core.forms import PipelineForm, SecretField

    class KeyForm(PipelineForm):
        key = SecretField()

    def break_down(ctx: JobContext, key: str) -> None:
        raise PermanentError(f"The key {key} opens nothing.")

    make_hook(alice)
    job = submit_job(alice, define(break_down, form=KeyForm), params={"key": "open sesame"})
    Attempts(worker="here:1").run(job.pk)
    end_signals.send_due()
    (delivery,) = ordered()
    assert body(delivery)["data"]["error"] == "The key Hidden opens nothing."
    assert "sesame" not in delivery.params["body"]


def test_a_test_says_that_it_is_one(alice: User, make_hook: MakeHook) -> None:
    hook = make_hook(alice)
    first, second = orders.order_test(hook), orders.order_test(hook)
    assert first != second
    (delivery, _) = ordered()
    assert body(delivery)["type"] == "webhook.test"
    assert body(delivery)["data"]["webhook"] == hook.pk
    assert delivery.subject_type is None


def test_what_a_call_is_about_is_its_job(alice: User, make_hook: MakeHook) -> None:
    make_hook(alice)
    job = submit_job(alice)
    end(claim(job))
    end_signals.send_due()
    (delivery,) = ordered()
    assert (delivery.subject_type, delivery.subject_key) == (ContentType.objects.get_for_model(Job), str(job.pk))
    assert delivery.subject == job
