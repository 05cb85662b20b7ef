"""How often something may be tried from one place: accounts made, mails asked for, passwords given.

Kept in the database with the buckets of limits, so that all processes count together and a restart forgets nothing. The
worker deletes buckets that have filled up again.
"""

from __future__ import annotations

from hashlib import sha256

from core.database import statements


def may_try(what: str, value: str, *, amount: int, per_seconds: float) -> bool:
    """Return whether one more is allowed, and count it. A try that is refused costs nothing.

    `amount` may come at once; after that one at a time, as `per_seconds` lets them come back.
    """
    interval = per_seconds / amount
    # Addresses of people are kept by what tells them apart only.
    digest = sha256(value.strip().casefold().encode()).hexdigest()
    params = {"what": "accounts", "limit": what, "value": digest}
    return bool(statements.run("spend", {**params, "interval": interval, "slack": interval * (amount - 1)}))
