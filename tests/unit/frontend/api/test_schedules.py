"""Schedules: made, listed, switched, run and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from core.models import AuditEntry, Job, Schedule
from core.schedules import changes
from tests.unit.frontend.api.conftest import ROOT, Api
from tests.unit.frontend.conftest import MakeDataset


def make(api: Api, **values: Any) -> Any:
    return api.post(f"{ROOT}/schedules", values)


@pytest.fixture
def own(alice: User, make_dataset: MakeDataset) -> dict[str, Any]:
    return {
        "pipeline": "copy_letters",
        "params": {"dataset": make_dataset(alice).pk},
        "cron": "0 7 * * MON",
        "zone": "Europe/Paris",
    }


def test_a_schedule_is_made(alices: Api, alice: User, own: dict[str, Any]) -> None:
    answer = make(alices, **own, overlap="queue", priority="low", ends_at="2199-01-31T07:00")
    assert answer.status_code == 201, answer.text
    schedule = Schedule.objects.get()
    assert (schedule.owner, schedule.pipeline, schedule.zone) == (alice, "copy_letters", "Europe/Paris")
    assert schedule.params == own["params"]
    assert answer["Location"] == f"http://testserver{ROOT}/schedules/{schedule.pk}"
    body = answer.json()
    assert (body["is_on"], body["overlap"], body["priority"]) == (True, "queue", "low")
    assert body["ends_at"] == "2199-01-31T06:00:00Z"
    assert body["next_at"]
    assert AuditEntry.objects.filter(act="create_schedule", who="alice").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"pipeline": "nothing"}, "pipeline"),
        ({"cron": "every monday"}, "cron"), ({"zone": "Mars/Base"}, "zone"), ({"starts_at": "tomorrow"}, "starts_at"),
        ({"ends_at": "2020-01-01T00:00"}, "ends_at"), ({"params": {}}, "params.dataset"), ({"overlap": "x"}, "overlap"),
        ({"params": {"dataset": "x"}}, "params.dataset"), ({"other": 1}, "other"), ({"params": []}, "params"),
        ({"cron": "0 0 30 2 *"}, "cron"), ({"cron": "\ud800"}, "cron"), ({"zone": "\0"}, "zone"),
        ({"cron": "*/90 * * * *"}, "cron"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_by_field(
    alices: Api, own: dict[str, Any], wrong: dict[str, Any], field: str
) -> None:
    answer = make(alices, **{**own, **wrong})
    assert answer.status_code == 422
    assert field in answer.json()["errors"], answer.text
    assert not Schedule.objects.exists()


def test_a_schedule_is_switched_run_and_deleted(alices: Api, own: dict[str, Any]) -> None:
    address = make(alices, **own).json()["url"]
    assert alices.post(f"{address}/pause").json()["is_on"] is False
    assert alices.post(f"{address}/pause").status_code == 200
    assert alices.post(f"{address}/resume").json()["is_on"] is True
    ran = alices.post(f"{address}/run")
    assert ran.status_code == 201
    assert Job.objects.get(pk=ran.json()["id"]).pipeline == "copy_letters"
    runs = alices.get(address).json()["runs"]
    assert [(run["job"], run["is_manual"]) for run in runs] == [(ran.json()["id"], True)]
    deleted = alices.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert alices.get(address).status_code == 404
    assert alices.delete(address).status_code == 404


def test_schedules_are_listed_by_pages(alices: Api, own: dict[str, Any]) -> None:
    made = [make(alices, **own).json()["id"] for _ in range(3)][::-1]
    first = alices.get(f"{ROOT}/schedules?limit=2&pipeline=copy_letters").json()
    assert [each["id"] for each in first["items"]] == made[:2]
    assert [each["id"] for each in alices.get(first["next"]).json()["items"]] == made[2:]
    assert alices.get(f"{ROOT}/schedules?pipeline=other").json()["items"] == []


@pytest.mark.parametrize("act", ["", "/pause", "/resume", "/run"])
def test_somebody_elses_schedule_is_not_there(alices: Api, bobs: Api, own: dict[str, Any], act: str) -> None:
    address = make(alices, **own).json()["url"] + act
    assert (bobs.post(address) if act else bobs.get(address)).status_code == 404
    assert bobs.get(f"{ROOT}/schedules").json()["items"] == []
    assert bobs.delete(address.removesuffix(act)).status_code == 404


def test_a_schedule_of_the_code_is_for_operators_who_may_run_it(
    alices: Api, operators: Api, staff: User, own: dict[str, Any]
) -> None:
    made = changes.create("copy_letters", owner_id=staff.pk, by="x", cron="0 7 * * *", zone="UTC", params=own["params"])
    Schedule.objects.filter(pk=made.pk).update(code_name="nightly")
    assert alices.get(f"{ROOT}/schedules/{made.pk}").status_code == 404
    assert operators.get(f"{ROOT}/schedules/{made.pk}").json()["can_change"] is False
    refused = operators.delete(f"{ROOT}/schedules/{made.pk}")
    assert refused.status_code == 422
    assert "the code declares" in refused.json()["detail"]
    assert operators.post(f"{ROOT}/schedules/{made.pk}/run").status_code == 201
