"""Limits and pauses, for those who operate the site."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from core.models import AuditEntry, Gate
from tests.unit.frontend.api.conftest import ROOT, Api, MakeApi


def test_a_pipeline_is_paused_and_goes_on(operators: Api) -> None:
    paused = operators.post(f"{ROOT}/pipelines/letters/pause", {"note": "moving"})
    assert paused.json()["is_paused"] is True
    assert Gate.objects.get(pk="letters").note == "moving"
    assert AuditEntry.objects.filter(act="pause", who="staff").exists()
    assert operators.get(f"{ROOT}/pipelines/letters").json()["is_paused"] is True
    again = operators.post(f"{ROOT}/pipelines/letters/pause")
    assert (again.status_code, again.json()["detail"]) == (422, "Count letters is paused already, by staff.")
    assert operators.post(f"{ROOT}/pipelines/letters/resume").json()["is_paused"] is False
    assert operators.post(f"{ROOT}/pipelines/letters/resume").status_code == 422


def test_limits_are_listed(operators: Api) -> None:
    names = [each["pipeline"] for each in operators.get(f"{ROOT}/limits").json()["items"]]
    assert "letters" in names


@pytest.mark.parametrize("path", ["pipelines/letters/pause", "pipelines/letters/resume"])
def test_others_do_not_operate_the_site(alices: Api, staff: User, make_api: MakeApi, path: str) -> None:
    assert alices.post(f"{ROOT}/{path}").status_code == 403
    assert make_api(staff, "submit").post(f"{ROOT}/{path}").status_code == 403


def test_a_pipeline_that_there_is_not_is_not_paused(operators: Api) -> None:
    assert operators.post(f"{ROOT}/pipelines/nothing/pause").status_code == 404
