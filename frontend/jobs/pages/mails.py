"""Mails as pages show them: to whom, about what, and their state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from core import pipelines
from core.mails.orders import ROLE, ended_key
from core.mails.requests import can_send_again
from core.models import Job, Mail
from core.models.job import JobQuerySet
from frontend.site.listing import Listing, OneOf, Text

PAGE_LENGTH = 50
#: The most mails on the page of a job, and the most unknown ones above the list of all.
JOB_PAGE_MAILS = 50
LISTED_UNKNOWN = 10

#: The tabs of the list: name in the address, title.
TABS = {
    "": "All",
    "unknown": "May have been sent",
    "refused": "Refused",
    "ready": "Not yet sent",
    "sent": "Sent",
    "unsent": "No mail server",
}
_STATES = {
    "unknown": Q(state=Mail.State.UNKNOWN),
    "refused": Q(state=Mail.State.REFUSED),
    "ready": Q(state__in=(Mail.State.READY, Mail.State.SENDING)),
    "sent": Q(state=Mail.State.SENT),
    "unsent": Q(state=Mail.State.UNSENT),
}
#: The style of each state: the state of a job whose colour it gets, and its icon.
_STATE_STYLES = {
    Mail.State.READY: ("queued", "mail"),
    Mail.State.SENDING: ("running", "running"),
    Mail.State.SENT: ("succeeded", "check-circle"),
    Mail.State.UNSENT: ("warned", "alert"),
    Mail.State.UNKNOWN: ("retrying", "alert"),
    Mail.State.REFUSED: ("failed", "x-circle"),
}


@dataclass(frozen=True)
class MailEntry:
    """One mail as its line shows it."""

    mail: Mail

    @property
    def state(self) -> str:
        """Its state; a mail that an ended job left unfinished may have been sent."""
        left = self.mail.state == Mail.State.SENDING and self.mail.job.is_finished
        return Mail.State.UNKNOWN if left else self.mail.state

    @property
    def words(self) -> str:
        if self.state == Mail.State.READY:
            return "Waits to be sent" if self.mail.job.is_live else "Not sent"
        if self.state == Mail.State.UNSENT:
            return "Not sent"
        # What the server said stands beside it.
        return "Refused" if self.state == Mail.State.REFUSED else str(Mail.State(self.state).label)

    @property
    def tone(self) -> str:
        return _STATE_STYLES[Mail.State(self.state)][0]

    @property
    def icon(self) -> str:
        return _STATE_STYLES[Mail.State(self.state)][1]

    @property
    def can_send_again(self) -> bool:
        return can_send_again(self.mail)


class MailList(Listing[Mail]):
    """The mails that an address asks for, the newest first."""

    length = PAGE_LENGTH
    state = OneOf(_STATES)
    to = Text(lookup="to__icontains")

    def rows(self) -> QuerySet[Mail]:
        # Mails that may have been sent are above the unfiltered list, and under a tab of their own.
        return _listed() if self.is_filtered else _listed().exclude(state=Mail.State.UNKNOWN)

    @cached_property
    def entries(self) -> list[MailEntry]:
        return [MailEntry(mail) for mail in self.page]

    @cached_property
    def unknown(self) -> list[MailEntry]:
        """Mails that may have been sent, for the top of the unfiltered list: somebody has to check them."""
        if self.is_filtered or self.first_page:
            return []
        return [MailEntry(mail) for mail in _listed().filter(state=Mail.State.UNKNOWN)[:LISTED_UNKNOWN]]

    @cached_property
    def unknown_count(self) -> int:
        return Mail.objects.filter(state=Mail.State.UNKNOWN).order_by().count()

    @property
    def state_tabs(self) -> list[dict[str, Any]]:
        return self.tabs("state", TABS, {"unknown": self.unknown_count})

    @property
    def unknown_page(self) -> str:
        """The address of all that may have been sent."""
        return self.address(state="unknown")


def mails_of(job: Job) -> list[MailEntry]:
    """Return the mails of a job: its own, those of its parts, and the one that says it has ended."""
    ordered = Job.objects.filter(owner_id=job.owner_id, idempotency_key=ended_key(job.pk, job.fence))
    ids = {job.pk, *_of_pipeline(ordered), *_of_pipeline(Job.objects.filter(parent=job.pk))}
    return [MailEntry(mail) for mail in _listed().filter(job__in=ids)[:JOB_PAGE_MAILS]]


def _of_pipeline(jobs: JobQuerySet) -> QuerySet[Job, int]:
    return jobs.filter(pipeline=pipelines.for_role(ROLE).name).order_by().values_list("pk", flat=True)[:JOB_PAGE_MAILS]


def _listed() -> QuerySet[Mail]:
    # A list shows neither the text of a mail nor the parameters of its job.
    mails = Mail.objects.select_related("job", "job__owner").defer("text", "html", "job__params", "job__result")
    return mails.order_by("-pk")
