"""docs/tasks.md shows what works: each of its examples runs as it is written, one after the other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from actors.task_backend import HeadwayBackend, options, registering
from actors.task_backend.api import IS_DJANGOS
from core import pipelines, testing
from core.models import Job
from core.pipelines import registry

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tasks.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module `shop.tasks` that the page writes."""
    monkeypatch.setattr(registry._registry, "more_queues", set())
    made = ModuleType("shop.tasks")
    monkeypatch.setitem(sys.modules, "shop.tasks", made)
    yield made
    for name in registering._tasks:
        pipelines.forget(name)


@pytest.mark.django_db
def test_the_examples_run_as_they_are_written(
    module: ModuleType, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = vars(module)
    names |= {"user": User.objects.create_user("alice"), "Group": Group}
    for code in EXAMPLES:
        if not IS_DJANGOS:
            code = code.replace("from django.tasks", "from django_tasks")
        exec(compile(code, "docs/tasks.md", "exec"), names)  # noqa: S102 - the page is ours
        if code.startswith("TASKS"):
            settings.TASKS = names["TASKS"]
        printed = capsys.readouterr().out
        for line in code.splitlines():
            if "print(" in line and "  # " in line:
                assert line.partition("  # ")[2] in printed
        testing.drain()
    assert pipelines.find("shop_tasks_send_receipt") is not None
    assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}
    assert names["count_stock"].get_result(names["counted"].id).return_value == {"counted": 6}
    assert names["fetch_prices"].get_result(names["prices"].id).return_value == 2
    assert Job.objects.get(owner=names["user"]).subject == names["order"]


def test_the_page_has_every_option_and_the_path() -> None:
    table = PAGE.partition("## Reference")[2]
    for name in options._FOR_ALL:
        assert f"`{name}`" in table, name
    assert f"`actors.task_backend.{HeadwayBackend.__name__}`" in table
