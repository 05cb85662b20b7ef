"""A site whose TASKS name Headway's backend."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_django import Settings

from actors.task_backend import registering
from core import pipelines
from core.attempt.attempts import Attempts
from core.models import Job
from core.pipelines import registry
from tests.configuration import OwnConf

BACKEND = "actors.task_backend.HeadwayBackend"


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> None:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is registered here is nobody else's."""
    monkeypatch.setattr(registry._registry, "more_queues", set())
    yield
    for name in registering._tasks:
        pipelines.forget(name)


@pytest.fixture
def site_tasks(settings: Settings) -> ModuleType:
    """The tasks of `tests.site_tasks`, registered."""
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default", "night"]}}
    module = importlib.import_module("tests.site_tasks")
    module.done.clear()
    for each in vars(module).values():
        if hasattr(each, "get_backend"):
            each.get_backend().validate_task(each)
    return module


class Worker:
    """A worker at hand."""

    def __init__(self) -> None:
        self.attempts = Attempts(worker="here:1")

    def run(self, result: Any) -> Any:
        """Run one attempt of a result's job, and return the result as it is then."""
        Job.objects.filter(pk=result.id, state="retrying").update(run_at="2000-01-01T00:00Z")
        self.attempts.run(int(result.id))
        result.refresh()
        return result


@pytest.fixture
def worker(transactional_db: None) -> Worker:
    return Worker()
