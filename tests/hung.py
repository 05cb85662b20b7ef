"""Pipelines whose functions can't be interrupted: they sleep, wait for a socket, or hold the interpreter."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from django import forms

from core.attempt.context import JobContext
from core.forms import PipelineForm
from core.pipelines import pipeline
from tests.pipelines import write_effect

#: Seconds that a limited one may take.
LIMIT_SECONDS = 2.0


class HowForm(PipelineForm):
    """How it hangs, at its first so many attempts."""

    how = forms.ChoiceField(choices=[(how, how) for how in ("sleep", "socket", "regex", "nothing")])
    times = forms.IntegerField(initial=1)
    waits = forms.FloatField(initial=0.0, required=False)


@pipeline(title="Hang", form=HowForm, is_listed=False)
def hang(ctx: JobContext, how: str, times: int, waits: float | None) -> dict[str, Any]:
    """Do something that does not end, and then what nobody may see."""
    return _hang(ctx, how, times, waits or 0)


@pipeline(title="Hang, with a limit", form=HowForm, time_limit=LIMIT_SECONDS, is_listed=False)
def hang_limited(ctx: JobContext, how: str, times: int, waits: float | None) -> dict[str, Any]:
    """The same, for two seconds."""
    return _hang(ctx, how, times, waits or 0)


def _hang(ctx: JobContext, how: str, times: int, waits: float) -> dict[str, Any]:
    if ctx.attempt <= times:
        # A beat or two first: whoever looks has seen it begin.
        time.sleep(waits)
        _HOW[how]()
        ctx.step("late", write_effect, ctx, "late", 0, atomic=True)
    return {"fence": ctx.fence}


def _sleep() -> None:
    time.sleep(1000)


def _hear_nothing() -> None:
    ours, theirs = socket.socketpair()
    with closing(theirs), closing(ours):
        ours.recv(1)


def _backtrack() -> None:
    """Hold the interpreter: the time doubles with each letter, and nothing interrupts it."""
    re.match(r"(a|a)*b", "a" * 60)


_HOW: dict[str, Callable[[], None]] = {
    "sleep": _sleep,
    "socket": _hear_nothing,
    "regex": _backtrack,
    "nothing": lambda: None,
}
