"""The pipeline that calls webhooks; core.webhooks tells the whole story.

1. An attempt reads the webhook as it is now: where to, and signed with what. One that is gone or paused is not called.
2. It calls the address once (`calling`), and the call is written down.
3. Any 2xx is the end. 410 stops the webhook. A `Retry-After` of 429 and 503 holds for all calls of the webhook, and is
   no attempt. Whatever else comes, or nothing at all, is tried again after `WAITS`: for a day, at least once each.
4. After the last try, and when the webhook was stopped, the job has failed: its owner's desk shows it. Tried again, it
   sends the same message with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from core.addresses import site_address
from core.attempt.async_context import AsyncJobContext
from core.errors import HeadwayError, PermanentError, RetryAfter
from core.failpoints import failpoint
from core.forms import NobodysForm
from core.limits import Concurrent
from core.mails import order
from core.mails.orders import is_address
from core.models import Job, Webhook
from core.people.users import email_of
from core.pipelines import pipeline
from core.webhooks import addresses, calls, keys

from .calling import Outcome, call, check_address

#: Seconds before the second try, the third and so on: eight tries in about a day.
WAITS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 28_800.0, 36_000.0)
#: Calls of one webhook under way at once: a slow receiver is not sent ever more.
AT_ONCE = 4
#: Seconds for which a receiver may ask to be left alone; what it asks beyond is tried then.
LONGEST_WAIT_SECONDS = 86_400.0

addresses.set_check(check_address)


class Undelivered(HeadwayError):
    """Raised when a call was not taken, and is worth another try."""


@dataclass(frozen=True)
class Target:
    """A webhook as one attempt finds it."""

    url: str
    secrets: list[str]
    is_stopped: bool
    #: Whether this attempt is the job's last.
    is_last: bool


@pipeline(
    title="Webhook",
    description="Calls one address with one end of a job. The site orders it; nobody submits one.",
    form=NobodysForm,
    icon="link",
    limits=(Concurrent(AT_ONCE, key="param:webhook"),),
    max_attempts=len(WAITS) + 1,
    retry_seconds=WAITS,
    is_listed=False,
    notifies_owner=False,
    role="webhook",
    counts_as_load=False,
)
async def webhook_delivery(
    ctx: AsyncJobContext, *, webhook: int, event: str, message: str, body: str
) -> dict[str, Any]:
    # Waiting is all the work here: no slow receiver keeps a thread.
    target = await sync_to_async(_find)(ctx.job_id, ctx.attempt, webhook)
    if target is None:
        return {"headline": "Not sent", "warning": "The webhook was deleted before it was called."}
    if target.is_stopped:
        raise PermanentError("The webhook is paused, and was not called. Resume it, then try this again.")
    outcome = await call(target.url, message=message, body=body, secrets=target.secrets)
    failpoint("webhook-answered")
    note = await sync_to_async(_write_down)(ctx.job_id, webhook, event, outcome)
    if outcome.is_delivered:
        return {
            "headline": f"Delivered to {outcome.host}",
            "facts": [["Event", event], ["Message", message], ["Answered", outcome.status]],
        }
    if note or outcome.is_refused:
        raise PermanentError(f"{outcome.failure}{note}")
    if outcome.wait_seconds:
        wait = min(outcome.wait_seconds, LONGEST_WAIT_SECONDS)
        reason = f"{outcome.failure.rstrip('.')}, and asked to wait {wait:,.0f} seconds."
        raise RetryAfter(wait, key="param:webhook", reason=reason)
    if target.is_last:
        raise PermanentError(f"{outcome.failure} That was the last try.")
    raise Undelivered(outcome.failure)


def _find(job_id: int, attempt: int, webhook_id: int) -> Target | None:
    webhook = Webhook.objects.filter(pk=webhook_id).first()
    if webhook is None:
        return None
    if webhook.stopped_at is not None:
        return Target(url=webhook.url, secrets=[], is_stopped=True, is_last=True)
    most = Job.objects.values_list("max_attempts", flat=True).get(pk=job_id)
    return Target(url=webhook.url, secrets=keys.secrets_of(webhook), is_stopped=False, is_last=attempt >= most)


def _write_down(job_id: int, webhook_id: int, event: str, outcome: Outcome) -> str:
    """Write the call into the webhook's log; return what its failed job says of a webhook that was stopped for it."""
    failed_for_days = calls.record(
        webhook_id, job_id, event=event, seconds=outcome.seconds, status=outcome.status, answer=outcome.text
    )
    if outcome.is_gone:
        calls.stop(webhook_id, why=outcome.failure)
        return " The webhook is stopped."
    if not failed_for_days:
        return ""
    _mail_owner(webhook_id, job_id, outcome)
    return f" All calls have failed for {calls.FAILING_FOR.days} days: the webhook is stopped."


def _mail_owner(webhook_id: int, job_id: int, outcome: Outcome) -> None:
    webhook = Webhook.objects.select_related("owner").filter(pk=webhook_id).first()
    if webhook is None or not webhook.owner.is_active or not is_address(to := email_of(webhook.owner)):
        return
    context = {
        "username": webhook.owner.get_username(),
        "host": outcome.host,
        "days": calls.FAILING_FOR.days,
        "reason": outcome.failure,
        "address": site_address(webhook.get_absolute_url()),
    }
    order("webhook_stopped", to=to, owner_id=webhook.owner_id, context=context, key=f"webhook-stopped-{job_id}")
