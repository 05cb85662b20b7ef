"""Pipelines whose functions never look whether they may go on."""

from __future__ import annotations

import time

from core.context import JobContext
from core.pipelines import pipeline
from tests.pipelines import CountForm


@pipeline(title="Sleep", form=CountForm, is_listed=False)
def sleep(ctx: JobContext, count: int, seconds: float | None) -> str:
    """Sleep at the first attempts, and call nothing of the context; end at once at later ones."""
    if ctx.fence <= count:
        time.sleep(seconds or 0)
    return "slept"
