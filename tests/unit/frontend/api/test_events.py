"""Following a job: its events, and a request that waits for the next one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from core.life import requests
from core.models import JobEvent
from frontend.api.pages import events
from tests.configuration import OwnConf
from tests.services.waiting import wait_until
from tests.unit.frontend.api.conftest import ROOT, Api, MakeApi
from tests.unit.frontend.conftest import MakeJob


@pytest.mark.django_db
def test_events_come_in_order_and_once(alices: Api, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    first = alices.get(f"{ROOT}/jobs/{job.pk}/events").json()
    assert [event["kind"] for event in first["items"]] == ["submitted"]
    assert (first["state"], first["is_finished"]) == ("queued", False)
    assert first["last"] == first["items"][-1]["id"]
    after = f"{ROOT}/jobs/{job.pk}/events?after={first['last']}"
    assert alices.get(after).json()["items"] == []
    requests.cancel(job, by="alice")
    news = alices.get(after).json()
    assert news["items"][-1]["kind"] == "cancelled"
    assert news["is_finished"] is True
    assert alices.get(f"{ROOT}/jobs/{job.pk}/events?after={news['last']}&wait=25").json()["items"] == []


@pytest.mark.django_db
def test_what_happened_is_told_in_parts_when_it_is_much(alices: Api, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="succeeded")
    JobEvent.objects.bulk_create(JobEvent(job=job, kind="note", text=str(number)) for number in range(250))
    first = alices.get(f"{ROOT}/jobs/{job.pk}/events").json()
    assert len(first["items"]) == events.MOST_EVENTS
    assert first["is_finished"] is False
    rest = alices.get(f"{ROOT}/jobs/{job.pk}/events?after={first['last']}").json()
    assert len(first["items"]) + len(rest["items"]) == 251
    assert rest["is_finished"] is True


@pytest.mark.django_db
def test_a_worker_is_named_to_operators_alone(alices: Api, operators: Api, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    JobEvent.objects.create(job=job, kind="claimed", worker="here:1")
    assert alices.get(f"{ROOT}/jobs/{job.pk}/events").json()["items"][-1]["worker"] is None
    assert operators.get(f"{ROOT}/jobs/{job.pk}/events").json()["items"][-1]["worker"] == "here:1"


@pytest.mark.parametrize("query", ["wait=26", "wait=-1", "wait=nan", "wait=inf", "wait=x", "after=-1", "after=x"])
@pytest.mark.django_db
def test_a_wait_is_bounded(alices: Api, alice: User, make_job: MakeJob, query: str) -> None:
    assert alices.get(f"{ROOT}/jobs/{make_job(alice).pk}/events?{query}").status_code == 422


@pytest.mark.django_db
def test_nothing_is_waited_for_in_a_transaction(alices: Api, alice: User, make_job: MakeJob) -> None:
    # As this test is one: it would wait for what it can't see.
    job = make_job(alice)
    last = JobEvent.objects.latest("pk").pk
    assert alices.get(f"{ROOT}/jobs/{job.pk}/events?after={last}&wait=25").json()["items"] == []


class Asked:
    """A request in a thread of its own."""

    def __init__(self, api: Api, path: str) -> None:
        self.answer: Any = None
        self._api, self._path = api, path
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.answer = self._api.get(self._path).json()
        finally:
            connection.close()

    def wait(self) -> Any:
        self._thread.join(30)
        return self.answer


@pytest.fixture
def patient(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.02)
    yield
    wait_until(lambda: not any(thread.name == "api-events" for thread in threading.enumerate()), 10)


def waiting() -> int:
    return len(events._lookout._places)


def test_a_waiting_request_is_answered_by_what_happens(
    patient: None, alice: User, make_api: MakeApi, make_job: MakeJob
) -> None:
    job = make_job(alice)
    last = JobEvent.objects.latest("pk").pk
    asked = Asked(make_api(alice), f"{ROOT}/jobs/{job.pk}/events?after={last}&wait=25")
    wait_until(lambda: waiting() == 1, 10)
    requests.cancel(job, by="bob")
    answer = asked.wait()
    assert [event["kind"] for event in answer["items"]] == ["cancelled"]
    assert answer["is_finished"] is True
    assert waiting() == 0


def test_a_request_that_waits_in_vain_is_answered_in_time(
    patient: None, alice: User, make_api: MakeApi, make_job: MakeJob
) -> None:
    job = make_job(alice)
    last = JobEvent.objects.latest("pk").pk
    began = time.monotonic()
    answer = Asked(make_api(alice), f"{ROOT}/jobs/{job.pk}/events?after={last}&wait=0.3").wait()
    assert answer["items"] == []
    assert answer["last"] == last
    assert time.monotonic() - began >= 0.3


def test_so_many_wait_at_once_and_others_are_answered_at_once(
    patient: None, conf: OwnConf, alice: User, make_api: MakeApi, make_job: MakeJob
) -> None:
    conf.API_WAITING_REQUESTS = 2
    api, job = make_api(alice), make_job(alice)
    last = JobEvent.objects.latest("pk").pk
    path = f"{ROOT}/jobs/{job.pk}/events?after={last}&wait=25"
    asked = [Asked(api, path) for _ in range(2)]
    wait_until(lambda: waiting() == 2, 10)
    # This one has no place: it would hang for as long as the test may.
    assert api.get(path).json()["items"] == []
    assert waiting() == 2
    requests.cancel(job, by="alice")
    assert all(each.wait()["is_finished"] for each in asked)


def test_a_job_that_is_deleted_ends_the_wait(patient: None, alice: User, make_api: MakeApi, make_job: MakeJob) -> None:
    job = make_job(alice)
    last = JobEvent.objects.latest("pk").pk
    asked = Asked(make_api(alice), f"{ROOT}/jobs/{job.pk}/events?after={last}&wait=25")
    wait_until(lambda: waiting() == 1, 10)
    job.delete()
    assert asked.wait()["status"] == 404
