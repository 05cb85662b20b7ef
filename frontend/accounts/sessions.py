"""When sessions end: after a time without anything done, at their age in any case, and when the person says so.

1. At log-in a session stores when it began, by the database's clock.
2. What a person does keeps it alive: a page they open, a form they send. That is written now and then, not each time.
   Requests that a page makes by itself don't count: htmx's GETs, and what a browser loads for a page.
3. After the end nobody is logged in. A request for a page leads to the log-in page and back; one for a fragment makes
   the browser load its page again, which does the same.

At a change of the password Django ends all other sessions, as each holds a digest of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import UpdateError
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.conf import conf
from core.database.clock import database_now
from frontend.site.outages import answer_outage
from frontend.site.zones import preferences_of

#: In a session: when it began, and when the person last did something (epoch seconds).
BEGUN_AT, SEEN_AT = "begun_at", "seen_at"
#: Seconds between two writings of the latter, unless sessions idle sooner than ten times that.
WRITE_SECONDS = 300.0


class SessionEndMiddleware:
    """Ends sessions that are over, and renews those that are used. `request.person` is who is left, or None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.person = None  # type: ignore[attr-defined]
        # Health checks and other requests without a cookie need no query.
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            try:
                request.person = _person(request)  # type: ignore[attr-defined]
            except (OperationalError, InterfaceError) as error:
                return answer_outage(request, error)
        return self.get_response(request)


@receiver(user_logged_in)
def begin(request: HttpRequest, **_: Any) -> None:
    """Store in a session when it began."""
    request.session[BEGUN_AT] = database_now().timestamp()
    request.session[SEEN_AT] = time.time()


def is_activity(request: HttpRequest) -> bool:
    """Return whether a person made this request, and not a page by itself."""
    if request.method not in ("GET", "HEAD"):
        return True
    if request.headers.get("HX-Request") == "true":
        return False
    # Browsers mark pictures and requests of scripts as no navigation.
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _person(request: HttpRequest) -> User | None:
    """Return the person who is logged in, if their session is not over."""
    user = request.user
    if not user.is_authenticated:
        return None
    why = _why_over(request, user)
    if why:
        request.session.flush()
        request.user = AnonymousUser()
        messages.info(request, f"{why} Log in to go on.")
        return None
    if is_activity(request):
        _keep_up(request)
    return user


def _why_over(request: HttpRequest, user: User) -> str:
    """Return a sentence that says why the session is over; empty while it is not."""
    now, session = time.time(), request.session
    since = preferences_of(user).sessions_since
    if since is not None and session.get(BEGUN_AT, 0.0) < since.timestamp():
        return "You logged out everywhere."
    # A session from before there were these times begins now.
    begun_at, seen_at = session.setdefault(BEGUN_AT, now), session.setdefault(SEEN_AT, now)
    if now - seen_at > conf.SESSION_IDLE_HOURS * 3600:
        return f"You were logged out, as nothing was done here for {_in_words(conf.SESSION_IDLE_HOURS)}."
    if now - begun_at > conf.SESSION_DAYS * 86400:
        return f"You were logged out, as you had logged in {_in_words(conf.SESSION_DAYS * 24)} ago."
    return ""


def _keep_up(request: HttpRequest) -> None:
    now, session = time.time(), request.session
    if now - session[SEEN_AT] < min(WRITE_SECONDS, conf.SESSION_IDLE_HOURS * 360):
        return
    session[SEEN_AT] = now
    # A full disk, or a log-out at the same moment: a page that only reads is shown all the same.
    with suppress(OperationalError, UpdateError):
        session.save()
    # Its cookie lasts long enough, and Django need not save it a second time with the answer.
    session.modified = False


def _in_words(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:g} days"
    if hours >= 1:
        return f"{hours:g} hour{'' if hours == 1 else 's'}"
    return f"{max(1, round(hours * 60))} min"
