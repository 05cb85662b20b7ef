"""Mails as pages show them: to whom, about what, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from core import pipelines
from core.mails.orders import ROLE, ended_key
from core.mails.requests import can_send_again
from core.models import Job, Mail
from core.models.job import JobQuerySet

PAGE_LENGTH = 50
#: Mails that the page of a job shows, and unknown ones above the list of all.
SHOWN = 50
UNKNOWN_SHOWN = 10
_LONGEST = 200

#: The tabs of the list: name in the address, title.
TABS = (
    ("", "All"),
    ("unknown", "May have been sent"),
    ("refused", "Refused"),
    ("ready", "Not yet sent"),
    ("sent", "Sent"),
)
#: How each state looks: the state of a job that it is coloured as, its icon.
_LOOKS = {
    Mail.State.READY: ("queued", "mail"),
    Mail.State.SENDING: ("running", "running"),
    Mail.State.SENT: ("succeeded", "check-circle"),
    Mail.State.UNKNOWN: ("retrying", "alert"),
    Mail.State.REFUSED: ("failed", "x-circle"),
}


@dataclass(frozen=True)
class MailEntry:
    """One mail as its line shows it."""

    mail: Mail

    @property
    def state(self) -> str:
        """Its state; what an ended job left half done may have been sent."""
        left = self.mail.state == Mail.State.SENDING and self.mail.job.is_finished
        return Mail.State.UNKNOWN if left else self.mail.state

    @property
    def words(self) -> str:
        if self.state == Mail.State.READY:
            return "Waits to be sent" if self.mail.job.is_live else "Not sent"
        # What the server said stands beside it.
        return "Refused" if self.state == Mail.State.REFUSED else str(Mail.State(self.state).label)

    @property
    def tone(self) -> str:
        return _LOOKS[Mail.State(self.state)][0]

    @property
    def icon(self) -> str:
        return _LOOKS[Mail.State(self.state)][1]

    @property
    def can_send_again(self) -> bool:
        return can_send_again(self.mail)


@dataclass(frozen=True)
class MailList:
    """The mails that an address asks for, the newest first. Pages go by id."""

    query: QueryDict

    @cached_property
    def state(self) -> str:
        asked = self.query.get("state", "")
        return asked if asked in {name for name, _ in TABS} else ""

    @cached_property
    def to(self) -> str:
        return self.query.get("to", "").replace("\x00", "").strip()[:_LONGEST]

    @property
    def is_filtered(self) -> bool:
        return bool(self.state or self.to)

    @cached_property
    def entries(self) -> list[MailEntry]:
        return [MailEntry(mail) for mail in self._rows[:PAGE_LENGTH]]

    @cached_property
    def unknown(self) -> list[MailEntry]:
        """What may have been sent, for the top of the unfiltered list: somebody has to look into it."""
        if self.is_filtered or self._before:
            return []
        return [MailEntry(mail) for mail in _known().filter(state=Mail.State.UNKNOWN)[:UNKNOWN_SHOWN]]

    @cached_property
    def unknown_count(self) -> int:
        return Mail.objects.filter(state=Mail.State.UNKNOWN).order_by().count()

    @property
    def tabs(self) -> list[dict[str, Any]]:
        return [
            {
                "title": title,
                "address": self._address(state=name),
                "is_current": name == self.state,
                "count": self.unknown_count if name == Mail.State.UNKNOWN else None,
            }
            for name, title in TABS
        ]

    @property
    def next_page(self) -> str:
        """The query of the next page, empty on the last."""
        return self._address(before=self._rows[PAGE_LENGTH - 1].pk) if len(self._rows) > PAGE_LENGTH else ""

    @property
    def first_page(self) -> str:
        """The query of the first page, empty on it."""
        return self._address() if self._before else ""

    @property
    def unknown_page(self) -> str:
        """The query of all that may have been sent."""
        return self._address(state=str(Mail.State.UNKNOWN))

    @property
    def _before(self) -> int:
        asked = self.query.get("before", "")
        return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0

    @cached_property
    def _rows(self) -> list[Mail]:
        found = _known()
        if not self.is_filtered:
            # Those stand above, and under a tab of their own.
            found = found.exclude(state=Mail.State.UNKNOWN)
        if self.state == Mail.State.READY:
            found = found.filter(state__in=(Mail.State.READY, Mail.State.SENDING))
        elif self.state:
            found = found.filter(state=self.state)
        if self.to:
            found = found.filter(to__icontains=self.to)
        if self._before:
            found = found.filter(pk__lt=self._before)
        return list(found[: PAGE_LENGTH + 1])

    def _address(self, **changes: Any) -> str:
        kept = {"state": self.state, "to": self.to, **changes}
        return "?" + urlencode({name: value for name, value in kept.items() if value})


def mails_of(job: Job) -> list[MailEntry]:
    """Return the mails of a job: its own, those of its parts, and the one that says it has ended."""
    ordered = Job.objects.filter(owner_id=job.owner_id, idempotency_key=ended_key(job.pk, job.fence))
    ids = {job.pk, *_of_pipeline(ordered), *_of_pipeline(Job.objects.filter(parent=job.pk))}
    return [MailEntry(mail) for mail in _known().filter(job__in=ids)[:SHOWN]]


def _of_pipeline(jobs: JobQuerySet) -> QuerySet[Job, int]:
    return jobs.filter(pipeline=pipelines.for_role(ROLE).name).order_by().values_list("pk", flat=True)[:SHOWN]


def _known() -> QuerySet[Mail]:
    # A list shows neither what a mail says nor what its job was given.
    kept = Mail.objects.select_related("job", "job__owner").defer("text", "html", "job__params", "job__result")
    return kept.order_by("-pk")
