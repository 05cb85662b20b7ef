"""Who comes in, with which scope, and what they see and touch then."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve
from pytest_django import Settings

from core.models import ApiToken, Job
from core.people import tokens
from tests.configuration import OwnConf
from tests.unit.frontend.api.conftest import ROOT, Api, MakeApi
from tests.unit.frontend.conftest import MakeDataset, MakeJob


def test_a_token_says_whose_it_is(alices: Api) -> None:
    answer = alices.get(f"{ROOT}/me")
    assert answer.status_code == 200
    assert answer.json()["name"] == "alice"
    assert answer.json()["scope"] == "submit"
    assert answer.json()["operates"] is False
    assert answer.json()["token"]["name"] == "tests"
    assert answer["Cache-Control"] == "private, no-store"
    assert ApiToken.objects.get().last_used_at is not None


def test_a_logged_in_browser_comes_in_with_its_own_rights(as_alice: Client, as_staff: Client) -> None:
    assert as_alice.get(f"{ROOT}/me").json() == {"name": "alice", "scope": "operate", "operates": False, "token": None}
    assert as_staff.get(f"{ROOT}/me").json()["operates"] is True


def test_nobody_is_asked_for_a_token(client: Client, db: None) -> None:
    answer = client.get(f"{ROOT}/me")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401


@pytest.mark.parametrize("text", ["hw_" + "x" * 43, "hw_", "", "x" * 5000, "hw_ä", "two words"])
def test_a_wrong_token_is_refused_and_a_session_does_not_help_it(as_alice: Client, text: str) -> None:
    answer = as_alice.get(f"{ROOT}/me", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_another_kind_of_log_in_is_left_to_whoever_wants_it(as_alice: Client) -> None:
    assert as_alice.get(f"{ROOT}/me", headers={"Authorization": "Basic YTpi"}).status_code == 200


def test_wrong_tokens_are_counted_by_their_address(client: Client, alices: Api) -> None:
    header = {"Authorization": "Bearer hw_" + "x" * 43}
    statuses = {client.get(f"{ROOT}/me", headers=header).status_code for _ in range(tokens.WRONG_TRIES)}
    assert statuses == {401}
    refused = client.get(f"{ROOT}/me", headers=header)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert alices.get(f"{ROOT}/me").status_code == 200


def test_a_token_has_so_many_requests_a_minute(conf: OwnConf, alice: User, make_api: MakeApi) -> None:
    conf.API_RATE = 3
    api = make_api(alice)
    answers = [api.get(f"{ROOT}/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert answers[-1].json()["title"] == "Too Many Requests"


def test_a_scope_that_does_not_reach_is_named(alice: User, make_api: MakeApi, make_job: MakeJob) -> None:
    answer = make_api(alice, "read").post(f"{ROOT}/jobs/{make_job(alice).pk}/cancellation")
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert "submit" in answer.json()["detail"]
    assert Job.objects.get().state == "queued"


def test_a_session_needs_the_csrf_token_to_change_something(alice: User, make_job: MakeJob) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    address = f"{ROOT}/jobs/{make_job(alice).pk}/cancellation"
    refused = browser.post(address)
    assert refused.status_code == 403
    assert refused["Content-Type"] == "application/problem+json"
    assert browser.get(f"{ROOT}/jobs").status_code == 200
    browser.get("/")
    token = browser.cookies["csrftoken"].value
    assert browser.post(address, headers={"X-CSRFToken": token}).status_code == 200


def test_a_token_needs_no_csrf_token(alice: User, make_api: MakeApi, make_job: MakeJob) -> None:
    api = make_api(alice)
    api.handler.enforce_csrf_checks = True
    assert api.post(f"{ROOT}/jobs/{make_job(alice).pk}/cancellation").status_code == 200


def test_without_the_scope_to_operate_staff_sees_what_is_theirs(
    alice: User, staff: User, make_api: MakeApi, make_job: MakeJob, make_dataset: MakeDataset
) -> None:
    hers, own = make_job(alice), make_job(staff)
    dataset = make_dataset(alice)
    narrow, wide = make_api(staff, "submit"), make_api(staff, "operate")
    assert [job["id"] for job in narrow.get(f"{ROOT}/jobs?owner=all").json()["items"]] == [own.pk]
    assert hers.pk in [job["id"] for job in wide.get(f"{ROOT}/jobs?owner=all").json()["items"]]
    for path in (f"jobs/{hers.pk}", f"jobs/{hers.pk}/log", f"datasets/{dataset.pk}"):
        assert narrow.get(f"{ROOT}/{path}").status_code == 404
        assert wide.get(f"{ROOT}/{path}").status_code == 200
    assert narrow.post(f"{ROOT}/jobs/{hers.pk}/cancellation").status_code == 404
    assert wide.post(f"{ROOT}/jobs/{hers.pk}/cancellation").status_code == 200


def test_without_the_scope_to_operate_staff_takes_no_dataset_of_others(
    alice: User, staff: User, make_api: MakeApi, make_dataset: MakeDataset
) -> None:
    hers = make_dataset(alice).pk
    answer = make_api(staff).post(
        f"{ROOT}/pipelines/copy_letters/jobs", {"params": {"dataset": hers}}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert "choice" in answer.json()["errors"]["dataset"][0]
    assert not Job.objects.filter(pipeline="copy_letters").exists()


def test_who_no_longer_operates_the_site_loses_it_in_their_tokens(
    alice: User, staff: User, make_api: MakeApi, make_job: MakeJob
) -> None:
    hers, api = make_job(alice), make_api(staff, "operate")
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    assert api.get(f"{ROOT}/jobs/{hers.pk}").status_code == 404
    assert api.get(f"{ROOT}/limits").status_code == 403


def test_what_a_policy_shows_and_does_not_let_change_is_refused(
    conf: OwnConf, alice: User, bobs: Api, make_job: MakeJob
) -> None:
    conf.POLICY = "tests.unit.frontend.api.test_access.Onlookers"
    job = make_job(alice)
    assert bobs.get(f"{ROOT}/jobs/{job.pk}").status_code == 200
    assert bobs.post(f"{ROOT}/jobs/{job.pk}/cancellation").status_code == 403


def test_a_host_that_asks_for_a_log_in_everywhere_lets_tokens_in(
    alice: User, make_api: MakeApi, settings: Settings
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert make_api(alice).get(f"{ROOT}/me").status_code == 200
    assert Client().get(f"{ROOT}/me").status_code == 401
    assert Client().get(f"{ROOT}/nothing").status_code == 404


def test_a_host_with_each_request_in_a_transaction_leaves_these_alone() -> None:
    for path in ("me", "jobs/7/events", "openapi.json", "nothing"):
        view = resolve(f"{ROOT}/{path}").func
        assert "default" in view._non_atomic_requests  # type: ignore[attr-defined]  # Django's mark


class Onlookers:
    """Everybody sees all; nobody changes what is not theirs, nor operates the site."""

    def visible(self, user, rows):  # type: ignore[no-untyped-def]
        return rows

    def changeable(self, user, rows):  # type: ignore[no-untyped-def]
        return rows.filter(owner=user.pk)

    def operates(self, user):  # type: ignore[no-untyped-def]
        return False
