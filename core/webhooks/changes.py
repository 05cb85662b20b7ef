"""The acts of a person on a webhook. Each is one transaction, with its entry in the audit trail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from core.database.clock import database_now
from core.errors import Refused
from core.models import Schedule, Webhook
from core.people import audit
from core.pipelines.secrets import sealed
from core.webhooks import addresses, keys, orders
from core.webhooks.payload import EVENTS

#: Webhooks that one person may have.
MOST_WEBHOOKS = 20
#: How long calls are signed with the former secret as well.
CHANGE_OVER = dt.timedelta(days=1)


def make(
    owner: Any, *, url: str, states: Collection[str], schedule: Schedule | None = None, by: str = ""
) -> tuple[Webhook, str]:
    """Make a webhook of a person's; return it with its secret.

    `states` are the ends that it hears of; `schedule`, one of the person's own, confines it to that schedule's jobs.
    Raise PermanentError for an address that may not be called, Refused for no events and for too many webhooks.
    """
    values = _values(owner.pk, url=url, states=states, schedule=schedule)
    secret = keys.new_secret()
    with transaction.atomic():
        if Webhook.objects.filter(owner=owner).count() >= MOST_WEBHOOKS:
            raise Refused(f"You have {MOST_WEBHOOKS} webhooks, which is as many as one person may have. Delete one.")
        webhook = Webhook.objects.create(owner=owner, secret=sealed(secret), **values)
        webhook.refresh_from_db()
        audit.note(by or owner.get_username(), "make_webhook", after=_audit_values(webhook))
    return webhook, secret


def edit(webhook: Webhook, *, url: str, states: Collection[str], schedule: Schedule | None = None, by: str) -> None:
    """Change what a webhook hears of and where it calls; raise as `make` does. Calls on their way go there as well."""
    values = _values(webhook.owner_id, url=url, states=states, schedule=schedule)
    with transaction.atomic():
        was = _locked(webhook)
        if was.url != values["url"]:
            values["failing_since"] = None
        Webhook.objects.filter(pk=webhook.pk).update(**values)
        _note(by, "edit_webhook", was)


def rotate(webhook: Webhook, *, by: str) -> str:
    """Give a webhook another secret, and return it. For CHANGE_OVER calls are signed with the former one as well."""
    secret = keys.new_secret()
    with transaction.atomic():
        was = _locked(webhook)
        Webhook.objects.filter(pk=webhook.pk).update(
            secret=sealed(secret), old_secret=was.secret, old_secret_until=database_now() + CHANGE_OVER
        )
        audit.note(by, "rotate_webhook", after=_audit_values(was))
    return secret


def pause(webhook: Webhook, *, by: str) -> None:
    """Call it no more, until it is resumed: ends meanwhile are not made up for. Paused already, nothing happens."""
    with transaction.atomic():
        was = _locked(webhook)
        if was.stopped_at is None:
            Webhook.objects.filter(pk=webhook.pk).update(stopped_at=Now(), note="")
            _note(by, "pause_webhook", was)


def resume(webhook: Webhook, *, by: str) -> None:
    """Call it again, for the ends from now on; the days that it had failed are forgotten."""
    with transaction.atomic():
        was = _locked(webhook)
        if was.stopped_at is not None:
            Webhook.objects.filter(pk=webhook.pk).update(stopped_at=None, note="", failing_since=None)
            _note(by, "resume_webhook", was)


def delete(webhook: Webhook, *, by: str) -> None:
    """Delete a webhook with the log of its calls. Calls that are on their way end by themselves."""
    with transaction.atomic():
        was = _locked(webhook)
        was.delete()
        audit.note(by, "delete_webhook", before=_audit_values(webhook))


def send_test(webhook: Webhook, *, by: str) -> int:
    """Call it once with a test event; return the job's id. Raise Refused while it is stopped."""
    with transaction.atomic():
        was = _locked(webhook)
        if was.stopped_at is not None:
            raise Refused("The webhook is paused. Resume it, then send a test.")
        job_id = orders.order_test(was)
        audit.note(by, "test_webhook", job_id=job_id, after=_audit_values(was))
    return job_id


def _values(owner_id: Any, *, url: str, states: Collection[str], schedule: Schedule | None) -> dict[str, Any]:
    if not states:
        raise Refused("Choose at least one event, or the webhook would never be called.")
    if unknown := [state for state in states if state not in EVENTS]:
        raise Refused(f"No webhook hears of {unknown[0]!r}: choose {', '.join(EVENTS)}.")
    if schedule is not None and schedule.owner_id != owner_id:
        raise Refused("A webhook can hear of your own schedules only.")
    return {
        "url": addresses.checked(url),
        "schedule": schedule,
        **{f"on_{state}": state in states for state in EVENTS},
    }


def _locked(webhook: Webhook) -> Webhook:
    """Return the webhook's row, locked until the commit; raise Refused when it is gone."""
    row = Webhook.objects.select_for_update(no_key=True).filter(pk=webhook.pk).first()
    if row is None:
        raise Refused("The webhook is not there any more.")
    return row


def _note(by: str, act: str, was: Webhook) -> None:
    after = Webhook.objects.get(pk=was.pk)
    audit.note(by, act, before=_audit_values(was), after=_audit_values(after))


def _audit_values(webhook: Webhook) -> dict[str, Any]:
    # Staff reads the trail: the path of an address may be its secret.
    return {
        "webhook": webhook.pk,
        "host": addresses.host_of(webhook.url),
        "events": [str(state) for state in webhook.states],
        "schedule": webhook.schedule_id,
        "is_paused": webhook.stopped_at is not None,
    }
