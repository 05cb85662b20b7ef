"""What machines ask."""

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.files import storage
from tests.configuration import OwnConf


def test_health_asks_no_database(client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.text == "ok\n"


def test_ready_when_the_database_and_the_store_are(client: Client, db: None) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"database": "ok", "storage": "ok"}}


def test_not_ready_without_the_database(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "OperationalError"


def test_not_ready_without_the_store(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage, "staging_folder", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"] == "Permission denied"


def test_metrics_are_for_who_knows_the_token(client: Client, db: None, conf: OwnConf) -> None:
    conf.METRICS_TOKEN = "s3cret"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")


def test_a_browser_that_guesses_the_icon_is_led_to_it(client: Client, db: None) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/frontend/favicon.svg"


def test_nothing_of_this_can_be_posted_to(client: Client, db: None) -> None:
    for address in ("/healthz", "/readyz", "/metrics"):
        assert client.post(address).status_code == 405
