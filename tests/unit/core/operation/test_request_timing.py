"""Every request is timed: a header, a histogram, and a log line when it was slow."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve

from core.operation import metrics
from core.operation.request_timing import observe
from tests.configuration import OwnConf

pytestmark = pytest.mark.django_db  # the registry asks the database too


def ask(rf: RequestFactory, *, status: int = 200, view: str = "/jobs/") -> HttpResponse:
    request, response = rf.get("/somewhere"), HttpResponse("x", status=status)
    request.resolver_match = resolve(view) if view else None
    observe(request, response, 0.01)
    return response


def counted(**labels: str) -> float:
    return metrics.registry.get_sample_value("headway_http_request_seconds_count", labels) or 0


def test_the_browser_is_told_what_the_server_took(rf: RequestFactory) -> None:
    assert re.fullmatch(r"app;dur=\d+\.\d", ask(rf).headers["Server-Timing"])


def test_requests_are_counted_by_view_method_and_class_of_status(rf: RequestFactory) -> None:
    labels = {"view": "jobs", "method": "GET", "status": "4xx"}
    before = counted(**labels)
    ask(rf, status=404)
    assert counted(**labels) == before + 1


def test_a_request_that_no_view_took_is_counted_without_its_path(rf: RequestFactory) -> None:
    labels = {"view": "none", "method": "GET", "status": "4xx"}
    before = counted(**labels)
    ask(rf, status=404, view="")
    assert counted(**labels) == before + 1


@pytest.mark.parametrize(("limit", "is_told"), [(0.0, True), (60.0, False)])
def test_a_slow_request_is_told(
    rf: RequestFactory, conf: OwnConf, caplog: pytest.LogCaptureFixture, limit: float, is_told: bool
) -> None:
    conf.SLOW_REQUEST_SECONDS = limit
    ask(rf)
    assert ("request_was_slow path=/somewhere method=GET status=200" in caplog.text) == is_told
