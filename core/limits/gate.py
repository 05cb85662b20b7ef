"""The gate: lets held jobs go, as many and as early as their limits allow, owners in turn.

One process at a time has a pipeline's gate (its row is locked; others pass it over), so what it reads stays true until
its commit. A job that goes gets the time of its start, up to a second ahead: the relay publishes it then, and no claim
is accepted before. So a rate is kept to the millisecond although the gate is looked at a few times a second.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from core import pipelines
from core.database import statements
from core.database.clock import database_now
from core.limits.effective import EffectiveLimit, effective
from core.models import Gate, LimitBucket
from core.models.job import Priority
from core.models.owners import as_column, as_key, lowest_key
from core.pipelines import Pipeline
from core.pipelines.declared import value_of

#: Seconds ahead for which starts are planned.
HORIZON_SECONDS = 1.0
#: Lanes and (about) jobs that one pass reads, and jobs that it lets go.
LANES, READ_JOBS, PASS_JOBS = 1000, 1000, 500
#: Passes of one pipeline that follow one another while there is more to let go.
PASSES = 10
#: Seconds after which an unused bucket is deleted, and between two searches for such.
BUCKET_SECONDS, FORGET_SECONDS = 24 * 3600.0, 600.0
#: Seconds for which jobs of a pipeline that this version lacks are left to a version that has it.
UNKNOWN_SECONDS = 600.0

_forget_at = 0.0
#: By pipeline: the last lane, as (owner, lane), of a pass that could not read them all.
_went_so_far: dict[str, tuple[Any, str]] = {}


@dataclass(frozen=True)
class Passed:
    """What one pass over the gates did."""

    count: int = 0
    #: Seconds until a rate may let the next job go; None when only an end or a person can.
    next_seconds: float | None = None


def let_go() -> Passed:
    """Let the held jobs go that may; called by relays, often, and by many at once."""
    names = [row[0] for row in statements.run("held_pipelines", {})]
    total, soonest = 0, math.inf
    for name in names:
        for _ in range(PASSES):
            a_pass = _Pass(name)
            count, seconds = a_pass.run()
            total += count
            if not a_pass.is_short:
                break
        soonest = min(soonest, seconds)
    if names:
        _forget_idle_buckets()
    return Passed(count=total, next_seconds=None if soonest == math.inf else max(0.0, soonest))


@dataclass
class _Lane:
    """Held jobs of one owner with the same values of their limits' keys, the next one first."""

    owner_id: Any
    params: dict[str, str]
    jobs: deque[tuple[int, int]] = field(default_factory=deque)
    is_shut: bool = False
    #: Jobs that were read.
    read: int = 0

    def key(self, limit: EffectiveLimit) -> tuple[str, str]:
        return limit.name, value_of(limit.declared, owner_id=self.owner_id, params=self.params)

    @property
    def is_read_out(self) -> bool:
        """Whether there may be more of it than was read."""
        return self.read > 1 and not self.jobs

    def offers(self, priority: int) -> bool:
        return bool(self.jobs) and not self.is_shut and -self.jobs[0][0] == priority


@dataclass
class _Bucket:
    tat: float = 0.0
    blocked_until: float = 0.0
    #: Places taken by jobs that have not ended, and of those the ones that nobody has claimed yet.
    taken: int = 0
    unclaimed: int = 0
    is_changed: bool = False


