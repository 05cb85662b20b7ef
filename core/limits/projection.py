"""A forecast of when a held job will be let go."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from core import pipelines
from core.database import statements
from core.database.clock import database_now
from core.limits.effective import EffectiveLimit, effective
from core.limits.lanes import bucket_key
from core.limits.words import in_words
from core.models import Gate, Job, LimitBucket
from core.models.owners import as_key
from core.models.states import CLAIMABLE


@dataclass(frozen=True)
class Forecast:
    """Why a job is held, and until when."""

    #: paused, rate, concurrent, remote or turn.
    kind: str
    #: One sentence, without the time.
    text: str
    #: When it is let go; None when that depends on a person or on the end of other jobs.
    at: dt.datetime | None = None
    #: Jobs that go before it.
    ahead: int = 0


def forecast(job: Job) -> Forecast | None:
    """Return why a held job waits, or None when it is not held."""
    if not job.is_held or job.state not in CLAIMABLE:
        return None
    gate = Gate.objects.filter(pk=job.pipeline, paused_at__isnull=False).first()
    spec = pipelines.find(job.pipeline)
    if gate is not None:
        why = f": {gate.note}" if gate.note else ""
        stop = "" if why.endswith((".", "!", "?")) else "."
        return Forecast("paused", f"{spec.title if spec else job.pipeline} is paused by {gate.paused_by}{why}{stop}")
    now = database_now().timestamp()
    if spec is None or not spec.limits:
        return Forecast("turn", "It starts in a moment.")
    waits = [_wait(limit, job, now) for limit in effective(spec)]
    # The limit that frees last decides; one whose time nobody can foresee counts as the last.
    longest = max((each for each in waits if each is not None), key=_last, default=None)
    if longest is None:
        return Forecast("turn", "It starts in a moment.")
    return longest


def _last(each: Forecast) -> float:
    return float("inf") if each.at is None else each.at.timestamp()


def _wait(limit: EffectiveLimit, job: Job, now: float) -> Forecast | None:
    name, value = bucket_key(limit, job.owner_id, job.lane)
    bucket = LimitBucket.objects.filter(pipeline=job.pipeline, limit=name, value=value).first()
    ahead = _ahead(limit, job, value)
    if bucket and bucket.blocked_until > now:
        until = dt.datetime.fromtimestamp(bucket.blocked_until, dt.UTC)
        who = value or "The other side"
        return Forecast("remote", f"{who} asked to be left alone for a while.", until, ahead)
    if limit.per_seconds is None:
        taken = sum(
            count
            for column, lane, count, _ in statements.run("let_go_counts", {"pipeline": job.pipeline})
            if bucket_key(limit, as_key(column), lane)[1] == value
        )
        if taken + ahead < limit.amount:
            return None
        return Forecast(
            "concurrent", f"All places of its limit are taken ({in_words(limit)}){_before(ahead)}.", None, ahead
        )
    at = max(now, limit.earliest(bucket.tat) if bucket else now) + ahead * limit.interval_seconds
    return Forecast(
        "rate",
        f"It is over its limit ({in_words(limit)}){_before(ahead)}.",
        dt.datetime.fromtimestamp(at, dt.UTC),
        ahead,
    )


def _before(ahead: int) -> str:
    return f"; {ahead:,} job{'s' if ahead != 1 else ''} before it" if ahead else ""


def _ahead(limit: EffectiveLimit, job: Job, value: str) -> int:
    """Return how many held jobs with this value of the key go before it: owners in turn, each one's in their order."""
    sooner = Q(priority__gt=job.priority) | Q(priority=job.priority, pk__lt=job.pk)
    own = Job.objects.filter(sooner, pipeline=job.pipeline, owner=job.owner_id, is_held=True, state__in=CLAIMABLE)
    lanes = own.order_by().values_list("lane").annotate(count=Count("pk"))
    before: int = sum(count for lane, count in lanes if bucket_key(limit, job.owner_id, lane)[1] == value)
    if limit.declared.key == "owner":
        return before
    others: dict[Any, int] = {}
    for column, lane, count in statements.run("held_lanes", {"pipeline": job.pipeline}):
        owner_id = as_key(column)
        if owner_id != job.owner_id and bucket_key(limit, owner_id, lane)[1] == value:
            others[owner_id] = others.get(owner_id, 0) + count
    return before + sum(min(count, before + 1) for count in others.values())
