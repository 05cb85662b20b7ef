"""A remote's own limit: its Retry-After holds for the job, and for all jobs with the same key."""

from __future__ import annotations

import json
from typing import Any

from core.database import statements
from core.database.clock import database_now
from core.models import JobEvent
from core.pipelines import Pipeline
from core.pipelines.declared import lane_of, names_of, value_of

#: How often one job is put off: a remote that always asks for more time must not keep it for ever.
MOST_DEFERRALS = 100


def deferrals(job_id: int) -> int:
    """Return how often the job was put off by a remote; a person's retry begins to count anew."""
    events = JobEvent.objects.filter(job=job_id)
    retried = events.filter(kind=JobEvent.Kind.REQUEUED).order_by("-pk").values_list("pk", flat=True).first()
    return events.filter(kind=JobEvent.Kind.DEFERRED, pk__gt=retried or 0).count()


def block(spec: Pipeline, *, key: str, owner_id: Any, params: dict[str, Any], seconds: float) -> None:
    """Let no job of the pipeline with this value of the key go for so long."""
    until = database_now().timestamp() + seconds
    lane = json.loads(lane_of(spec.limits, params) or "{}")
    for limit, name in zip(spec.limits, names_of(spec.limits), strict=True):
        if limit.key == key:
            value = value_of(limit, owner_id=owner_id, params=lane)
            statements.run("block_bucket", {"pipeline": spec.name, "limit": name, "value": value, "until": until})
