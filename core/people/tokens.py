"""API tokens: how programs come in for a person.

1. A person makes a token on their settings page. Its text is returned once; the row keeps its SHA-256, by which a
   request's token is found. 256 random bits need no salt and no slow hash: nobody guesses them.
2. A request with it acts for its owner, as far as its scope allows: `token.allows(...)`. The right to operate the site
   is looked up at each request: who loses it loses it in their tokens too.
3. It works until it expires, is revoked, or its owner is inactive. A log-out and a new password leave it alone:
   programs go on.
4. Texts that are no token are counted by the address they come from. Right ones are not, and work from there all the
   same: a broken script must not keep out the others behind its address.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from contextlib import suppress
from hashlib import sha256
from threading import Lock
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet

from core import policy
from core.conf import conf
from core.database.clock import database_now
from core.database.jsontext import storable
from core.errors import Refused
from core.models import ApiToken
from core.people import audit
from core.people.tries import Tries
from core.people.users import is_active

#: Begins every token, so that people and scanners of code know one when they see it.
PREFIX = "hw_"
#: Texts that are no token, which one address may send at once; they come back evenly over these seconds.
WRONG_TRIES, WRONG_SECONDS = 30, 600.0
#: Seconds after which an address that has used up its tries may send one more.
WRONG_RETRY_SECONDS = WRONG_SECONDS / WRONG_TRIES
#: Working tokens that one person may have.
MOST_TOKENS = 50

_RANDOM_BYTES = 32
_ENDING_LENGTH = 4
_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{32,128}}")
_USE_SECONDS = 60.0
#: A process takes a minute's requests of a token in so many parts, so that not each request writes.
_PARTS = 20


def make(owner: Any, *, name: str, scope: str, days: int | None, by: str = "") -> tuple[ApiToken, str]:
    """Make a token of a person's; return it with its text, which is stored nowhere.

    `days` is how long it works; None is for ever. `by` is who makes it, if it is not the owner. Raise Refused for a
    scope that the person has not, and for more than MOST_TOKENS.
    """
    if scope not in ApiToken.Scope.values:
        raise Refused(f"There is no scope {scope!r}: choose {', '.join(ApiToken.Scope.values)}.")
    if scope == ApiToken.Scope.OPERATE and not policy.operates(owner):
        raise Refused("Only who operates the site may have a token that does.")
    name = storable(name).strip()[:100]
    if not name:
        raise Refused("Give the token a name.")
    text = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    with transaction.atomic():
        if working(ApiToken.objects.filter(owner=owner)).count() >= MOST_TOKENS:
            raise Refused(f"You have {MOST_TOKENS} tokens that work. Revoke one that you no longer use.")
        now = database_now()
        token = ApiToken.objects.create(
            owner=owner,
            name=name,
            digest=_digest(text),
            ending=text[-_ENDING_LENGTH:],
            scope=scope,
            created_at=now,
            expires_at=None if days is None else now + dt.timedelta(days=days),
        )
        audit.note(by or owner.get_username(), "make_token", after=_audit_values(token))
    return token, text


def find(text: str) -> ApiToken | None:
    """Return the token with this text, with its owner, if it works; None for any other text."""
    if not _SHAPE.fullmatch(text):
        return None
    token = working(ApiToken.objects.select_related("owner__preferences")).filter(digest=_digest(text)).first()
    return token if token is not None and is_active(token.owner) else None


def working(tokens: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """Return those of the tokens that are neither revoked nor expired."""
    return tokens.filter(Q(expires_at=None) | Q(expires_at__gt=database_now()), revoked_at=None)


def used(token: ApiToken) -> None:
    """Write that a token was used, to the minute. A database that takes no writes now does not matter."""
    last, now = token.last_used_at, dt.datetime.now(dt.UTC)
    if last is not None and 0 <= (now - last).total_seconds() < _USE_SECONDS:
        return
    now = database_now()
    earlier = Q(last_used_at=None) | Q(last_used_at__lt=now - dt.timedelta(seconds=_USE_SECONDS))
    with suppress(OperationalError):
        ApiToken.objects.filter(earlier, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now


def revoke(token: ApiToken, *, by: str) -> bool:
    """End a token for good; return False for one that was revoked before."""
    with transaction.atomic():
        now = database_now()
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            return False
        token.revoked_at = now
        audit.note(by, "revoke_token", before=_audit_values(token))
    return True


def may_try(address: str) -> bool:
    """Return whether this address may send one more text that is no token, and count it.

    Called when `find` has found none; after a False, WRONG_RETRY_SECONDS are to be waited.
    """
    return Tries.of("token", address, amount=WRONG_TRIES, per_seconds=WRONG_SECONDS).take()


def allowed(token: ApiToken) -> bool:
    """Return whether a token may send one more request (API_RATE), and count it.

    After a False, `rate_retry_seconds()` are to be waited. With several processes, a token may get up to a twentieth of
    its rate more for each.
    """
    return not conf.API_RATE or _purse.take(token.digest)


def rate_retry_seconds() -> float:
    """Return the seconds after which a token that has used up its requests may send more."""
    return 60.0 / _parts()


def _part() -> int:
    """Return how many requests a process takes at once."""
    return max(1, conf.API_RATE // _PARTS)


def _parts() -> int:
    """Return how many times in a minute it may."""
    return max(1, conf.API_RATE // _part())


class _Purse:
    """What this process has taken of tokens' rates and not used yet."""

    #: Tokens that are remembered; who is forgotten loses no more than what was taken.
    _MOST = 1000

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._lock = Lock()

    def take(self, digest: str) -> bool:
        with self._lock:
            left = self._left.get(digest, 0)
            if left:
                self._left[digest] = left - 1
                return True
        if not Tries.of("token_rate", digest, amount=_parts(), per_seconds=60.0).take():
            return False
        with self._lock:
            if len(self._left) >= self._MOST:
                self._left.clear()
            self._left[digest] = self._left.get(digest, 0) + _part() - 1
        return True


_purse = _Purse()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _audit_values(token: ApiToken) -> dict[str, Any]:
    return {
        "token": str(token),
        "owner": token.owner.get_username(),
        "scope": token.scope,
        "expires_at": token.expires_at,
    }
