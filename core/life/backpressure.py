"""Backpressure: a submit is refused, with nothing stored, when its owner or the site has too much to do already.

One cheap statement reads it all. Only limits that are set are counted, and only up to the limit. Submits of the same
moment don't see each other, so a limit may be passed by as many as are accepted at once.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from core import formatting, pipelines
from core.conf import conf
from core.database import statements
from core.errors import Overloaded, TooMuch
from core.files import storage
from core.models.owners import as_column

#: Seconds after which to try again when the wait depends on how fast jobs end.
RUNNING_RETRY_SECONDS, QUEUED_RETRY_SECONDS, SITE_RETRY_SECONDS = 30.0, 60.0, 30.0
#: Seconds after which to try again when an operator has to make room.
STORED_RETRY_SECONDS = 3600.0
HOUR_SECONDS = 3600.0
#: More submits a second than any site gets. A count below the limit is valid until so many could have reached it.
FASTEST_SUBMITS = 10_000
#: Longest time in seconds that the count of the whole site is used again.
LONGEST_MEMORY_SECONDS = 60.0
#: Near a large limit a count is used again for a second per so many jobs: counting a million takes a while.
JOBS_A_SECOND_OF_MEMORY = 200_000


@dataclass
class _SiteQueue:
    """How many jobs the whole site had queued when this process counted last."""

    count: int = 0
    counted_at: float = 0.0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def claim_count(self, limit: int) -> bool:
        """Whether the caller has to count again: the nearer to the limit, the sooner, and one thread at a time."""
        with self._guard:
            good_seconds = max(limit - self.count, 0) / FASTEST_SUBMITS
            good_seconds = max(good_seconds, limit / JOBS_A_SECOND_OF_MEMORY)
            now = time.monotonic()
            if now - self.counted_at <= min(good_seconds, LONGEST_MEMORY_SECONDS):
                return False
            self.counted_at = now
            return True


_site = _SiteQueue(counted_at=float("-inf"))


@dataclass(frozen=True)
class _Pressure:
    """A row of `pressure.sql`."""

    is_repeat: bool
    now: float
    running: int
    queued: int
    #: Time, in epoch seconds, of the submit that has to be an hour old before the next one is accepted.
    oldest: float | None
    stored: int
    everybody: int


def check(owner_id: Any, *, key: str = "", incoming_bytes: int = 0, staged_bytes: int = 0, jobs: int = 1) -> None:
    """Raise TooMuch when this owner, Overloaded when the site can't take so many jobs and bytes more.

    A key that the owner has used is never refused: its job exists. Call it before reading a large upload, with the
    bytes to come. Call it again when the key is known, with the bytes that are on the disk by then and in no job of
    the owner's yet.
    """
    pressure = _measure(owner_id, key=key, jobs=jobs)
    if pressure.is_repeat:
        return
    _refuse_owner(pressure, incoming_bytes=incoming_bytes + staged_bytes, jobs=jobs)
    limit = conf.QUEUED_LIMIT
    if limit and _site.count + jobs > limit:
        raise Overloaded(
            f"The site has {_site.count:,} jobs queued, and takes {limit:,} at most. Nothing was accepted; try again "
            f"in {SITE_RETRY_SECONDS:.0f} seconds.",
            retry_after_seconds=SITE_RETRY_SECONDS,
        )
    storage.refuse_when_full(incoming_bytes)


def _measure(owner_id: Any, *, key: str, jobs: int) -> _Pressure:
    submits = conf.OWNER_SUBMITS_PER_HOUR
    count_site = conf.QUEUED_LIMIT > 0 and _site.claim_count(conf.QUEUED_LIMIT)
    row = statements.read(
        "pressure",
        {
            "owner": as_column(owner_id),
            "key": key,
            "running": conf.OWNER_RUNNING_LIMIT,
            "queued": conf.OWNER_QUEUED_LIMIT,
            "submits": submits,
            "earlier": max(0, submits - jobs),
            "stored": conf.OWNER_STORED_BYTES,
            "no_load": statements.id_list(spec.name for spec in pipelines.every() if not spec.counts_as_load),
            "all": conf.QUEUED_LIMIT if count_site else 0,
        },
    )[0]
    pressure = _Pressure(bool(row[0] and key), *row[1:])
    if count_site:
        _site.count = pressure.everybody
    return pressure


def _refuse_owner(pressure: _Pressure, *, incoming_bytes: int, jobs: int) -> None:
    if (limit := conf.OWNER_RUNNING_LIMIT) and pressure.running >= limit:
        raise TooMuch(
            f"You have {_jobs(pressure.running)} running, and {limit:,} is the most at once. Nothing was accepted; try "
            f"again when one has ended, or in {RUNNING_RETRY_SECONDS:.0f} seconds.",
            retry_after_seconds=RUNNING_RETRY_SECONDS,
        )
    if (limit := conf.OWNER_QUEUED_LIMIT) and pressure.queued + jobs > limit:
        raise TooMuch(
            f"You have {_jobs(pressure.queued)} queued, and {limit:,} is the most. Nothing was accepted; try again "
            f"when some have started, or in {QUEUED_RETRY_SECONDS:.0f} seconds.",
            retry_after_seconds=QUEUED_RETRY_SECONDS,
        )
    if (limit := conf.OWNER_SUBMITS_PER_HOUR) and (pressure.oldest is not None or jobs > limit):
        _refuse_submits(limit, pressure, jobs=jobs)
    if (limit := conf.OWNER_STORED_BYTES) and pressure.stored + incoming_bytes > limit:
        coming = f", and {formatting.size(incoming_bytes)} come" if incoming_bytes else ""
        raise TooMuch(
            f"Your files take {formatting.size(pressure.stored)}{coming}; "
            f"{formatting.size(limit)} is the most. Nothing was accepted. Files go with their jobs, when these expire; "
            "an operator can delete some sooner.",
            retry_after_seconds=STORED_RETRY_SECONDS,
        )


def _refuse_submits(limit: int, pressure: _Pressure, *, jobs: int) -> None:
    if jobs > limit:
        raise TooMuch(
            f"{_jobs(jobs)} at once are more than the {limit:,} that you may submit in an hour.",
            retry_after_seconds=HOUR_SECONDS,
        )
    until = (pressure.oldest or 0.0) + HOUR_SECONDS
    if until > pressure.now:
        at = dt.datetime.fromtimestamp(until, dt.UTC)
        raise TooMuch(
            f"You have submitted {_jobs(limit)} within an hour, and that is the most. Nothing was accepted; try again "
            f"at {at:%H:%M:%S} UTC.",
            retry_after_seconds=until - pressure.now,
        )


def _jobs(count: int) -> str:
    return f"{count:,} job{'s' if count != 1 else ''}"
