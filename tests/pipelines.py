"""Pipelines for tests: small, and each with one behaviour to look at."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from django import forms
from django.db import connection

from core.attempt.context import JobContext
from core.errors import PermanentError
from core.forms import PipelineForm, UploadField
from core.limits import Rate
from core.pipelines import pipeline
from tests.child_functions import sum_slowly


class CountForm(PipelineForm):
    """How much a test wants."""

    count = forms.IntegerField(initial=10, min_value=0)
    seconds = forms.FloatField(initial=0.0, required=False, min_value=0)


@pipeline(title="Do nothing", is_listed=False)
def noop(ctx: JobContext) -> None:
    """End at once."""


@pipeline(title="Count", form=CountForm, stages=("count",), is_listed=False)
def count(ctx: JobContext, count: int, seconds: float | None) -> dict[str, Any]:
    """Count up, waiting a while at each number."""
    ctx.stage("count")
    for _ in ctx.track(range(count), unit="numbers"):
        time.sleep(seconds or 0)
    return {"headline": f"Counted to {count}"}


@pipeline(title="Three steps", form=CountForm, max_attempts=60, max_crashes=60, is_listed=False)
def three_steps(ctx: JobContext, count: int, seconds: float | None) -> dict[str, Any]:
    """Write one effect a step, in the step's own transaction."""
    total = 0
    for key in ("first", "second", "third"):
        total += ctx.step(key, write_effect, ctx, key, seconds or 0, atomic=True)
    return {"total": total}


class SignForm(PipelineForm):
    """The file that lets it go on."""

    sign = forms.CharField()


@pipeline(title="Steps, held after the first", form=SignForm, is_listed=False)
def held_steps(ctx: JobContext, sign: str) -> None:
    """Do the first of three steps, wait for the sign, do the others."""
    ctx.step("first", write_effect, ctx, "first", 0, atomic=True)
    wait_for_sign(ctx, sign)
    for key in ("second", "third"):
        ctx.step(key, write_effect, ctx, key, 0, atomic=True)


def wait_for_sign(ctx: JobContext, sign: str) -> None:
    """Return when the file is there; who cancels or stops the attempt ends it before."""
    while not Path(sign).exists():
        time.sleep(0.05)
        ctx.check()


def write_effect(ctx: JobContext, step: str, seconds: float) -> int:
    time.sleep(seconds)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO test_effect (job_id, step, fence) VALUES (%s, %s, %s)", [ctx.job_id, step, ctx.fence]
        )
    return 1


@pipeline(title="Fail", form=CountForm, max_attempts=3, is_listed=False)
def fail(ctx: JobContext, count: int, seconds: float | None) -> None:
    """Raise: for good when the count is 0, else until that attempt."""
    if count == 0:
        raise PermanentError("line 3: this can't be read; mend it and upload it again")
    if ctx.attempt <= count:
        raise ValueError(f"attempt {ctx.attempt} went wrong")


@pipeline(title="Kill the worker", form=CountForm, is_listed=False)
def kill_worker(ctx: JobContext, count: int, seconds: float | None) -> dict[str, int]:
    """Kill its own process for the first attempts."""
    if ctx.attempt <= count:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"attempt": ctx.attempt}


@pipeline(title="Work in a child", form=CountForm, is_listed=False)
def in_child(ctx: JobContext, count: int, seconds: float | None) -> dict[str, int]:
    """Count in a child process that cannot be interrupted from within."""
    return {"sum": ctx.run_in_child(sum_slowly, count=count, seconds=seconds or 0)}


class FileForm(PipelineForm):
    """A file."""

    file = UploadField(accept=".txt")
    upper = forms.BooleanField(required=False)


@pipeline(title="Copy a file", form=FileForm, stages=("copy",), is_listed=False)
def copy_file(ctx: JobContext, upper: bool) -> dict[str, Any]:
    """Copy the file's text into an artifact."""
    source = ctx.file("file")
    ctx.stage("copy")
    text = source.path.read_text()
    target = ctx.folder / "copy.txt"
    target.write_text(text.upper() if upper else text)
    ctx.add_artifact(target, title="The copy")
    return {"headline": f"Copied {source.name}", "facts": [["Characters", len(text)]]}


