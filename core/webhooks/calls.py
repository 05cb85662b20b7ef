"""What became of calls: the log of a webhook, and when it has failed for too long."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models.functions import Now

from core.database.clock import database_now
from core.database.jsontext import storable
from core.logs import log
from core.models import Webhook

#: How long all calls of a webhook may have failed before it is stopped.
FAILING_FOR = dt.timedelta(days=5)
#: Characters of an answer that are kept.
ANSWER_LENGTH = 2048


def record(webhook_id: int, job_id: int, *, event: str, seconds: float, status: int | None, answer: str) -> bool:
    """Write one call down, in a transaction of its own; return whether the webhook was stopped for it.

    `status` is None when no answer came; `answer` then says why. Not fenced: whoever made it, the call was made.
    """
    hooks = Webhook.objects.filter(pk=webhook_id)
    with transaction.atomic():
        webhook = hooks.select_for_update(no_key=True).first()
        if webhook is None:
            # Deleted during the call, and its log with it.
            return False
        webhook.calls.create(
            job_id=job_id, event=event, seconds=seconds, status=status, answer=storable(answer)[:ANSWER_LENGTH]
        )
        if status is not None and 200 <= status < 300:
            hooks.filter(failing_since__isnull=False).update(failing_since=None)
            return False
        hooks.filter(failing_since__isnull=True).update(failing_since=Now())
    if webhook.failing_since is None or database_now() - webhook.failing_since < FAILING_FOR:
        return False
    return stop(webhook_id, why=f"All calls have failed for {FAILING_FOR.days} days.")


def stop(webhook_id: int, *, why: str) -> bool:
    """Stop a webhook for a reason that its page shows; return whether it was running."""
    running = Webhook.objects.filter(pk=webhook_id, stopped_at__isnull=True)
    is_stopped = bool(running.update(stopped_at=Now(), note=why[:300]))
    if is_stopped:
        log("webhook_stopped", webhook=webhook_id, reason=why)
    return is_stopped
