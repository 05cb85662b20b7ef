"""Every route of the API, crawled by everybody: a new route without its line here fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from core.models import Artifact, Dataset, Job, Schedule
from core.schedules import changes
from frontend.api.api import api
from frontend.api.openapi import document_of
from tests.unit.frontend.api.conftest import ROOT, MakeApi
from tests.unit.frontend.api.test_datasets import with_table
from tests.unit.frontend.conftest import MakeDataset, MakeJob

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


@dataclass
class World:
    """Things of alice's, and everybody who asks for them."""

    job: Job
    failed: Job
    file: Artifact
    dataset: Dataset
    schedule: Schedule
    callers: dict[str, Client]

    def ask(self, route: str, caller: str) -> Any:
        method, _, path = route.partition(" ")
        job = self.failed if path.endswith("/retry") else self.job
        filled = path.format(
            name="plain", job_id=job.pk, file_id=self.file.pk, dataset_id=self.dataset.pk, schedule_id=self.schedule.pk
        )
        bodies = {"POST /schedules": {"pipeline": "plain", "cron": "0 7 * * *"}}
        client = self.callers[caller]
        if method == "POST":
            return client.post(ROOT + filled, bodies.get(route, {}), content_type="application/json")
        return client.get(ROOT + filled) if method == "GET" else client.delete(ROOT + filled)


@pytest.fixture
def world(
    alice: User,
    bob: User,
    staff: User,
    as_staff: Client,
    make_api: MakeApi,
    make_job: MakeJob,
    make_dataset: MakeDataset,
    plain: None,
) -> World:
    job, dataset = make_job(alice), make_dataset(alice)
    with_table(dataset)
    return World(
        job=job,
        failed=make_job(alice, state="failed"),
        file=Artifact.objects.get(job=job),
        dataset=Dataset.objects.get(),
        schedule=changes.create("plain", owner_id=alice.pk, by="alice", cron="0 7 * * *", zone="UTC"),
        callers={
            "nobody": Client(),
            "another": make_api(bob),
            "read": make_api(alice, "read"),
            "submit": make_api(alice),
            "operate": make_api(staff, "operate"),
            "staff": as_staff,
        },
    )


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
