"""Submit: from a person's wish to a durable row."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import transaction

from core import pipelines
from core.database import statements
from core.database.jsontext import dumps, dumps_limited, storable
from core.errors import Refused
from core.failpoints import failpoint
from core.files.uploads import StoredUpload
from core.logs import log
from core.models import Job
from core.models.job import Priority
from core.models.owners import as_column
from core.pipelines import Pipeline, secrets
from core.pipelines.declared import lane_of
from core.wakeup import jobs_due

#: Characters of the longest idempotency key.
KEY_LENGTH = 100


@dataclass(frozen=True)
class Submission:
    """The result of a submit: the job, and whether this call made it."""

    job_id: int
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Order:
    """One job to be submitted."""

    params: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    #: The owner's key of this submit; the same key again answers with the same job.
    key: str = ""
    delay_seconds: float = 0.0
    #: By the form's file field, files that are in the store already.
    files: Mapping[str, StoredUpload] = field(default_factory=dict)
    #: What the job is about, as `core.models.job.subject_columns` returns it.
    subject: tuple[int | None, str] = (None, "")


def submit(
    pipeline: str,
    *,
    owner_id: Any,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, StoredUpload] | None = None,
    label: str = "",
    key: str = "",
    delay_seconds: float = 0.0,
    priority: Priority = Priority.NORMAL,
    origin_id: int | None = None,
    subject: tuple[int | None, str] = (None, ""),
    queue: str = "",
) -> Submission:
    """Store a job and return it; when this returns, it is not lost, whatever is killed.

    `files` maps the form's file fields to files that are kept already (`core.files.uploads.keep`). The queue is the
    pipeline's unless another is named, to which workers listen (`core.pipelines.queues`).
    """
    spec = pipelines.get(pipeline)
    order = Order(
        params=params or {},
        label=label,
        key=_as_key(key),
        delay_seconds=delay_seconds,
        files=files or {},
        subject=subject,
    )
    # One statement is one transaction: a person's submit costs one round trip.
    made = _insert(spec, [order], owner_id=owner_id, priority=priority, origin_id=origin_id, queue=queue)
    if order.key not in made:
        job_id = Job.objects.values_list("pk", flat=True).get(owner_id=owner_id, idempotency_key=order.key)
        return Submission(job_id=job_id, is_new=False)
    job_id = made[order.key]
    transaction.on_commit(lambda: jobs_due.send(sender=Job, count=1))
    log("job_submitted", job=job_id, pipeline=pipeline, owner=owner_id)
    return Submission(job_id=job_id, is_new=True)


def submit_many(
    pipeline: str, orders: Iterable[Order], *, owner_id: Any, priority: Priority = Priority.NORMAL
) -> list[int]:
    """Store many jobs in one transaction; return their ids in order. A key used before gives the job it made then."""
    spec = pipelines.get(pipeline)
    keyed = [_with_key(order) for order in orders]
    if not keyed:
        return []
    with transaction.atomic():
        ids = _insert(spec, keyed, owner_id=owner_id, priority=priority)
        missing = [order.key for order in keyed if order.key not in ids]
        if missing:
            existing = Job.objects.filter(owner_id=owner_id, idempotency_key__in=missing)
            ids |= dict(existing.values_list("idempotency_key", "pk"))
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=len(keyed)))
    log("jobs_submitted", count=len(keyed), pipeline=pipeline, owner=owner_id)
    return [ids[order.key] for order in keyed]


def _insert(
    spec: Pipeline,
    orders: Sequence[Order],
    *,
    owner_id: Any,
    priority: Priority,
    origin_id: int | None = None,
    queue: str = "",
) -> dict[str, int]:
    """Insert the jobs whose key is new; return their ids by key."""
    params = [secrets.seal(spec.form, order.params) for order in orders]
    if len(orders) == 1:
        dumps_limited(params[0], what="The JSON of the parameters")
    jobs = [
        {
            "idempotency_key": order.key,
            "label": order.label[:255],
            "params": sealed,
            "lane": lane_of(spec.limits, order.params),
            "delay": max(0.0, order.delay_seconds),
            "subject_type": order.subject[0],
            "subject_key": order.subject[1],
        }
        for order, sealed in zip(orders, params, strict=True)
    ]
    failpoint("job-commit")
    rows = statements.run(
        "submit",
        {
            "jobs": dumps(jobs),
            "files": dumps(
                [
                    {"idempotency_key": order.key, "field": name, **asdict(file)}
                    for order in orders
                    for name, file in order.files.items()
                ]
            ),
            "pipeline": spec.name,
            "queue": queue or spec.queue,
            "priority": int(priority),
            "owner": as_column(owner_id),
            "origin": origin_id,
            "max_attempts": spec.max_attempts,
            "max_crashes": spec.max_crashes,
            "stages": dumps([{"name": name, "title": title, "state": "pending"} for name, title in spec.stages]),
        },
    )
    return {key: job_id for job_id, key in rows}


def _with_key(order: Order) -> Order:
    return replace(order, key=_as_key(order.key))


def _as_key(text: str) -> str:
    """Return the key as it is stored, a new one for none; raise Refused when it is too long to be one."""
    if len(text) > KEY_LENGTH:
        raise Refused(f"An idempotency key has up to {KEY_LENGTH} characters, this one {len(text)}.")
    return storable(text) or uuid.uuid4().hex
