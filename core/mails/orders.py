"""Ordering a mail: a job of the pipeline `mail`, in the caller's transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core import pipelines
from core.errors import Refused
from core.life.submission import Submission, submit

#: The role of the pipeline that sends what is ordered.
ROLE = "mail"
#: Characters of the longest address: what its column takes (RFC 5321 has 254).
ADDRESS_LENGTH = 254

_KIND = re.compile(r"[a-z][a-z_]{0,39}\Z")


def order(
    kind: str,
    *,
    to: str,
    owner_id: Any,
    context: Mapping[str, Any],
    key: str,
    label: str = "",
    attachments: Iterable[int] = (),
) -> Submission:
    """Order one mail to one address; the same owner's same key again is the same mail.

    `kind` names its templates, `context` is JSON for them, `attachments` are ids of artifacts of the owner's jobs.
    Called in a transaction, the mail is ordered when that commits. Raise Refused when `to` is no address.
    """
    if not _KIND.match(kind):
        raise ValueError(f"mail kind {kind!r}: use lower-case letters and _ (up to 40)")
    if not is_address(to):
        raise Refused(f"{to!r} is no mail address.")
    params = {"kind": kind, "to": to, "context": dict(context), "attachments": list(attachments)}
    return submit(
        pipelines.for_role(ROLE).name, owner_id=owner_id, params=params, label=label or f"Mail to {to}", key=key
    )


def is_address(text: str) -> bool:
    """Whether a mail can be addressed so."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= ADDRESS_LENGTH


def ended_key(job_id: int, fence: int) -> str:
    """Return the key of the mail that says a job has ended: another one when it was tried again and ended anew."""
    return f"ended-{job_id}-{fence}"
