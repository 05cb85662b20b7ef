"""Django's own tests of tasks and backends, run on Headway's backend.

They are imported from Django's sdist as they are, but for the names in `CHANGES`: where they name one of Django's two
backends they get Headway's. `DIFFERENCES` are those that can't pass, each with its reason; docs/tasks.md says the same.
On a Django without tasks of its own they run on the package django-tasks.
"""

from __future__ import annotations

import re
import sys
import unittest
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import Settings

from actors.task_backend import registering
from actors.task_backend.api import IS_DJANGOS
from core import pipelines
from core.pipelines import registry
from tests.configuration import OwnConf
from tests.services.djangos_tests import task_tests

pytestmark = pytest.mark.main_way

OURS = "tests.task_backends"
#: Patterns in the source of Django's tests, and what stands there for Headway.
CHANGES = [
    (r"from django\.tasks\.backends\.dummy import", f"from {OURS} import Keeps as"),
    (r"from django\.tasks\.backends\.immediate import", f"from {OURS} import RunsAtOnce as"),
    (r'"django\.tasks\.backends\.dummy\.DummyBackend"', f'"{OURS}.Keeps"'),
    (r'"django\.tasks\.backends\.immediate\.ImmediateBackend"', f'"{OURS}.RunsAtOnce"'),
    # They expect a backend without a database.
    (r"\bSimpleTestCase\b", "TransactionTestCase"),
    (r"TransactionTestCase, TransactionTestCase", "TransactionTestCase"),
    (r"\n    available_apps = \[\]", ""),
]
#: The package has other names for two errors, and its own name everywhere.
FOR_THE_PACKAGE = [
    (r"\bInvalidTaskBackend\b", "InvalidTaskBackendError"),
    (r"\bInvalidTask\b", "InvalidTaskError"),
    (r"\bdjango\.tasks\b", "django_tasks"),
    (r"support async Tasks", "support async tasks"),
]

#: Tests that Headway does not pass, with the reason. docs/tasks.md has them in words.
DIFFERENCES = {
    "test_throws_keyboard_interrupt": "a worker outlives what a task raises, and has it fail",
    "test_cannot_get_result": "results can be read",
    "test_cannot_refresh_result": "results can be refreshed",
    "test_cannot_pass_run_after": "run_after is taken",
    "test_refresh_result": "the test writes into the dummy's memory",
    "test_refresh_result_async": "the test writes into the dummy's memory",
}
#: Only of this class: another has tests of the same names, which pass.
ONLY_IN = dict.fromkeys(("test_refresh_result", "test_refresh_result_async"), "DummyBackendTestCase")
#: Tests of what Django's own package does and the package for older Djangos does not.
NOT_IN_THE_PACKAGE = {
    "test_pickle_task",
    "test_pickle_task_result",
    "test_unpickle_arbitrary_string",
    "test_unpickle_non_task_object",
    "test_run_after_in_decorator",
}
MODULES = ("test_tasks", "test_dummy_backend", "test_immediate_backend")


class _Adapted(MetaPathFinder, Loader):
    """Imports the package `tasks` of Django's tests, with the changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] != "tasks":
            return None
        return spec_from_loader(name, self, is_package=name == "tasks")

    def exec_module(self, module: ModuleType) -> None:
        inside = module.__name__.replace(".", "/")
        file = self._folder / (f"{inside}/__init__.py" if module.__name__ == "tasks" else f"{inside}.py")
        text = file.read_text()
        for pattern, instead in CHANGES + ([] if IS_DJANGOS else FOR_THE_PACKAGE):
            text = re.sub(pattern, instead, text)
        exec(compile(text, str(file), "exec"), vars(module))  # noqa: S102 - Django's, by the lock's hash


@pytest.fixture(scope="module")
def djangos() -> Iterator[dict[str, type[unittest.TestCase]]]:
    """The classes of Django's tests by their names."""
    finder = _Adapted(task_tests())
    sys.meta_path.insert(0, finder)
    try:
        with override_settings(TASKS={"default": {"BACKEND": f"{OURS}.Keeps", "QUEUES": []}}):
            modules = [__import__(f"tasks.{name}", fromlist=["_"]) for name in MODULES]
        yield {
            name: each
            for module in modules
            for name, each in vars(module).items()
            if isinstance(each, type) and issubclass(each, unittest.TestCase) and each.__module__ == module.__name__
        }
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "tasks"]:
            del sys.modules[name]


@pytest.mark.django_db(transaction=True)
def test_djangos_own_tests_pass_but_for_the_differences(
    djangos: dict[str, type[unittest.TestCase]],
    settings: Settings,
    conf: OwnConf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    monkeypatch.setattr(registry._registry, "more_queues", set())
    # Some of them call what is not async from async code, which only a backend without a database allows.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    passed, failed, expected = [], {}, set()
    try:
        for class_name, case in djangos.items():
            for name in unittest.defaultTestLoader.getTestCaseNames(case):
                if not IS_DJANGOS and name in NOT_IN_THE_PACKAGE:
                    continue
                result = unittest.TestResult()
                # With its class set up, and torn down.
                unittest.TestSuite([case(name)]).run(result)
                problems = [text for _, text in (*result.failures, *result.errors)]
                if name in DIFFERENCES and ONLY_IN.get(name, class_name) == class_name:
                    assert problems, f"{class_name}.{name} passes: it is no difference any more"
                    expected.add(name)
                elif problems:
                    failed[f"{class_name}.{name}"] = problems[0]
                else:
                    passed.append(name)
    finally:
        for name in registering._tasks:
            pipelines.forget(name)
    assert not failed, "\n\n".join(f"{name}\n{text}" for name, text in failed.items())
    assert expected == set(DIFFERENCES)
    assert len(passed) > 60


def test_the_docs_name_each_difference() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "tasks.md").read_text()
    for name in DIFFERENCES:
        assert f"`{name}`" in page, name
