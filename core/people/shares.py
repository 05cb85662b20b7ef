"""Links to the live page of one job, for those who have no account.

1. Who may act on a job makes a link to it, for some days. Its text is the row's id with the site's signature: the row
   says all else, so that the link can be shown again, and called back.
2. Whoever has it sees the job's page, to look and nothing else, until it expires, is revoked, or the job is deleted.
3. It shows no more than its maker may see: it rests while that account is inactive or has lost sight of the job.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db import OperationalError, transaction
from django.db.models import Q

from core import policy
from core.addresses import path_of, site_address
from core.database.clock import database_now
from core.errors import Refused
from core.files.links import BadLink, ExpiredLink
from core.models import Job, ShareLink
from core.people import audit
from core.people.users import is_active

#: The days for which a link may work.
DAYS = (1, 7, 30)
#: Links to one job that work at once.
MOST_LINKS = 20
_OPENED_SECONDS = 60.0
#: Digits of a number in a link: what a database takes as an id.
_DIGITS = 18


def share(job: Job, *, by: Any, days: int, with_files: bool = False) -> ShareLink:
    """Make a link to a job; `by` is the person. `with_files` lets the result's files be downloaded through it.

    Raise Refused for more than MOST_LINKS that work.
    """
    if days not in DAYS:
        raise Refused(f"A link works for {', '.join(map(str, DAYS))} days, not for {days}.")
    with transaction.atomic():
        now = database_now()
        if job.share_links.filter(revoked_at=None, expires_at__gt=now).count() >= MOST_LINKS:
            raise Refused(f"Job {job.pk} has {MOST_LINKS} links that work. Revoke one that nobody needs any more.")
        link = ShareLink.objects.create(
            job=job, made_by=by, created_at=now, expires_at=now + dt.timedelta(days=days), with_files=with_files
        )
        after = {"link": link.pk, "until": link.expires_at, "with_files": with_files}
        audit.note(by.get_username(), "share_job", job_id=job.pk, pipeline=job.pipeline, after=after)
    return link


def address_of(link: ShareLink) -> str:
    """Return the whole address that a link is sent as."""
    return site_address(path_of("shared_job", token_of(link)))


def token_of(link: ShareLink) -> str:
    """Return the signed text that stands for a link in its address."""
    return _signer().sign(str(link.pk))


def find(token: str) -> ShareLink:
    """Return the link with its job and the job's progress, read in one query; raise BadLink or ExpiredLink."""
    try:
        text = _signer().unsign(token)
    except BadSignature as error:
        raise BadLink("this link was not made here") from error
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise BadLink("this link names nothing")
    link = ShareLink.objects.select_related("job__progress", "made_by").filter(pk=int(text)).first()
    if link is None:
        raise ExpiredLink("its job is gone")
    if link.revoked_at is not None or link.expires_at <= database_now():
        raise ExpiredLink("this link's time is over")
    if not is_active(link.made_by) or not policy.may_see(link.made_by, link.job):
        raise ExpiredLink("who made this link may no longer see the job")
    return link


def opened(link: ShareLink) -> None:
    """Write that a link's page was opened, to the minute. A database that takes no writes now does not matter."""
    now = database_now()
    earlier = Q(last_opened_at=None) | Q(last_opened_at__lt=now - dt.timedelta(seconds=_OPENED_SECONDS))
    with suppress(OperationalError):
        ShareLink.objects.filter(earlier, pk=link.pk).update(last_opened_at=now)


def revoke(link: ShareLink, *, by: str) -> bool:
    """End a link for good; return False for one that was revoked before."""
    with transaction.atomic():
        if not ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=database_now()):
            return False
        before = {"link": link.pk, "until": link.expires_at}
        audit.note(by, "revoke_share", job_id=link.job_id, pipeline=link.job.pipeline, before=before)
    return True


def _signer() -> Signer:
    return Signer(sep=".", salt="headway.share")
