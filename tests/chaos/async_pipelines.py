"""The async pipelines that chaos runs."""

from __future__ import annotations

import asyncio
from typing import Any

from core.attempt.async_context import AsyncJobContext
from core.pipelines import pipeline
from tests.chaos.expected import STEPS, oracle
from tests.chaos.pipelines import StepsForm, signature
from tests.pipelines import write_effect


@pipeline(title="Three steps that wait", form=StepsForm, max_attempts=60, max_crashes=60, is_listed=False)
async def chaos_async(ctx: AsyncJobContext, seconds: float) -> dict[str, Any]:
    """Do what `chaos_steps` does, and wait before each step without a thread."""
    (ctx.scratch / "work").write_text("temporary")
    for number, key in enumerate(STEPS):
        await ctx.progress(number, len(STEPS), note=signature(ctx.sync))
        await asyncio.sleep(seconds)
        await ctx.step(key, write_effect, ctx.sync, key, 0, atomic=True)
    made = ctx.folder / "result.txt"
    made.write_text(oracle(ctx.job_id))
    await ctx.add_artifact(made)
    return {"fence": ctx.fence}
