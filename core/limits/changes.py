"""Limits while the site runs: how staff sees, raises and lowers them, and pauses and resumes pipelines."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core import pipelines
from core.database import statements
from core.database.clock import database_now
from core.database.jsontext import storable
from core.errors import Refused
from core.limits.effective import EffectiveLimit, effective
from core.limits.lanes import bucket_key
from core.limits.words import in_words
from core.models import Gate, Job, LimitBucket, LimitChange
from core.models.owners import as_key
from core.people import audit
from core.pipelines import Pipeline
from core.wakeup import jobs_due

#: The largest amount and the longest period, in seconds, that a limit may be given.
LARGEST_AMOUNT, LONGEST_SECONDS = 1_000_000, 366 * 86400.0


@dataclass(frozen=True)
class LimitState:
    """One limit as its page shows it."""

    name: str
    kind: str
    key: str
    amount: int
    per_seconds: float | None
    burst: int
    declared_amount: int
    declared_per_seconds: float | None
    is_changed: bool
    changed_by: str
    changed_at: dt.datetime | None
    #: Jobs that were let go and have not ended: of a limit of concurrency, the places taken.
    in_use: int
    #: Values of the key whose remote asked to be left alone, and until when.
    blocked: list[tuple[str, dt.datetime]]
    text: str


@dataclass(frozen=True)
class PipelineLimits:
    """A pipeline's gate as its page shows it."""

    pipeline: Pipeline
    is_paused: bool = False
    paused_by: str = ""
    paused_at: dt.datetime | None = None
    note: str = ""
    held: int = 0
    limits: list[LimitState] = field(default_factory=list)


def overview() -> list[PipelineLimits]:
    """Return the gates of all pipelines, in the order of their titles."""
    gates = Gate.objects.in_bulk()
    overviews = []
    for spec in pipelines.every():
        gate = gates.get(spec.name)
        paused_at = gate.paused_at if gate else None
        overviews.append(
            PipelineLimits(
                pipeline=spec,
                is_paused=paused_at is not None,
                paused_by=gate.paused_by if gate and paused_at else "",
                paused_at=paused_at,
                note=gate.note if gate and paused_at else "",
                held=_held(spec),
                limits=_states(spec),
            )
        )
    return overviews


def change(pipeline: str, limit: str, *, amount: int, per_seconds: float | None, by: str) -> None:
    """Set a limit in place of the declared one; it holds at once, also for jobs that were let go and have not begun."""
    spec, current = _find(pipeline, limit)
    if not 1 <= amount <= LARGEST_AMOUNT:
        raise Refused(f"{amount:,} is no limit: it is from 1 to {LARGEST_AMOUNT:,}. To let nothing go, pause it.")
    if current.per_seconds is None:
        per_seconds = None
    elif per_seconds is None or not math.isfinite(per_seconds) or not 0.001 <= per_seconds <= LONGEST_SECONDS:
        raise Refused("A rate needs a period: from a thousandth of a second to a year.")
    values = {"amount": amount, "per_seconds": per_seconds, "changed_by": by, "changed_at": timezone.now()}
    with transaction.atomic():
        _lock(pipeline)
        before = {each.name: each for each in effective(spec)}
        LimitChange.objects.update_or_create(pipeline=pipeline, limit=limit, defaults=values)
        _hold_again(spec, before.values())
        _rebase(spec, before[limit])
        _note(by, "change_limit", spec, limit, before[limit])


def reset(pipeline: str, limit: str, *, by: str) -> None:
    """Let the limit be again what the code declares."""
    spec, _ = _find(pipeline, limit)
    with transaction.atomic():
        _lock(pipeline)
        before = {each.name: each for each in effective(spec)}
        if not LimitChange.objects.filter(pipeline=pipeline, limit=limit).delete()[0]:
            raise Refused("This limit is what the code declares already.")
        _hold_again(spec, before.values())
        _rebase(spec, before[limit])
        _note(by, "reset_limit", spec, limit, before[limit])


def pause(pipeline: str, *, by: str, note: str = "") -> None:
    """Let no job of the pipeline start until it is resumed. What runs goes on, with its parts."""
    spec = pipelines.get(pipeline)
    with transaction.atomic():
        gate = _lock(pipeline)
        if gate.paused_at is not None:
            raise Refused(f"{spec.title} is paused already, by {gate.paused_by}.")
        gate.paused_at, gate.paused_by, gate.note = database_now(), by, storable(note.strip())[:200]
        gate.save(update_fields=["paused_at", "paused_by", "note"])
        _hold_again(spec, effective(spec), everything=True)
        audit.note(by, "pause", pipeline=pipeline, before={"paused": False}, after={"paused": True, "note": gate.note})


