"""Every route of the API, crawled by everybody: a new route without its line here fails."""

from __future__ import annotations

import pytest
from django.db import transaction

from frontend.api.api import api
from frontend.api.openapi import document_of
from tests.unit.frontend.api.conftest import World

#: Who asks: nobody, somebody else's token, the owner's tokens to read and to submit, one that operates the site, and a
#: logged-in browser of staff.
CALLERS = ("nobody", "another", "read", "submit", "operate", "staff")
#: What each gets, of things that are alice's.
TABLE: dict[str, tuple[int, int, int, int, int, int]] = {
    "GET /me": (401, 200, 200, 200, 200, 200),
    "GET /pipelines": (401, 200, 200, 200, 200, 200),
    "GET /pipelines/{name}": (401, 200, 200, 200, 200, 200),
    "POST /pipelines/{name}/jobs": (401, 201, 403, 201, 201, 201),
    "GET /jobs": (401, 200, 200, 200, 200, 200),
    "GET /jobs/{job_id}": (401, 404, 200, 200, 200, 200),
    "GET /jobs/{job_id}/events": (401, 404, 200, 200, 200, 200),
    "GET /jobs/{job_id}/log": (401, 404, 200, 200, 200, 200),
    "POST /jobs/{job_id}/cancellation": (401, 404, 403, 200, 200, 200),
    "POST /jobs/{job_id}/retry": (401, 404, 403, 200, 200, 200),
    "GET /jobs/{job_id}/files": (401, 404, 200, 200, 200, 200),
    "GET /jobs/{job_id}/files/{file_id}": (401, 404, 200, 200, 200, 200),
    "GET /datasets": (401, 200, 200, 200, 200, 200),
    "GET /datasets/{dataset_id}": (401, 404, 200, 200, 200, 200),
    "GET /datasets/{dataset_id}/rows": (401, 404, 200, 200, 200, 200),
    "GET /schedules": (401, 200, 200, 200, 200, 200),
    "POST /schedules": (401, 201, 403, 201, 201, 201),
    "GET /schedules/{schedule_id}": (401, 404, 200, 200, 200, 200),
    "DELETE /schedules/{schedule_id}": (401, 404, 403, 204, 204, 204),
    "POST /schedules/{schedule_id}/pause": (401, 404, 403, 200, 200, 200),
    "POST /schedules/{schedule_id}/resume": (401, 404, 403, 200, 200, 200),
    "POST /schedules/{schedule_id}/run": (401, 404, 403, 201, 201, 201),
    "GET /limits": (401, 403, 403, 403, 200, 200),
    "POST /pipelines/{name}/pause": (401, 403, 403, 403, 200, 200),
    "POST /pipelines/{name}/resume": (401, 403, 403, 403, 422, 422),
}


def documented() -> set[str]:
    return {f"{method.upper()} {path}" for path, methods in document_of(api)["paths"].items() for method in methods}


def test_every_route_has_its_line() -> None:
    assert documented() == set(TABLE)


@pytest.mark.parametrize("route", sorted(TABLE))
def test_everybody_gets_what_is_theirs(route: str, world: World) -> None:
    answers = {}
    for caller in CALLERS:
        with transaction.atomic():
            answer = world.ask(route, caller)
            answers[caller] = answer.status_code
            if answer.streaming:
                assert list(answer.streaming_content) is not None
            # The next one meets the same things.
            transaction.set_rollback(True)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"
    assert answers == dict(zip(CALLERS, TABLE[route], strict=True))
