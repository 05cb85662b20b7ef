"""Wrong passwords: how many are allowed, and the answer when there were too many.

1. Each try is counted before the password is checked: for its name from its place, and for the place alone. A place may
   have more, as people share addresses. Guesses that come at once get no further than one after another.
2. A right password takes its own count back, and forgives the wrong ones of that name only. Otherwise whoever has an
   account could guess at another's for ever, with a log-in of their own after every few tries.
3. The last wrong one locks the name there, or the place, for a while. Tries during the lock are not checked, and do not
   make it longer.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from core.conf import conf
from core.people.tries import Tries, forget_all, may_try
from frontend.site.addresses import address_of
from frontend.site.errors import with_retry_after

#: How many times the wrong passwords of one name are allowed to its whole address.
ADDRESS_SHARE = 5
_BY_NAME, _BY_PLACE = "login", "login_place"


class LogIn:
    """A name that is tried from a place."""

    def __init__(self, request: HttpRequest, username: str) -> None:
        self._request = request
        tries, seconds, place = conf.LOGIN_TRIES, conf.LOGIN_WAIT_MINUTES * 60, address_of(request)
        self._by_name = Tries.of(_BY_NAME, name_of(username), place, amount=tries, per_seconds=seconds)
        self._by_place = Tries.of(_BY_PLACE, place, amount=tries * ADDRESS_SHARE, per_seconds=seconds)

    def may_go_on(self) -> bool:
        """Return whether the password may be checked, and count the try; if not, the answer names the wait."""
        if self._is_locked():
            return False
        if not self._by_place.take():
            return self._lock()
        if not self._by_name.take():
            self._by_place.give_back()
            return self._lock()
        return True

    def succeed(self) -> None:
        self._by_name.forget()
        self._by_place.give_back()

    def fail(self) -> None:
        """Lock the name or the place that has used up its tries with this one."""
        self._lock()

    def forgive(self) -> None:
        """Forget the wrong passwords for this name from here."""
        self._by_name.forget()

    def _lock(self) -> bool:
        for tries in (self._by_name, self._by_place):
            tries.lock_when_used_up()
        self._is_locked()
        return False

    def _is_locked(self) -> bool:
        seconds = max(self._by_name.wait_seconds(), self._by_place.wait_seconds())
        if seconds:
            # For the middleware: forms know only that the password is not right.
            self._request.login_wait_seconds = seconds  # type: ignore[attr-defined]
        return bool(seconds)


class LoginTriesMiddleware:
    """Answers a log-in that has to wait, from any form; in the same words whether or not the name has an account."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        seconds: float | None = getattr(request, "login_wait_seconds", None)
        return response if seconds is None else _locked_out(request, seconds)


def name_of(username: str) -> str:
    """Return the name of a try in one form, however it was written."""
    return unicodedata.normalize("NFKC", username).strip().casefold().replace("\0", "")[:150]


def may_confirm(user: User) -> bool:
    """Return whether the person who has logged in may try their password once more, and count it.

    A form that asks for the password again is no log-in, so its tries are counted here.
    """
    return may_try("password", str(user.pk), amount=conf.LOGIN_TRIES, per_seconds=conf.LOGIN_WAIT_MINUTES * 60)


def forgive(request: HttpRequest, user: User) -> None:
    """Forget the wrong passwords for a name from here: the person has proved in another way that it is theirs."""
    LogIn(request, user.get_username()).forgive()


def forgive_name(username: str) -> int:
    """Forget the wrong passwords for a name wherever they came from; return from how many places."""
    return forget_all(_BY_NAME, name_of(username))


def forgive_place(address: str) -> int:
    """Forget the wrong passwords from an address for all names together; return 1 if there were some."""
    return forget_all(_BY_PLACE, address)


def _locked_out(request: HttpRequest, seconds: float) -> HttpResponse:
    at = timezone.now() + dt.timedelta(seconds=seconds)
    page = render(request, "headway/locked_out.html", {"retry_at": at}, status=429)
    return with_retry_after(page, 429, seconds)
