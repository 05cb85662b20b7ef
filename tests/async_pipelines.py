"""Async pipelines for tests and benchmarks."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from django import forms

from core.attempt.async_context import AsyncJobContext
from core.forms import PipelineForm
from core.pipelines import pipeline
from tests.pipelines import write_effect


class ServerForm(PipelineForm):
    """Where the slow server is."""

    port = forms.IntegerField()


@pipeline(title="Wait for a server", form=ServerForm, is_listed=False)
async def wait_for_server(ctx: AsyncJobContext, port: int) -> int:
    """Ask the server, and do one step with its answer."""
    await ctx.progress(0, 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    await ctx.progress(1, 1)
    return await ctx.step("answer", write_effect, ctx.sync, "answer", 0, atomic=True) + len(answer)


class SignForm(PipelineForm):
    """The file that lets it go on."""

    sign = forms.CharField()


@pipeline(title="Block the event loop", form=SignForm, is_listed=False)
async def block_loop(ctx: AsyncJobContext, sign: str) -> None:
    """Do what no async function may."""
    while not Path(sign).exists():
        time.sleep(0.05)


@pipeline(title="Hold the interpreter on the event loop", form=SignForm, is_listed=False)
async def hold_interpreter(ctx: AsyncJobContext, sign: str) -> None:
    """Backtrack for longer than anybody waits, at the first attempt."""
    if ctx.attempt == 1:
        Path(sign).touch()
        re.match(r"(a|a)*b", "a" * 60)
