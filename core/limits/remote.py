"""A remote's own limit: what it answers with Retry-After holds for the job, and for all with the same key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from core.database import statements
from core.database.clock import database_now
from core.errors import RetryAfter
from core.models import JobEvent
from core.models.states import State
from core.pipelines import Pipeline
from core.pipelines.declared import lane_of, names_of, value_of

#: Times that one job is told to wait; a remote that never answers otherwise must not keep it for ever.
LONGEST_PATIENCE = 100


def deferral(ctx: Any, asked: RetryAfter, end: Callable[..., Any]) -> Any:
    """Return the end of an attempt that was told to wait, after noting it for all jobs with the same key."""
    events = JobEvent.objects.filter(job=ctx.job_id)
    # A person's retry begins to count anew.
    retried = events.filter(kind=JobEvent.Kind.REQUEUED).order_by("-pk").values_list("pk", flat=True).first()
    told = events.filter(kind=JobEvent.Kind.DEFERRED, pk__gt=retried or 0).count()
    if told >= LONGEST_PATIENCE:
        return end(State.FAILED, error=f"{asked} It was told so {told} times; try again later.")
    if asked.key:
        block(ctx.spec, key=asked.key, owner_id=ctx.owner_id, params=ctx.params, seconds=asked.seconds)
    return end(State.SCHEDULED, kind=JobEvent.Kind.DEFERRED, error=str(asked), delay=asked.seconds)


def block(spec: Pipeline, *, key: str, owner_id: int, params: dict[str, Any], seconds: float) -> None:
    """Let no job of the pipeline with this value of the key go for so long."""
    until = database_now().timestamp() + seconds
    lane = json.loads(lane_of(spec.limits, params) or "{}")
    for limit, name in zip(spec.limits, names_of(spec.limits), strict=True):
        if limit.key == key:
            value = value_of(limit, owner_id=owner_id, params=lane)
            statements.run("block_bucket", {"pipeline": spec.name, "limit": name, "value": value, "until": until})
