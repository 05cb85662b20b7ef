"""The served document, thrown at the API with values of all kinds: no fault of ours, and answers as documented.

Bounded: a few examples a route, the same ones each time. For more: `FUZZ_EXAMPLES=500`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from frontend.api.api import api
from frontend.api.openapi import document_of
from tests.configuration import OwnConf
from tests.unit.frontend.api.conftest import World

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
DOCUMENT: Any = document_of(api)
ROUTES = sorted(f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods)
#: What is checked of each answer.
HELD = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance",
)  # fmt: skip


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests leave the test's own connection open, as those of Django's test client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


# The client that schemathesis uses reads an answer, and leaves its file to be closed by chance.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("route", ROUTES)
def test_whatever_is_sent_is_answered_as_documented(
    route: str, mode: GenerationMode, world: World, one_connection: None, conf: OwnConf
) -> None:
    conf.API_RATE = 0
    method, _, path = route.partition(" ")
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    application = get_wsgi_application()
    known = {
        "name": "plain",
        "job_id": world.job.pk,
        "file_id": world.file.pk,
        "dataset_id": world.dataset.pk,
        "schedule_id": world.schedule.pk,
    }
    headers = {
        "Authorization": world.callers["operate"].defaults["HTTP_AUTHORIZATION"],
        # The client reads no answer that is packed.
        "Accept-Encoding": "identity",
    }
    answered: set[int] = set()

    @seed(14)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.integers(0, 3))
    def throw(case: Any, is_known: int) -> None:
        if is_known:
            # Three of four meet something that is there.
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        with transaction.atomic():
            response = case.call(base_url="http://testserver/api/v1", app=application, headers=headers)
            # The next one meets the same things.
            transaction.set_rollback(True)
        answered.add(response.status_code)
        case.validate_response(response, checks=[CHECKS.get_one(name) for name in HELD])

    throw()
    assert answered
