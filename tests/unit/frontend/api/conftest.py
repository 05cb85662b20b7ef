"""What the tests of the API share: clients that come in with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.contrib.auth.models import User
from django.test import Client

from core import pipelines
from core.attempt.context import JobContext
from core.files import storage
from core.models import Artifact, Dataset, Job, Schedule
from core.people import tokens
from core.pipelines import pipeline
from core.schedules import changes
from tests.unit.frontend.conftest import MakeDataset, MakeJob

MakeApi = Callable[..., "Api"]
ROOT = "/api/v1"


class Api(Client):
    """A client that sends JSON, or nothing, where no other type is named."""

    def post(self, path: str, data: Any = b"", content_type: str = "application/json", **more: Any) -> Any:  # type: ignore[override]
        return super().post(path, data, content_type, **more)

    def post_parts(self, path: str, data: Any) -> Any:
        return super().post(path, data)


@pytest.fixture
def make_api(db: None) -> MakeApi:
    """`make_api(alice, "read")`: a client with a token of hers; its scope is `submit` unless another is named."""

    def make(owner: User, scope: str = "submit") -> Api:
        _, text = tokens.make(owner, name="tests", scope=scope, days=1)
        return Api(headers={"Authorization": f"Bearer {text}"})

    return make


@pytest.fixture
def alices(alice: User, make_api: MakeApi) -> Api:
    return make_api(alice)


@pytest.fixture
def bobs(bob: User, make_api: MakeApi) -> Api:
    return make_api(bob)


@pytest.fixture
def operators(staff: User, make_api: MakeApi) -> Api:
    return make_api(staff, "operate")


@pytest.fixture
def plain() -> Iterator[None]:
    """A pipeline, `plain`, that asks for nothing."""

    def plain(ctx: JobContext, **params: Any) -> None: ...

    pipeline(title="Plain")(plain)
    yield
    pipelines.forget("plain")


TABLE = """
SELECT range AS number, 'ä' || range AS text, (range / 8)::DECIMAL(18, 3) AS price, DATE '2026-11-29' AS day,
       TIMESTAMP '2026-11-29 12:00:00' AS at, TIME '07:00:00' AS clock,
       CASE WHEN range % 2 = 0 THEN 'nan'::DOUBLE END AS share
FROM range(2500)
"""


def with_table(dataset: Dataset, query: str = TABLE, rows: int = 2500) -> None:
    path = Path(storage.attempt_folder(dataset.job_id, 1)) / "table.parquet"
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(path))
    Dataset.objects.filter(pk=dataset.pk).update(parquet_path=storage.key_of(path), rows=rows)


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
