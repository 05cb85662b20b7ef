"""Pipelines whose functions never look whether they may go on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from core.attempt.context import JobContext
from core.pipelines import pipeline
from tests.pipelines import CountForm


@pipeline(title="Sleep", form=CountForm, is_listed=False)
def sleep(ctx: JobContext, count: int, seconds: float | None) -> str:
    """Sleep at the first attempts, and call nothing of the context; end at once at later ones.

    In a pool of its own, whose threads the interpreter waits for at its end.
    """
    if ctx.fence <= count:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(time.sleep, seconds or 0).result()
    return "slept"
