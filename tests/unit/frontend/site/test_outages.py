"""A database that is away, or full, is answered with 503 and when to ask again; never with a traceback or a 500."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from frontend.forms.views import pipeline_form

pytestmark = pytest.mark.django_db


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
