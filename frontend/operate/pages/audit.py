"""The audit trail as its page shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from core import pipelines
from core.models import AuditEntry, Job
from frontend.site.listing import Listing, Number, Text

PAGE_LENGTH = 50
#: Characters of a value that a line shows.
VALUE_LENGTH = 120
_MISSING = object()

#: The words for each act; one that is not here is shown by its own name.
ACTS = {
    "cancel": "Cancelled",
    "retry": "Tried again",
    "retry_from_start": "Tried again from the start",
    "edit": "Changed parameters",
    "discard": "Discarded",
    "priority": "Changed priority",
    "requeue_all": "Requeued many",
    "requeue_all_from_start": "Requeued many from the start",
    "discard_all": "Discarded many",
    "change_limit": "Changed a limit",
    "reset_limit": "Reset a limit",
    "pause": "Paused",
    "resume": "Resumed",
    "unblock": "Unblocked",
    "create_schedule": "Made a schedule",
    "edit_schedule": "Changed a schedule",
    "switch_on_schedule": "Switched a schedule on",
    "switch_off_schedule": "Switched a schedule off",
    "run_schedule": "Ran a schedule",
    "delete_schedule": "Deleted a schedule",
    "send_mail_again": "Sent a mail again",
    "keep_dataset": "Kept a dataset for good",
    "release_dataset": "Let a dataset expire",
    "make_webhook": "Made a webhook",
    "edit_webhook": "Changed a webhook",
    "rotate_webhook": "Gave a webhook another secret",
    "pause_webhook": "Paused a webhook",
    "resume_webhook": "Resumed a webhook",
    "test_webhook": "Sent a test to a webhook",
    "delete_webhook": "Deleted a webhook",
    "make_token": "Made an API token",
    "revoke_token": "Revoked an API token",
    "share_job": "Shared a job",
    "revoke_share": "Revoked a link to a job",
}


@dataclass(frozen=True)
class Change:
    """One value before and after an act; empty for one that was not there."""

    name: str
    before: str
    after: str

    @property
    def is_whole(self) -> bool:
        """Whether both are shown as they are."""
        return len(self.before) <= VALUE_LENGTH and len(self.after) <= VALUE_LENGTH


@dataclass(frozen=True)
class Line:
    """One entry of the trail as the page shows it."""

    entry: AuditEntry
    #: Whether its job still exists.
    has_job: bool

    @property
    def act(self) -> str:
        return ACTS.get(self.entry.act, self.entry.act.replace("_", " ").capitalize())

    @property
    def pipeline(self) -> str:
        spec = pipelines.find(self.entry.pipeline) if self.entry.pipeline else None
        return spec.title if spec else self.entry.pipeline

    @property
    def changes(self) -> list[Change]:
        return changes_of(self.entry.before, self.entry.after)


class Trail(Listing[AuditEntry]):
    """The part of the trail for an address, the newest first."""

    length = PAGE_LENGTH
    who = Text(lookup="who__iexact", length=150)
    act = Text(lookup="act", length=40)
    job = Number(lookup="job_id")

    def rows(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all()

    @property
    def acts(self) -> list[tuple[str, str]]:
        """The choices of the filter by act."""
        choices = list(ACTS.items())
        return choices if not self.act or self.act in ACTS else [*choices, (self.act, self.act)]

    @cached_property
    def lines(self) -> list[Line]:
        ids = {entry.job_id for entry in self.page if entry.job_id}
        there = set(Job.objects.filter(pk__in=ids).values_list("pk", flat=True))
        return [Line(entry, has_job=entry.job_id in there) for entry in self.page]


def changes_of(before: Any, after: Any) -> list[Change]:
    """Return the values that an act changed, and those that exist only before or after it."""
    before, after = _flat(before), _flat(after)
    changes = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _MISSING), after.get(name, _MISSING)
        change = Change(_name(name), _in_words(old), _in_words(new))
        if old != new and (change.before or change.after):
            changes.append(change)
    # Values that are the same on both sides show what the change was about.
    same = [
        Change(_name(name), "", _in_words(value))
        for name, value in before.items()
        if after.get(name, _MISSING) == value and value not in ("", None)
    ]
    return same + changes


def _flat(value: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return nested objects as one, with dotted names."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {prefix or "value": value}
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        whole = f"{prefix}.{name}" if prefix else str(name)
        flat |= _flat(inner, prefix=whole) if isinstance(inner, dict) and inner else {whole: inner}
    return flat


def _name(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _in_words(value: Any) -> str:
    if value is _MISSING or value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:,g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
