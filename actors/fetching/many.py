"""The files of one job, fetched at once in the attempt's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from core.errors import PermanentError

from .errors import Unreachable, WaitRequested
from .fetching import Fetched, Wanted, fetch
from .hosts import Hosts
from .policy import Policy

#: Seconds between two checks whether the attempt may go on.
POLL_SECONDS = 0.2


class Attempt(Protocol):
    """What is asked of a job's attempt: to show how far it is, and to raise when it may not go on."""

    def check(self) -> None: ...

    def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None: ...


#: What a file that was not fetched ended with.
Failure = PermanentError | Unreachable | WaitRequested


def fetch_many(
    ctx: Attempt,
    files: Sequence[Wanted],
    *,
    policy: Policy,
    on_fetched: Callable[[Wanted, Fetched | None], None],
) -> dict[str, Failure]:
    """Fetch the files and return, by their keys, why some were not fetched.

    `on_fetched` is called for each as soon as it is there, and may use the database: the event loop stands still
    then. What stops the attempt stops all files within a second.
    """
    failures: dict[str, Failure] = {}
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        hosts = Hosts(policy)
        tasks = {loop.create_task(fetch(each, policy=policy, hosts=hosts)): each for each in files}
        live = set(tasks)
        while live:
            _show(ctx, files, done=len(files) - len(live))
            ended, live = runner.run(_ended(live))
            for task in sorted(ended, key=lambda task: tasks[task].key):
                try:
                    fetched = task.result()
                except (PermanentError, Unreachable, WaitRequested) as error:
                    failures[tasks[task].key] = error
                else:
                    on_fetched(tasks[task], fetched)
        _show(ctx, files, done=len(files))
    return failures


async def _ended(
    live: set[asyncio.Task[Fetched | None]],
) -> tuple[set[asyncio.Task[Fetched | None]], set[asyncio.Task[Fetched | None]]]:
    return await asyncio.wait(live, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)


def _show(ctx: Attempt, files: Sequence[Wanted], *, done: int) -> None:
    """Say how far the files are, and stop when the attempt may not go on."""
    arrived = sum(each.partial.size for each in files)
    totals = [each.total for each in files]
    total = None if None in totals else sum(size for size in totals if size is not None)
    note = f"{done} of {len(files)} files" if len(files) > 1 else ""
    ctx.progress(arrived, total, unit="bytes", note=note)
    ctx.check()
