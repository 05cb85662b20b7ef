"""Webhooks as pages show them: where they call, how they stand, and what was answered."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery

from core.errors import PermanentError
from core.models import Webhook, WebhookCall
from core.webhooks import keys
from core.webhooks.addresses import host_of
from core.webhooks.payload import EVENTS
from frontend.site.listing import Listing, as_id
from frontend.site.security import PersonRequest

PAGE_LENGTH = 50


@dataclass(frozen=True)
class Call:
    """One call as its line shows it."""

    call: WebhookCall
    #: Whether it is the last one of its delivery, which has failed and may be tried again.
    can_be_sent_again: bool = False

    @property
    def is_delivered(self) -> bool:
        return self.call.status is not None and 200 <= self.call.status < 300

    @property
    def words(self) -> str:
        return str(self.call.status or "No answer")

    @property
    def tone(self) -> str:
        """The state of a job whose colour it gets."""
        return "succeeded" if self.is_delivered else "failed"

    @property
    def icon(self) -> str:
        return "check-circle" if self.is_delivered else "x-circle"

    @property
    def about(self) -> int:
        """The number of the job that it told of; 0 for a test."""
        return as_id(self.call.job.subject_key)


@dataclass(frozen=True)
class Row:
    """A webhook as a list shows it, and its page."""

    webhook: Webhook
    last: Call | None = None

    @property
    def host(self) -> str:
        return host_of(self.webhook.url)

    @property
    def events(self) -> str:
        return ", ".join(EVENTS[state] for state in self.webhook.states)

    @property
    def words(self) -> str:
        if self.webhook.stopped_at is not None:
            return "Stopped" if self.webhook.note else "Paused"
        return "Failing" if self.webhook.failing_since else "On"

    @property
    def tone(self) -> str:
        """The state of a job or worker whose colour it gets."""
        return {"Stopped": "failed", "Paused": "paused", "Failing": "retrying"}.get(self.words, "succeeded")

    @property
    def icon(self) -> str:
        return {"Stopped": "alert", "Paused": "pause", "Failing": "alert"}.get(self.words, "check-circle")


class CallList(Listing[WebhookCall]):
    """The calls of a webhook, the newest first."""

    length = PAGE_LENGTH

    def __init__(self, request: PersonRequest, webhook: Webhook) -> None:
        super().__init__(request.GET, request.path)
        self.webhook = webhook

    def rows(self) -> QuerySet[WebhookCall]:
        # Neither what was sent nor what became of it is shown.
        return self.webhook.calls.select_related("job").defer("job__params", "job__result").order_by("-pk")

    @cached_property
    def lines(self) -> list[Call]:
        seen: set[int] = set()
        lines = []
        for call in self.page:
            is_last = call.job_id not in seen and not self.first_page
            seen.add(call.job_id)
            lines.append(Call(call, can_be_sent_again=is_last and call.job.can_retry))
        return lines

    @property
    def version(self) -> str:
        """The version that the page compares."""
        row = self.webhook
        values = (
            row.url,
            row.states,
            row.schedule_id,
            row.stopped_at,
            row.failing_since,
            row.note,
            row.old_secret_until,
        )
        calls = [(line.call.pk, line.call.job.state) for line in self.lines]
        return format(zlib.crc32(repr((values, calls)).encode()), "08x")


def of(user: User) -> QuerySet[Webhook]:
    """Return the person's own webhooks. Nobody else's are shown to anybody: their addresses may be secrets."""
    return Webhook.objects.filter(owner=user.pk).select_related("schedule")


def secret_of(webhook: Webhook) -> tuple[str, str]:
    """Return the webhook's secret, or nothing and the sentence why it can't be read."""
    try:
        return keys.secret_of(webhook), ""
    except PermanentError as error:
        return "", str(error)


def rows_of(user: User) -> list[Row]:
    """Return the person's webhooks, each with its last call."""
    newest = WebhookCall.objects.filter(webhook=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    webhooks = list(of(user).annotate(last_call=Subquery(newest)).order_by("-pk"))
    calls = WebhookCall.objects.in_bulk([each.last_call for each in webhooks if each.last_call])
    return [Row(each, Call(calls[each.last_call]) if each.last_call in calls else None) for each in webhooks]
