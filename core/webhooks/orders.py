"""Ordering calls: a job for each webhook that hears of an end."""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models import Q

from core import pipelines
from core.database.clock import database_now
from core.life.submission import Order, submit, submit_many
from core.logs import log
from core.models import EndSignal, Job, Webhook
from core.models.job import subject_columns
from core.webhooks import payload
from core.webhooks.addresses import host_of

#: The role of the pipeline that calls.
ROLE = "webhook"


def order_calls(*, job: Job, end: EndSignal, **_: Any) -> None:
    """Order the calls for an end, in the caller's transaction; receives `core.life.end_signals.ending`.

    The same end again orders nothing more. An inactive owner's webhooks rest, as all that is sent to them.
    """
    hooks = hearing_of(job, end.state)
    if not hooks or not job.owner.is_active:
        return
    body = payload.body_of(job, end)
    event = payload.EVENTS[end.state]
    orders = [
        Order(
            params=_params(hook, event=event, body=body),
            label=f"{event} of job #{job.pk} to {host_of(hook.url)}",
            key=f"webhook-{hook.pk}-{job.pk}-{end.fence}-{end.state}",
            subject=subject_columns(job),
        )
        for hook in hooks
    ]
    submit_many(pipelines.for_role(ROLE).name, orders, owner_id=job.owner_id)
    log("webhook_calls_ordered", job=job.pk, state=end.state, count=len(orders))


def order_test(webhook: Webhook) -> int:
    """Order one call with a test event; return its job's id."""
    made = submit(
        pipelines.for_role(ROLE).name,
        owner_id=webhook.owner_id,
        params=_params(webhook, event=payload.TEST, body=payload.test_body(webhook, at=database_now())),
        label=f"{payload.TEST} to {host_of(webhook.url)}",
        key=f"webhook-{webhook.pk}-test-{secrets.token_hex(8)}",
    )
    return made.job_id


def hearing_of(job: Job, state: str) -> list[Webhook]:
    """Return the running webhooks that hear of such an end of this job; `{end_signal}` in SQL asks the same."""
    running = Webhook.objects.filter(owner=job.owner_id, stopped_at__isnull=True, **{f"on_{state}": True})
    return list(running.filter(Q(schedule__isnull=True) | Q(schedule__runs__job=job)).order_by("pk"))


def _params(webhook: Webhook, *, event: str, body: str) -> dict[str, Any]:
    # As text: what is signed is the same, byte for byte, at every try.
    return {"webhook": webhook.pk, "event": event, "message": f"msg_{secrets.token_hex(12)}", "body": body}
