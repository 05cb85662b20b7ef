"""Wrong passwords: how many are allowed, and what is answered when there were too many.

django-axes counts them in the database, by name and address. Two things are ours. An address by itself may have more
wrong ones than a name has from it, since people share addresses. And a right password forgives the wrong ones for that
name only: else whoever has an account of their own could guess at another's for ever, with a log-in of their own after
each few tries.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core.people.tries import may_try
from frontend.site.addresses import address_of
from frontend.site.errors import with_retry_after

#: An address may have so many times the wrong passwords that one name may have from it.
ADDRESS_SHARE = 5
#: Rows of wrong passwords that are looked at to tell when the wait ends.
_ROWS = 500


class LoginTries(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Counts wrong passwords for a name from an address, and from an address for all names."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        by_name, by_address = (_sum(rows) for rows in self.get_user_attempts(request, credentials))
        return max(by_name, by_address // ADDRESS_SHARE)

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        of_name, _ = self.filter_user_attempts(request, credentials)
        return int(of_name.delete()[0])

    def wait_ends_at(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> dt.datetime:
        """Return when one more may be tried, if nobody tries meanwhile."""
        by_name, by_address = self.get_user_attempts(request, credentials)
        return max(_falls_under(by_name, 1), _falls_under(by_address, ADDRESS_SHARE))


def username_of(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the name that is tried, the same however it is written."""
    name = (credentials or {}).get("username") or request.POST.get("username") or ""
    return unicodedata.normalize("NFKC", str(name)).strip().casefold().replace("\0", "")[:150]


def locked_out(request: HttpRequest, _: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Answer a log-in that has to wait; in the same words whether the name has an account or not."""
    at = LoginTries().wait_ends_at(request, credentials)
    page = render(request, "headway/locked_out.html", {"retry_at": at}, status=429)
    return with_retry_after(page, 429, (at - timezone.now()).total_seconds())


def may_confirm(user: User) -> bool:
    """Return whether the person who has logged in may try their password once more, and count it.

    What only asks for the password again is no log-in, and is counted here.
    """
    return may_try("password", str(user.pk), amount=settings.LOGIN_TRIES, per_seconds=settings.LOGIN_WAIT_MINUTES * 60)


def forgive(request: HttpRequest, user: User) -> None:
    """Forget the wrong passwords for a name from here: the person has shown in another way that it is theirs."""
    reset(username=username_of(request, {"username": user.get_username()}), ip=address_of(request))


def _sum(rows: QuerySet[Any]) -> int:
    return sum(rows.values_list("failures_since_start", flat=True)[:_ROWS])


def _falls_under(rows: QuerySet[Any], share: int) -> dt.datetime:
    """Return when so many of these wrong passwords are too old to count that one more may be tried."""
    counted = list(rows.order_by("attempt_time").values_list("attempt_time", "failures_since_start")[:_ROWS])
    left = sum(failures for _, failures in counted)
    for at, failures in counted:
        if left // share < settings.AXES_FAILURE_LIMIT:
            break
        left -= failures
        if left // share < settings.AXES_FAILURE_LIMIT:
            ends_at: dt.datetime = at + dt.timedelta(minutes=settings.LOGIN_WAIT_MINUTES)
            return ends_at
    return timezone.now()