@dataclass
class _Pass:
    """One pass of one pipeline's gate."""

    name: str
    soonest: float = math.inf
    #: Whether it ended because it had read no more jobs, not because there were none or no places.
    is_short: bool = False
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)
    _chosen: list[tuple[int, float]] = field(default_factory=list)

    def run(self) -> tuple[int, float]:
        """Return how many jobs were let go, and the seconds until a rate allows more."""
        Gate.objects.get_or_create(pipeline=self.name)
        with transaction.atomic():
            gate = Gate.objects.select_for_update(skip_locked=True).filter(pk=self.name).first()
            if gate is None or gate.paused_at is not None:
                return 0, math.inf
            self.now = database_now().timestamp()
            spec = pipelines.find(self.name)
            if spec is None or not spec.limits:
                age = UNKNOWN_SECONDS if spec is None else 0.0
                gone = statements.run("let_all_go", {"pipeline": self.name, "age": age, "limit": PASS_JOBS})
                self.is_short = len(gone) == PASS_JOBS
                return len(gone), math.inf
            return self._choose(gate, spec), self.soonest - self.now

    def _choose(self, gate: Gate, spec: Pipeline) -> int:
        self.limits = effective(spec)
        last = as_key(gate.last_owner or None)
        lanes = self._lanes(last)
        if not lanes:
            return 0
        self._read_buckets(lanes)
        for priority in sorted(Priority.values, reverse=True):
            last = self._take_turns(lanes, priority, last)
        if not self._chosen:
            return 0
        self.is_short = len(self._chosen) >= PASS_JOBS or any(lane.is_read_out for lane in lanes)
        rows = [{"id": job_id, "slot": slot} for job_id, slot in self._chosen]
        gone = statements.run("let_go", {"rows": json.dumps(rows)})
        self._write_buckets()
        Gate.objects.filter(pk=gate.pk).update(last_owner=str(last))
        return len(gone)

    def _lanes(self, last_owner: Any) -> list[_Lane]:
        """Return the lanes with due jobs, those of the last owner and of the owners after that one first.

        Of very many only a part is read; the next pass goes on where this one broke off, so that lanes which have to
        wait hide no others.
        """
        lowest = (lowest_key(), "")
        start = _went_so_far.pop(self.name, lowest if last_owner is None else (as_column(last_owner), ""))
        lanes: dict[tuple[Any, str], _Lane] = {}
        for (from_owner, from_lane), to_the_end in ((start, True), (lowest, False)):
            rows = statements.run(
                "held_jobs",
                {
                    "pipeline": self.name,
                    "owner": from_owner,
                    "lane": from_lane,
                    "to_the_end": to_the_end,
                    "until_owner": start[0],
                    "until_lane": start[1],
                    "lanes": LANES,
                    "jobs": READ_JOBS,
                },
            )
            for job_id, priority, *key in rows:
                if job_id is None:
                    # Nothing in this lane is due.
                    continue
                owner_id, text = key
                entry = lanes.get((owner_id, text))
                if entry is None:
                    entry = lanes[owner_id, text] = _Lane(as_key(owner_id), json.loads(text or "{}"))
                entry.jobs.append((-priority, job_id))
            if len({row[2:] for row in rows}) >= LANES:
                _went_so_far[self.name] = rows[-1][2:]
                break
        for lane in lanes.values():
            lane.jobs, lane.read = deque(sorted(lane.jobs)), len(lane.jobs)
        return list(lanes.values())

    def _read_buckets(self, lanes: Iterable[_Lane]) -> None:
        keys = {lane.key(limit) for lane in lanes for limit in self.limits}
        self._buckets = {key: _Bucket() for key in keys}
        rows = LimitBucket.objects.filter(pipeline=self.name, value__in={value for _, value in keys})
        for row in rows:
            if bucket := self._buckets.get((row.limit, row.value)):
                bucket.tat, bucket.blocked_until = row.tat, row.blocked_until
        for owner_id, lane_text, taken, unclaimed in statements.run("let_go_counts", {"pipeline": self.name}):
            lane = _Lane(as_key(owner_id), json.loads(lane_text))
            for limit in self.limits:
                if bucket := self._buckets.get(lane.key(limit)):
                    bucket.taken += taken
                    bucket.unclaimed += unclaimed

    def _take_turns(self, lanes: list[_Lane], priority: int, last_owner: Any) -> Any:
        """Let jobs of this priority go, one of each owner in turn; return who was last."""
        while len(self._chosen) < PASS_JOBS:
            owners = {lane.owner_id for lane in lanes if lane.offers(priority)}
            if not owners:
                break
            for owner_id in sorted(owners, key=lambda owner: (last_owner is not None and owner <= last_owner, owner)):
                if self._serve(owner_id, lanes, priority):
                    last_owner = owner_id
                    if len(self._chosen) >= PASS_JOBS:
                        break
        return last_owner

    def _serve(self, owner_id: Any, lanes: list[_Lane], priority: int) -> bool:
        """Let the owner's first job of this priority go that may; shut the lanes that may not."""
        own = [lane for lane in lanes if lane.owner_id == owner_id and lane.offers(priority)]
        for lane in sorted(own, key=lambda lane: lane.jobs[0]):
            slot = self._slot(lane)
            if slot is None:
                lane.is_shut = True
                continue
            _, job_id = lane.jobs.popleft()
            self._chosen.append((job_id, slot))
            return True
        return False

    def _slot(self, lane: _Lane) -> float | None:
        """Take a place under each limit and return the time of the start; None when a limit refuses."""
        slot = self.now
        for limit in self.limits:
            bucket = self._buckets[lane.key(limit)]
            if limit.per_seconds is None:
                if bucket.taken >= limit.amount:
                    return None
            elif bucket.unclaimed >= limit.ahead(HORIZON_SECONDS):
                # Workers are behind: jobs that they have not begun must not become a burst later.
                return None
            slot = max(slot, limit.earliest(bucket.tat), bucket.blocked_until)
        if slot > self.now + HORIZON_SECONDS:
            self.soonest = min(self.soonest, slot - HORIZON_SECONDS)
            return None
        for limit in self.limits:
            bucket = self._buckets[lane.key(limit)]
            bucket.taken += 1
            bucket.unclaimed += 1
            if limit.per_seconds is not None:
                bucket.tat = max(bucket.tat, slot) + limit.interval_seconds
                bucket.is_changed = True
                self.soonest = min(self.soonest, limit.earliest(bucket.tat) - HORIZON_SECONDS)
        return slot

    def _write_buckets(self) -> None:
        rows: list[dict[str, Any]] = [
            {"limit": name, "value": value, "tat": bucket.tat}
            for (name, value), bucket in sorted(self._buckets.items())
            if bucket.is_changed
        ]
        if rows:
            statements.run("write_buckets", {"pipeline": self.name, "rows": json.dumps(rows)})


def _forget_idle_buckets() -> None:
    global _forget_at
    if time.monotonic() < _forget_at:
        return
    _forget_at = time.monotonic() + FORGET_SECONDS
    old = database_now().timestamp() - BUCKET_SECONDS
    LimitBucket.objects.filter(tat__lt=old, blocked_until__lt=old).delete()
