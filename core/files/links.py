"""Links to files for those who do not log in: signed, and good for some days only.

The link names a file by the id of its row and when it ends; the signature is the site's (`SECRET_KEY`). Nothing is
stored: a link can't be called back, but dies with its file.
"""

from __future__ import annotations

from django.core.signing import BadSignature, Signer

from core.addresses import path_of, site_address
from core.conf import conf
from core.database.clock import database_now
from core.errors import HeadwayError

_DAY_SECONDS = 86_400
#: Digits of a number in a link: what a database takes as an id.
_DIGITS = 18


class BadLink(HeadwayError):
    """Raised when the site has made no such link."""


class ExpiredLink(HeadwayError):
    """Raised when a link's time is over."""


def link_to(artifact_id: int, *, days: float | None = None) -> str:
    """Return an address under which anybody may fetch this file, for so many days (`LINK_DAYS`)."""
    until = int(database_now().timestamp() + _DAY_SECONDS * (conf.LINK_DAYS if days is None else days))
    token = _signer().sign(f"{artifact_id}-{until}")
    return site_address(path_of("shared_file", token))


def artifact_of(token: str) -> int:
    """Return the id of the file that a link's token names; raise BadLink or ExpiredLink."""
    try:
        named = _signer().unsign(token)
    except BadSignature as error:
        raise BadLink("this link was not made here") from error
    artifact_id, _, until = named.partition("-")
    if not _is_number(artifact_id) or not _is_number(until):
        raise BadLink("this link names no file")
    if database_now().timestamp() >= int(until):
        raise ExpiredLink("this link's time is over")
    return int(artifact_id)


def _signer() -> Signer:
    return Signer(sep=".", salt="headway.link")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS
