"""The life of one file that is fetched, told once.

1. The request is for the whole file, for a changed one only, or for the rest when a part has arrived before.
2. What arrives is counted, hashed and written. Every second it is made safe on the disk.
3. After a broken line, a silent or an overloaded server, the request is repeated. The pauses grow, with full jitter.
   It is for the rest if the server takes ranges of the very same content, else for the whole.
4. A server's `Retry-After` is obeyed: a short one by waiting here, a longer one by the job.
5. When all has arrived and is a table, the file gets its name. Caps of size, silence and time hold throughout.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from core import formatting
from core.files import storage

from . import answers
from .addresses import Address
from .asking import Answer, ask
from .errors import Unfetchable, Unreachable, WaitRequested
from .hosts import LONGEST_WAIT_SECONDS, Hosts
from .partial import Origin, Partial
from .policy import Policy

#: Tries in a row that bring nothing, and tries in all, after which a file is given up.
TRIES = 5
MOST_TRIES = 100
#: The longest pause after the first failure, and after any; each is drawn between nothing and that.
BACKOFF_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 20.0
#: Seconds between two times that what has arrived is made safe.
KEEP_SECONDS = 1.0
#: Seconds of a server's wait beyond which nobody waits.
MOST_PATIENCE_SECONDS = 86_400.0
_TRIED_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


@dataclass(kw_only=True)
class Wanted:
    """One file to fetch."""

    key: str
    address: Address
    partial: Partial
    #: What the server called the content that is here already; empty to have it whole.
    etag: str = ""
    last_modified: str = ""
    #: Bytes of the whole file, as soon as they are known.
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A whole file, as it was sent."""

    path: Path
    name: str
    size: int
    sha256: str
    etag: str
    last_modified: str
    #: The charset that the server gave the file, or nothing.
    charset: str = ""


async def fetch(wanted: Wanted, *, policy: Policy, hosts: Hosts) -> Fetched | None:
    """Return the file, or None when the server says that it has not changed.

    Raise Unfetchable, Unreachable when all tries have failed, or WaitRequested.
    """
    try:
        return await _Fetch(wanted, policy, hosts).run()
    finally:
        wanted.partial.close()


def pause_seconds(failures: int) -> float:
    """Return the seconds before the next try: doubling up to the cap, with full jitter."""
    return random.uniform(0, min(BACKOFF_SECONDS * 2.0**failures, BACKOFF_CAP_SECONDS))


class _Fetch:
    def __init__(self, wanted: Wanted, policy: Policy, hosts: Hosts) -> None:
        self.wanted = wanted
        self.partial = wanted.partial
        self.policy = policy
        self.hosts = hosts
        self._cap: asyncio.Timeout | None = None

    async def run(self) -> Fetched | None:
        try:
            async with asyncio.timeout(None) as self._cap:
                return await self._try()
        except TimeoutError as error:
            raise Unfetchable(
                f"{self.wanted.address.label} took longer than the {self.policy.seconds:,.0f} seconds that one file "
                "may take."
            ) from error

    async def _try(self) -> Fetched | None:
        failures = 0
        for _ in range(MOST_TRIES):
            before = self.partial.size
            try:
                return await self._once()
            except Unreachable as error:
                if self.partial.size:
                    await asyncio.to_thread(self.partial.keep)
                failures = 1 if self.partial.size > before else failures + 1
                if failures >= TRIES:
                    raise
                await self._pause(error, failures)
        raise Unreachable(f"{self.wanted.address.label} broke off {MOST_TRIES} times.")

    async def _pause(self, error: Unreachable, failures: int) -> None:
        """Wait as long as the server asked to; else a while of our own."""
        wait = error.wait_seconds
        if not wait:
            await asyncio.sleep(pause_seconds(failures))
        elif wait > MOST_PATIENCE_SECONDS:
            raise Unfetchable(f"{error} That is longer than a day: try again then.") from error
        else:
            self.hosts.rest(error.host or self.wanted.address.host, wait)
            if wait > LONGEST_WAIT_SECONDS:
                raise WaitRequested(str(error), seconds=wait) from error

    async def _once(self) -> Fetched | None:
        """Ask once for the rest, if a part is here; from the start when the server won't go on there."""
        origin = self.partial.origin
        if origin is not None and self.partial.is_resumable:
            headers = {"Range": f"bytes={self.partial.size}-", "If-Range": origin.validator}
            async with self._request(headers) as answer:
                if answer.status == httpx2.codes.PARTIAL_CONTENT and _continues(answer, self.partial, origin):
                    return await self._receive(answer, origin)
                if answer.status == httpx2.codes.OK:
                    return await self._begin(answer)
                if answer.status not in (httpx2.codes.PARTIAL_CONTENT, httpx2.codes.RANGE_NOT_SATISFIABLE):
                    raise _failure(answer)
            self.partial.reset()
        async with self._request(_conditions(self.wanted)) as answer:
            if answer.status == httpx2.codes.NOT_MODIFIED and (self.wanted.etag or self.wanted.last_modified):
                return None
            if answer.status != httpx2.codes.OK:
                raise _failure(answer)
            return await self._begin(answer)

    def _request(self, headers: dict[str, str]) -> AbstractAsyncContextManager[Answer]:
        return ask(self.wanted.address, headers, policy=self.policy, hosts=self.hosts, on_turn=self._start_clock)

    def _start_clock(self) -> None:
        # The time that a file waits for its turn is not its own.
        if self._cap is not None and self._cap.when() is None:
            self._cap.reschedule(asyncio.get_running_loop().time() + self.policy.seconds)

    async def _begin(self, answer: Answer) -> Fetched:
        origin = Origin.of(str(self.wanted.address), answer.headers, answers.content_length(answer.headers))
        self.partial.begin(origin)
        return await self._receive(answer, origin)

    async def _receive(self, answer: Answer, origin: Origin) -> Fetched:
        partial = self.partial
        answers.refuse_encoding(answer.address, answer.headers)
        length = answers.content_length(answer.headers)
        self.wanted.total = origin.total if length is None else partial.size + length
        self._refuse_large(self.wanted.total or 0)
        storage.refuse_when_full((self.wanted.total or partial.size) - partial.size)
        saved_at = time.monotonic()
        async for block in answer.body():
            self._refuse_large(partial.size + len(block))
            partial.append(block)
            if time.monotonic() - saved_at > KEEP_SECONDS:
                await asyncio.to_thread(partial.keep)
                saved_at = time.monotonic()
        if origin.total is not None and partial.size != origin.total:
            partial.reset()
            raise Unreachable(f"{answer.address.label} sent another number of bytes than it had said.")
        if not partial.size:
            raise Unfetchable(f"{answer.address.label} is empty: it has no bytes.")
        path, sha256 = await asyncio.to_thread(partial.finish)
        try:
            answers.refuse_pages(path, answer.address, answer.headers)
        except Unfetchable:
            path.unlink()
            raise
        return Fetched(
            path=path,
            name=answers.file_name(answer.address, answer.headers),
            size=partial.size,
            sha256=sha256,
            etag=origin.etag,
            last_modified=origin.last_modified,
            charset=answers.charset(answer.headers),
        )

    def _refuse_large(self, size: int) -> None:
        if size > self.policy.limit_bytes:
            limit = formatting.size(self.policy.limit_bytes)
            raise Unfetchable(f"{self.wanted.address.label} has more than the {limit} that one file may have.")


def _conditions(wanted: Wanted) -> dict[str, str]:
    # The date counts only where there is no better word for the content (RFC 9110, 13.1.3).
    if wanted.etag:
        return {"If-None-Match": wanted.etag}
    return {"If-Modified-Since": wanted.last_modified} if wanted.last_modified else {}


def _continues(answer: Answer, partial: Partial, origin: Origin) -> bool:
    """Whether the part that comes is the rest of the same content."""
    part = answers.content_range(answer.headers)
    if part is None or part[0] != partial.size or answer.headers.get("etag", origin.etag) != origin.etag:
        return False
    return part[2] is None or ((origin.total is None or part[2] == origin.total) and part[1] == part[2] - 1)


def _failure(answer: Answer) -> Exception:
    status = answers.status_in_words(answer.status, answer.reason)
    if answer.status in _TRIED_AGAIN:
        wait = answers.wait_seconds(answer.headers)
        wait_text = f", and asked to wait {wait:,.0f} seconds" if wait else ""
        message = f"{answer.address.label} answered {status}{wait_text}."
        return Unreachable(message, wait_seconds=wait, host=answer.address.host)
    return Unfetchable(f"{answer.address.label} answered {status}.")
