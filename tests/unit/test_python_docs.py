"""docs/python.md shows what works: each of its examples runs as it is written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import Group, User

from core import jobs, pipelines, signals
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.forms import PipelineForm, UploadField
from core.life import end_signals
from core.models import Job
from core.pipelines import pipeline
from tests.configuration import OwnConf

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"\n## ([^\n]+)\n|```python\n(.*?)```", PAGE, flags=re.DOTALL)


def examples() -> Iterator[Any]:
    """Each example with the heading that it stands under."""
    heading, number = "", 0
    for title, code in EXAMPLES:
        if title:
            heading, number = title, 0
        else:
            number += 1
            yield pytest.param(code, id=f"{heading} {number}")


class LettersForm(PipelineForm):
    """A text, and how often it is counted."""

    text = forms.CharField()
    times = forms.IntegerField(initial=1, min_value=1)


class LinesForm(PipelineForm):
    """A file."""

    file = UploadField(accept=".txt")


@pytest.fixture(autouse=True)
def counting() -> Iterator[None]:
    """The pipelines that the page names."""

    @pipeline(title="Count letters", form=LettersForm)
    def count_letters(ctx: JobContext, text: str, times: int) -> dict[str, int]:
        return {"letters": len(text) * times}

    @pipeline(title="Count lines", form=LinesForm)
    def count_lines(ctx: JobContext) -> int:
        return len(ctx.file("file").path.read_text().splitlines())

    yield
    for name in ("count_letters", "count_lines", "count_two"):
        pipelines.forget(name)


def work() -> None:
    """Run all that is queued."""
    attempts = Attempts(worker="here:1")
    while pks := list(Job.objects.filter(state="queued").order_by("-pk").values_list("pk", flat=True)):
        for pk in pks:
            attempts.run(pk)


@pytest.fixture
def names(transactional_db: None, conf: OwnConf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples find there already, and a worker that is at hand when something is waited for."""
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    monkeypatch.setattr("core.jobs.time.sleep", lambda _: work())
    return {"user": User.objects.create_user("alice"), "Group": Group, "folder": tmp_path}


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_runs_as_it_is_written(code: str, names: dict[str, Any]) -> None:
    receivers = list(signals.job_ended.receivers), list(signals.job_failed.receivers)
    try:
        exec(compile(code, "docs/python.md", "exec"), names)  # noqa: S102  the page is ours
        if "count_two" in names:
            job = jobs.submit("count_two", owner=names["user"])
            work()
            assert jobs.get(job.pk).result == {"letters": 10}
        if "tell_the_shop" in names:
            jobs.submit("count_letters", owner=names["user"], params={"text": "hello"})
            work()
            assert end_signals.send_due() == 1
    finally:
        signals.job_ended.receivers, signals.job_failed.receivers = receivers
    work()
    assert set(Job.objects.values_list("state", flat=True)) <= {"succeeded", "scheduled"}


def test_what_an_example_prints_is_what_it_says(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    for code in (each.values[0] for each in examples()):
        lines = [line for line in str(code).splitlines() if "print(" in line and "  # " in line]
        if not lines or "…" in "".join(lines[:1]):
            continue
        exec(compile(str(code), "docs/python.md", "exec"), dict(names))  # noqa: S102  the page is ours
        printed = capsys.readouterr().out
        for line in lines:
            assert line.partition("  # ")[2].partition("…")[0].strip() in printed


def test_the_reference_has_every_name_and_its_arguments() -> None:
    table = PAGE.partition("## Reference")[2].partition("\n## ")[0]
    for name in ("submit", "submit_many", "get", "wait", "cancel", "retry"):
        documented = re.search(rf"^\| `{name}\(([^`]*)\)` \|", table, flags=re.MULTILINE)
        assert documented, name
        parameters = inspect.signature(getattr(jobs, name)).parameters
        shown = [part.split("=")[0].strip() for part in documented[1].replace("*, ", "").split(", ")]
        assert len(shown) == len(parameters), name
        assert name == "get" or shown == list(parameters)
    for name in jobs.__all__:
        assert re.search(rf"\b{name}\b", PAGE), name