def resume(pipeline: str, *, by: str) -> None:
    """Let the pipeline's jobs go again, as its limits allow."""
    spec = pipelines.get(pipeline)
    with transaction.atomic():
        gate = _lock(pipeline)
        if gate.paused_at is None:
            raise Refused(f"{spec.title} is not paused.")
        before = {"paused": True, "by": gate.paused_by, "note": gate.note}
        gate.paused_at, gate.paused_by, gate.note = None, "", ""
        gate.save(update_fields=["paused_at", "paused_by", "note"])
        audit.note(by, "resume", pipeline=pipeline, before=before, after={"paused": False})
        _wake_on_commit()


def unblock(pipeline: str, limit: str, value: str, *, by: str) -> None:
    """Forget that a remote asked to be left alone."""
    spec, _ = _find(pipeline, limit)
    value = storable(value)
    now = database_now().timestamp()
    with transaction.atomic():
        _lock(pipeline)
        buckets = LimitBucket.objects.filter(pipeline=pipeline, limit=limit, value=value, blocked_until__gt=now)
        until = buckets.values_list("blocked_until", flat=True).first()
        if until is None:
            raise Refused(f"Nothing is blocked for {value!r} any more.")
        buckets.update(blocked_until=0)
        before = {"value": value, "until": dt.datetime.fromtimestamp(until, dt.UTC).isoformat()}
        audit.note(by, "unblock", pipeline=spec.name, before=before, after={"value": value, "until": None})
        _wake_on_commit()


def _states(spec: Pipeline) -> list[LimitState]:
    limits = effective(spec)
    if not limits:
        return []
    counts = statements.run("let_go_counts", {"pipeline": spec.name})
    in_use = sum(taken for _, _, taken, _ in counts)
    blocked: dict[str, list[tuple[str, dt.datetime]]] = {}
    rows = LimitBucket.objects.filter(pipeline=spec.name, blocked_until__gt=database_now().timestamp())
    for row in rows.order_by("value")[:100]:
        until = dt.datetime.fromtimestamp(row.blocked_until, dt.UTC)
        blocked.setdefault(row.limit, []).append((row.value, until))
    return [
        LimitState(
            name=limit.name,
            kind=limit.declared.kind,
            key=limit.declared.key,
            amount=limit.amount,
            per_seconds=limit.per_seconds,
            burst=limit.declared.burst,
            declared_amount=limit.declared.amount,
            declared_per_seconds=limit.declared.per_seconds,
            is_changed=limit.change is not None,
            changed_by=limit.change.changed_by if limit.change else "",
            changed_at=limit.change.changed_at if limit.change else None,
            in_use=in_use,
            blocked=blocked.get(limit.name, []),
            text=in_words(limit),
        )
        for limit in limits
    ]


def _held(spec: Pipeline) -> int:
    return Job.objects.filter(pipeline=spec.name, is_held=True).live().count()


def _find(pipeline: str, limit: str) -> tuple[Pipeline, EffectiveLimit]:
    spec = pipelines.get(pipeline)
    for each in effective(spec):
        if each.name == limit:
            return spec, each
    names = ", ".join(each.name for each in effective(spec)) or "none"
    raise Refused(f"{pipeline} has no limit {limit!r}; there are: {names}")


def _lock(pipeline: str) -> Gate:
    Gate.objects.get_or_create(pipeline=pipeline)
    return Gate.objects.select_for_update().get(pk=pipeline)


def _hold_again(spec: Pipeline, limits: Iterable[EffectiveLimit], *, everything: bool = False) -> None:
    """Hold the jobs again that were let go and have not begun, and give their share of the rates back."""
    rows = statements.run("hold_again", {"pipeline": spec.name, "everything": everything})
    for limit in limits:
        if limit.per_seconds is None:
            continue
        values = (bucket_key(limit, as_key(column), lane)[1] for column, lane in rows if lane)
        for value, count in Counter(values).items():
            own = LimitBucket.objects.filter(pipeline=spec.name, limit=limit.name, value=value)
            own.update(tat=F("tat") - count * limit.interval_seconds)
    _wake_on_commit()


def _rebase(spec: Pipeline, before: EffectiveLimit) -> None:
    """Compute the next start from the last one by the new rate."""
    after = next(each for each in effective(spec) if each.name == before.name)
    if after.per_seconds is not None:
        shift = after.interval_seconds - before.interval_seconds
        used = LimitBucket.objects.filter(pipeline=spec.name, limit=before.name, tat__gt=0)
        used.update(tat=F("tat") + shift)


def _note(by: str, act: str, spec: Pipeline, limit: str, before: EffectiveLimit) -> None:
    after = next(each for each in effective(spec) if each.name == limit)
    audit.note(
        by,
        act,
        pipeline=spec.name,
        before={"limit": limit, "amount": before.amount, "per_seconds": before.per_seconds},
        after={"limit": limit, "amount": after.amount, "per_seconds": after.per_seconds},
    )


def _wake_on_commit() -> None:
    transaction.on_commit(lambda: jobs_due.send(sender=Job, count=0))
