"""A database that is away, or full, is answered with 503 and when to ask again; never with a traceback or a 500."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.test import Client
from pytest_django import Settings

from frontend.forms.views import pipeline_form

pytestmark = pytest.mark.django_db
PAGE, JSON = "text/html; charset=utf-8", "application/problem+json"


@pytest.mark.parametrize("error", [OperationalError("database or disk is full"), InterfaceError("connection closed")])
def test_a_view_that_the_database_lets_down_says_so(
    as_alice: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(pipeline_form, "open_form", fail)
    answer = as_alice.get("/pipelines/csv_import/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "was not stored" in answer.text


@pytest.mark.parametrize(("path", "kind"), [("/", PAGE), ("/api/v1/me", JSON), ("/api/v1/nowhere", JSON)])
@pytest.mark.parametrize("is_host", [False, True])
def test_a_person_whose_session_can_not_be_read_is_told_so(
    as_alice: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings, path: str, kind: str, is_host: bool
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    if is_host:
        # Its sessions end by its own rules.
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "SessionEnd" not in name]
    monkeypatch.setattr(SessionStore, "load", fail)
    answer = as_alice.get(path)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert answer["Content-Type"] == kind
