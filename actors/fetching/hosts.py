"""The hosts that one job fetches from: how much each is asked at once, and how long it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import WaitRequested
from .policy import Policy

#: Seconds up to which a server's wait is waited for in line; a longer one gives the job's thread back.
LONGEST_WAIT_SECONDS = 30.0


class Hosts:
    """Shared by the files of one job. Used in its event loop alone."""

    def __init__(self, policy: Policy) -> None:
        self._at_once = asyncio.Semaphore(policy.at_once)
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(policy.per_host))
        self._rest_until: dict[str, float] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Hold one of the host's places for a request and its answer, when it may be asked."""
        async with self._slots[host]:
            while (seconds := self._rest_until.get(host, 0.0) - time.monotonic()) > 0:
                if seconds > LONGEST_WAIT_SECONDS:
                    raise WaitRequested(f"{host} asked to wait {seconds:,.0f} seconds.", seconds=seconds)
                await asyncio.sleep(seconds)
            # Taken last: files that wait for a busy host keep no place from those of another.
            async with self._at_once:
                yield

    def rest(self, host: str, seconds: float) -> None:
        """Leave the host alone for so long."""
        self._rest_until[host] = max(self._rest_until.get(host, 0.0), time.monotonic() + seconds)
