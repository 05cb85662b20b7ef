"""The pipeline of mails: written in one step, then handed over at most once; core.mails tells the whole story."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from core.attempt.context import JobContext
from core.conf import conf
from core.forms import NobodysForm
from core.limits import Concurrent, Rate
from core.mails import sending
from core.models import Mail
from core.pipelines import pipeline

from . import composing

#: Most mails that go at once after a quiet time.
LARGEST_BURST = 20
#: Mails under way at once: a server that doesn't answer must not keep all threads of the workers.
AT_ONCE = 4


def rate_of(text: str) -> Rate:
    """Return the limit for a rate such as `60/m`, with ten seconds' worth of a burst; raise ImproperlyConfigured."""
    try:
        once = Rate(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"MAIL_RATE: {error}") from error
    worth = int(10 * once.amount / once.per_seconds)
    return Rate(text, key="pipeline", burst=max(1, min(worth, LARGEST_BURST)))


@pipeline(
    title="Mail",
    description="Sends one mail to one address. The site orders it; nobody submits one.",
    form=NobodysForm,
    icon="mail",
    limits=(rate_of(conf.MAIL_RATE), Concurrent(AT_ONCE)),
    # A mail server that is down, or that lets strangers wait, is tried for some hours.
    max_attempts=20,
    is_listed=False,
    notifies_owner=False,
    role="mail",
    counts_as_load=False,
)
def mail(
    ctx: JobContext,
    *,
    kind: str,
    to: str,
    context: dict[str, Any] | None = None,
    attachments: list[int] | None = None,
) -> dict[str, Any]:
    mail_id = ctx.step("write", _write, ctx, kind, to, context or {}, attachments or [], title="Write it", atomic=True)
    sent = sending.deliver(ctx, mail_id)
    if sent.state == Mail.State.UNSENT:
        return {"headline": f"Not sent to {sent.to}", "facts": [["Subject", sent.subject]], "warning": sent.answer}
    return {
        "headline": f"Sent to {sent.to}",
        "facts": [["Subject", sent.subject], ["The mail server said", sent.answer]],
    }


def _write(ctx: JobContext, kind: str, to: str, context: dict[str, Any], attachments: list[int]) -> int:
    written = composing.compose(kind, context, owner_id=ctx.owner_id, attachments=attachments)
    return sending.write(
        ctx,
        kind=kind,
        to=to,
        subject=written.subject,
        text=written.text,
        html=written.html,
        attachments=written.attachments,
    )
