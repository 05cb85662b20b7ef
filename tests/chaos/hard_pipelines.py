"""Pipelines with one bad habit each: they kill, eat, don't listen, wait for a sign, or are limited."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from django import forms

from core.attempt.context import JobContext
from core.attempt.datasets import publish_dataset
from core.errors import JobStopped
from core.forms import PipelineForm, UploadField
from core.limits import Rate
from core.pipelines import pipeline
from tests.chaos.expected import STEPS, oracle
from tests.chaos.pipelines import Deaf
from tests.child_functions import eat, sleep_deeply
from tests.pipelines import write_effect
from tests.services.waiting import wait_until

#: Bytes of memory that the greedy job may use, and that it tries to use.
MAY_USE_BYTES, WANTED_BYTES = 250 * 1024**2, 1500 * 1024**2
#: Starts a second that the limited pipeline is allowed.
RATE = 100
#: Seconds that a job waits for its sign at most.
SIGN_SECONDS = 180.0
#: Seconds that one which hangs may take.
HUNG_SECONDS = 3.0


@pipeline(title="Kill the worker, each time", is_listed=False)
def chaos_suicide(ctx: JobContext) -> None:
    """End the whole process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@pipeline(title="Use too much memory", max_attempts=60, max_crashes=60, is_listed=False)
def chaos_greedy(ctx: JobContext) -> None:
    """Go over the memory that a child process may use. That others kill its worker is not its fault."""
    ctx.run_in_child(eat, memory_bytes=MAY_USE_BYTES, bytes_wanted=WANTED_BYTES)


class DeafForm(PipelineForm):
    """How long it does not listen."""

    seconds = forms.FloatField(min_value=0)


@pipeline(title="Don't listen", form=DeafForm, is_listed=False)
def chaos_deaf(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Ask nobody whether to go on; the attempt after a hand-back is short."""
    if ctx.fence == 1:
        time.sleep(seconds)
    for key in STEPS:
        ctx.step(key, write_effect, ctx, key, 0, atomic=True)
    return {"fence": ctx.fence}


class ChildForm(PipelineForm):
    """How long its child process works."""

    seconds = forms.FloatField(min_value=0)


@pipeline(title="Work in a child", form=ChildForm, is_listed=False)
def chaos_child(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Work in a child process that can't be interrupted; the attempt after a hand-back is short."""
    ctx.run_in_child(sleep_deeply, seconds=seconds if ctx.fence == 1 else 0.0)
    for key in STEPS:
        ctx.step(key, write_effect, ctx, key, 0, atomic=True)
    return {"fence": ctx.fence}


class RaceForm(PipelineForm):
    """How long each of its parts takes."""

    seconds = forms.FloatField(min_value=0)


@pipeline(title="Make all that a job can make", form=RaceForm, is_listed=False)
def chaos_race(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Steps, a dataset, a file and a result, with the same time between each."""
    for key in STEPS:
        ctx.step(key, write_effect, ctx, key, seconds, atomic=True)
    time.sleep(seconds)
    ctx.step("dataset", _publish, ctx, atomic=True)
    made = ctx.folder / "result.txt"
    made.write_text(oracle(ctx.job_id))
    time.sleep(seconds)
    ctx.add_artifact(made)
    time.sleep(seconds)
    return {"fence": ctx.fence}


def _publish(ctx: JobContext) -> int:
    return publish_dataset(
        ctx,
        columns=[{"name": "number", "type": "integer"}],
        name=f"of job {ctx.job_id}",
        parquet_path=ctx.key(ctx.folder / "data.parquet"),
    )


class SignForm(PipelineForm):
    """The file that lets it go on."""

    sign = forms.CharField()


@pipeline(title="Write a file when told", form=SignForm, max_attempts=200, max_crashes=60, is_listed=False)
def chaos_patient(ctx: JobContext, sign: str) -> dict[str, Any]:
    """Do the steps, wait for the sign, then publish the file."""
    for key in STEPS:
        ctx.step(key, write_effect, ctx, key, 0, atomic=True)
    wait_until(Path(sign).exists, SIGN_SECONDS, f"{sign} to let the job go on", every=0.02)
    made = ctx.folder / "result.txt"
    made.write_text(oracle(ctx.job_id))
    ctx.add_artifact(made)
    return {"fence": ctx.fence}


@pipeline(title="Hang until told", form=SignForm, is_listed=False)
def chaos_hung(ctx: JobContext, sign: str) -> dict[str, Any]:
    """Listen to nobody until the sign comes, and then try to write."""
    return _hang(ctx, Path(sign))


@pipeline(title="Hang until told, with a limit", form=SignForm, time_limit=HUNG_SECONDS, is_listed=False)
def chaos_hung_limited(ctx: JobContext, sign: str) -> dict[str, Any]:
    """The same, for some seconds."""
    return _hang(ctx, Path(sign))


def _hang(ctx: JobContext, sign: Path) -> dict[str, Any]:
    wait_until(sign.exists, SIGN_SECONDS, f"{sign} to let the job go on", every=0.05)
    ctx._own.__class__ = Deaf
    made = ctx.folder / "result.txt"
    made.write_text("too late")
    answers = []
    for write in (
        lambda: ctx.step(STEPS[0], write_effect, ctx, STEPS[0], 0, atomic=True),
        lambda: ctx.log(f"fence {ctx.fence}"),
        lambda: ctx.add_artifact(made),
    ):
        try:
            write()
            answers.append("accepted")
        except JobStopped:
            answers.append("refused")
    part = sign.with_name(f"{sign.name}.{ctx.job_id}.part")
    part.write_text(json.dumps(answers))
    part.rename(part.with_suffix(".json"))
    return {"fence": ctx.fence}


class EchoForm(PipelineForm):
    """A file."""

    file = UploadField(accept=".txt")


@pipeline(title="Tell what was uploaded", form=EchoForm, max_attempts=200, max_crashes=60, is_listed=False)
def chaos_echo(ctx: JobContext) -> dict[str, Any]:
    """Tell the size and the first character of the file: one that is cut off can't hide."""
    for key in STEPS:
        ctx.step(key, write_effect, ctx, key, 0, atomic=True)
    text = ctx.file("file").path.read_text()
    return {"fence": ctx.fence, "size": len(text), "is_even": set(text) == set(text[:1])}


@pipeline(title="Start under a limit", limits=[Rate(f"{RATE}/s")], is_listed=False)
def chaos_limited(ctx: JobContext) -> dict[str, Any]:
    """Nothing but a start."""
    return {"fence": ctx.fence}
