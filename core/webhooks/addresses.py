"""Which addresses may be called. Whoever calls them says so, and says it again at each call."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from core.errors import Refused

#: Returns an address as it is kept; raises PermanentError, with a sentence, for one that may not be called.
_check: Callable[[str], str] | None = None


def set_check(check: Callable[[str], str]) -> None:
    """Say how addresses are checked when a webhook is made or changed."""
    global _check
    _check = check


def checked(text: str) -> str:
    """Return the address as it is kept; raise PermanentError for one that may not be called.

    Its name is not looked up here: one that leads inside is refused by the first call.
    """
    if _check is None:
        raise Refused("This site has nobody who would call an address.")
    return _check(text)


def host_of(url: str) -> str:
    """Return the host with its port, for logs and the audit trail: the path of many an address is a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]
