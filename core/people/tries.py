"""How often something may be tried: accounts made, mails asked for, passwords given, of one name or from one place.

Kept in the database with the buckets of limits, so that all processes count together and a restart forgets nothing. The
worker deletes buckets that have filled up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from django.db.models import F, QuerySet

from core.database import statements
from core.database.clock import database_now
from core.models import LimitBucket

#: The name under which the buckets of limits hold these.
_KIND = "accounts"
#: Seconds by which a time that was counted in the database may differ from the same time read from it.
_ROUNDING_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Tries:
    """Tries of one kind by one value: `amount` are allowed at once; they come back evenly over `per_seconds`."""

    what: str
    #: The digest of the value: names and addresses of people are not stored.
    digest: str
    amount: int
    per_seconds: float

    @classmethod
    def of(cls, what: str, *values: str, amount: int, per_seconds: float) -> Self:
        return cls(what=what, digest=":".join(map(_digest, values)), amount=amount, per_seconds=per_seconds)

    def take(self) -> bool:
        """Return whether one more is allowed, and count it. A try that is refused costs nothing."""
        params = {"what": _KIND, "limit": self.what, "value": self.digest}
        return bool(statements.run("spend", {**params, "interval": self._interval, "slack": self._slack}))

    def give_back(self) -> None:
        """Take back one that was counted."""
        self._rows.update(tat=F("tat") - self._interval)
        now = database_now().timestamp()
        self._rows.filter(tat__lte=now + _ROUNDING_SECONDS, blocked_until__lte=now).delete()

    def lock_when_used_up(self) -> bool:
        """Allow none for `per_seconds` if the last one is used up; return whether it is."""
        now = database_now().timestamp()
        used_up = self._rows.filter(tat__gt=now + self._slack + _ROUNDING_SECONDS)
        return bool(used_up.update(blocked_until=now + self.per_seconds))

    def wait_seconds(self) -> float:
        """Return the seconds for which it is still locked; 0 when it is not."""
        until = self._rows.values_list("blocked_until", flat=True).first() or 0.0
        return max(0.0, until - database_now().timestamp()) if until else 0.0

    def forget(self) -> None:
        """Forget all that were counted so far."""
        self._rows.delete()

    @property
    def _rows(self) -> QuerySet[LimitBucket]:
        return LimitBucket.objects.filter(pipeline=_KIND, limit=self.what, value=self.digest)

    @property
    def _interval(self) -> float:
        return self.per_seconds / self.amount

    @property
    def _slack(self) -> float:
        return self._interval * (self.amount - 1)


def may_try(what: str, value: str, *, amount: int, per_seconds: float) -> bool:
    """Return whether one more is allowed, and count it. A try that is refused costs nothing."""
    return Tries.of(what, value, amount=amount, per_seconds=per_seconds).take()


def forget_all(what: str, value: str) -> int:
    """Forget the tries of this kind whose first value is this one; return the number of buckets."""
    return LimitBucket.objects.filter(pipeline=_KIND, limit=what, value__startswith=_digest(value)).delete()[0]


def _digest(value: str) -> str:
    return sha256(value.strip().casefold().encode()).hexdigest()[:48]