class SplitForm(PipelineForm):
    """How many parts, and which of them fail."""

    parts = forms.IntegerField(initial=3, min_value=0)
    seconds = forms.FloatField(initial=0.0, required=False, min_value=0)
    failing = forms.CharField(required=False)
    depth = forms.IntegerField(initial=1, min_value=1)
    #: A file: no part ends before it is there.
    sign = forms.CharField(required=False)


@pipeline(
    title="Split", form=SplitForm, stages=("plan", "parts", "sum"), max_attempts=60, max_crashes=60, is_listed=False
)
def split(
    ctx: JobContext, parts: int, seconds: float | None, failing: str, depth: int, sign: str = ""
) -> dict[str, Any]:
    """Plan in a step, run a child a number, and add up what those that did not fail returned."""
    ctx.stage("plan")
    plan = ctx.step("plan", write_effect_of, ctx, "plan", parts, atomic=True)
    ctx.stage("parts")
    bad = {int(number) for number in failing.split(",") if number}
    of_all = {"seconds": seconds or 0, "depth": depth - 1, "parts": parts, "sign": sign}
    items = [{**of_all, "number": number, "fails": number in bad} for number in range(plan)]
    results = ctx.fan_out("parts", run_part, items, title="The parts", weights=[2.0] * plan, unit="numbers")
    ctx.stage("sum")
    total = ctx.step(
        "sum", write_effect_of, ctx, "sum", sum(child.result for child in results if child.succeeded), atomic=True
    )
    return {"headline": f"{total} in all", "total": total, "failed": [child.index for child in results.failed]}


@pipeline(title="Split, all or nothing", form=SplitForm, is_listed=False)
def split_strictly(ctx: JobContext, parts: int, seconds: float | None, failing: str, depth: int, sign: str = "") -> int:
    """Fail when a part fails: its retry runs that part again."""
    bad = {int(number) for number in failing.split(",") if number}
    items = [{"number": number, "seconds": 0, "fails": number in bad, "depth": 0} for number in range(parts)]
    return sum(ctx.fan_out("parts", run_part, items).values())


def run_part(ctx: JobContext, item: dict[str, Any]) -> int:
    """One part: its number, or the sum of its own parts when it is to split further."""
    (ctx.folder / "part.txt").write_text(str(item["number"]))
    write_effect_of(ctx, f"part-{item['number']}", 0)
    ctx.progress(1, 2, unit="numbers")
    ends = time.monotonic() + item["seconds"]
    while time.monotonic() < ends:
        time.sleep(0.05)
        ctx.check()
    if sign := item.get("sign"):
        wait_for_sign(ctx, sign)
    if item["fails"] and ctx.attempt <= 2:
        raise PermanentError(f"number {item['number']} can't be counted")
    if item["depth"]:
        deeper = [{**item, "number": number, "depth": item["depth"] - 1} for number in range(item["parts"])]
        return sum(ctx.fan_out("deeper", run_part, deeper).values())
    ctx.progress(2, 2)
    return int(item["number"])


def write_effect_of(ctx: JobContext, step: str, value: int) -> int:
    """Note that a step ran, and return the value."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO test_effect (job_id, step, fence) VALUES (%s, %s, %s)", [ctx.job_id, step, ctx.fence]
        )
    return value


@pipeline(title="Paced", limits=[Rate("20/s")], is_listed=False)
def paced(ctx: JobContext) -> None:
    """Start twenty times a second at most."""


class OthersForm(PipelineForm):
    """How far the first one counts."""

    count = forms.IntegerField()


@pipeline(title="Run others", form=OthersForm, is_listed=False)
def run_others(ctx: JobContext, count: int) -> list[str]:
    """Run another pipeline twice, one after the other, by its name."""
    numbers = ctx.step("numbers", lambda: [count, count + 1])
    return [ctx.run("count", {"count": number}, key=f"count-{number}")["headline"] for number in numbers]
