"""Limits as they hold now: what the code declares, and what staff has set in its place."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.models import LimitChange
from core.pipelines import Pipeline
from core.pipelines.declared import Limit, names_of


@dataclass(frozen=True)
class EffectiveLimit:
    """One limit with its amount of this moment."""

    name: str
    declared: Limit
    amount: int
    #: None for a limit of concurrency.
    per_seconds: float | None
    change: LimitChange | None = None

    @property
    def interval_seconds(self) -> float:
        """Seconds between two starts at the full rate."""
        return (self.per_seconds or 0.0) / self.amount

    def earliest(self, tat: float) -> float:
        """Return the earliest time, in epoch seconds, that a bucket with this arrival time allows."""
        return tat - (self.declared.burst - 1) * self.interval_seconds

    def ahead(self, horizon_seconds: float) -> int:
        """Return how many jobs may be let go and not yet begun: what two horizons take, and a burst."""
        return math.ceil(2 * horizon_seconds / self.interval_seconds) + self.declared.burst


def effective(spec: Pipeline) -> list[EffectiveLimit]:
    """Return the pipeline's limits as they hold now."""
    if not spec.limits:
        return []
    changes = {change.limit: change for change in LimitChange.objects.filter(pipeline=spec.name)}
    limits = []
    for limit, name in zip(spec.limits, names_of(spec.limits), strict=True):
        change = changes.get(name)
        is_rate = limit.per_seconds is not None
        limits.append(
            EffectiveLimit(
                name=name,
                declared=limit,
                amount=change.amount if change else limit.amount,
                per_seconds=(change.per_seconds if change else None) or limit.per_seconds if is_rate else None,
                change=change,
            )
        )
    return limits
