"""Whatever goes wrong, the answer is a problem in JSON with a sentence; never a page, and never a fault of ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError

from frontend.api.pages import jobs as job_pages
from tests.configuration import OwnConf
from tests.unit.frontend.api.conftest import ROOT, Api
from tests.unit.frontend.conftest import MakeJob

SUBMIT = f"{ROOT}/pipelines/letters/jobs"


def is_problem(answer: Any, status: int) -> bool:
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == ("about:blank", status)
    return bool(body["title"]) and body["detail"].endswith(".")


@pytest.mark.parametrize(
    "path", ["", "nothing", "jobs/", "jobs/x", "jobs/7/nothing", "me/", "openapi.json/", "jobs/%00", "pipelines/a%2Fb"]
)
def test_an_address_that_is_none_is_said_to_be(alices: Api, path: str) -> None:
    assert is_problem(alices.get(f"{ROOT}/{path}"), 404)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("path", ["me", "jobs", "openapi.json", "pipelines/letters/jobs"])
def test_a_method_that_is_none_is_said_to_be(alices: Api, method: str, path: str) -> None:
    answer = getattr(alices, method)(f"{ROOT}/{path}")
    assert is_problem(answer, 405)
    assert answer["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nothing", b"\xff\xfe", b'{"params": NaN}', b'{"params": {"limit": 1e999}}', b"[" * 100_000,
        b'{"params": {"limit": ' + b"9" * 5000 + b"}}", b"'", b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_json_is_said_to_be(alices: Api, body: bytes) -> None:
    assert is_problem(alices.post(SUBMIT, body), 400)
    assert is_problem(alices.post(f"{ROOT}/schedules", body), 400)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b'{"params": 1}', b'{"params": null}'])
def test_json_of_another_kind_is_said_to_be(alices: Api, body: bytes) -> None:
    assert is_problem(alices.post(SUBMIT, body), 422)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\udfff"])
def test_a_character_that_no_database_stores_is_named(alices: Api, text: str) -> None:
    body = f'{{"params": {{"title": "a{text}"}}}}'
    answer = alices.post(SUBMIT, body)
    assert is_problem(answer, 422)
    assert list(answer.json()["errors"]) == ["params.title"]
    key = f'{{"params": {{"a{text}": 1}}}}'
    assert is_problem(alices.post(SUBMIT, key), 422)


def test_an_emoji_in_two_halves_is_one(alices: Api) -> None:
    body = '{"params": {"title": "\\ud83d\\ude00"}}'
    assert "title" not in alices.post(SUBMIT, body).json()["errors"]


@pytest.mark.parametrize("query", ["q=%00", "q=%ff", "pipeline=%00", "owner=%00", "q=%ed%a0%80", "owner=%F0%9F%98%80"])
def test_a_query_of_any_bytes_finds_nothing(alices: Api, query: str) -> None:
    assert alices.get(f"{ROOT}/jobs?{query}").json()["items"] == []


def test_a_text_that_is_too_large_is_refused(alices: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    large = b'{"params": {"title": "' + b"x" * 2000 + b'"}}'
    assert is_problem(alices.post(SUBMIT, large), 413)
    assert is_problem(alices.post_parts(SUBMIT, {"title": "x" * 2000}), 413)


def test_an_upload_that_is_too_large_is_refused(alices: Api, conf: OwnConf) -> None:
    conf.UPLOAD_LIMIT_BYTES = 10
    assert is_problem(alices.post_parts(SUBMIT, {"title": "x" * 20}), 413)


def test_parameters_that_are_too_large_for_a_row_are_refused(alices: Api, conf: OwnConf) -> None:
    conf.JSON_LIMIT_BYTES = 10
    from django.core.files.uploadedfile import SimpleUploadedFile

    body = {"text": SimpleUploadedFile("a.txt", b"a"), "alphabet": "latin"}
    answer = alices.post_parts(SUBMIT, body)
    assert answer.status_code == 422
    assert "more than 10" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_parts_that_can_not_be_read_are_refused(alices: Api, kind: str) -> None:
    assert is_problem(alices.generic("POST", SUBMIT, b"nothing of the kind", content_type=kind), 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_another_type_of_body_is_refused(alices: Api, kind: str) -> None:
    assert is_problem(alices.generic("POST", SUBMIT, b"a=b", content_type=kind), 415)
    assert is_problem(alices.generic("POST", f"{ROOT}/schedules", b"a=b", content_type=kind), 415)


@pytest.mark.parametrize("error", [OperationalError("database or disk is full"), InterfaceError("connection closed")])
def test_a_database_that_is_away_is_said_to_be(alices: Api, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(job_pages, "matching", fail)
    answer = alices.get(f"{ROOT}/jobs")
    assert is_problem(answer, 503)
    assert answer["Retry-After"] == "10"


def test_a_database_that_is_away_when_one_comes_in_is_said_to_be(alices: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("core.people.tokens.find", fail)
    assert is_problem(alices.get(f"{ROOT}/jobs"), 503)


def test_a_fault_of_the_site_is_logged_and_shows_nothing(
    alices: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("secrets of the house")

    monkeypatch.setattr(job_pages, "matching", fail)
    with pytest.raises(RuntimeError, match="secrets"):
        alices.get(f"{ROOT}/jobs")
    alices.raise_request_exception = False
    answer = alices.get(f"{ROOT}/jobs")
    assert is_problem(answer, 500)
    assert "secrets" not in answer.text
    assert "secrets of the house" in caplog.text


def test_a_full_disk_is_said_to_be(alices: Api, monkeypatch: pytest.MonkeyPatch, conf: OwnConf) -> None:
    conf.DISK_FLOOR_BYTES = 2**62
    answer = alices.post_parts(SUBMIT, {"title": "x"})
    assert answer.status_code in (503, 507)
    assert answer["Content-Type"] == "application/problem+json"


def test_answers_can_be_nothing_but_json(alices: Api, alice: User, make_job: MakeJob) -> None:
    for path in (f"jobs/{make_job(alice).pk}", "nothing"):
        answer = alices.get(f"{ROOT}/{path}")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "private, no-store"
