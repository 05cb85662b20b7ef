"""Light, dark, or as the system says: a person's own choice wherever they log in, else this browser's.

The browser's is in a cookie, so that the first paint is right; a person's choice is written there too.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.models import Preferences

COOKIE = "theme"
CHOICES = ("auto", "light", "dark")
_YEAR_SECONDS = 365 * 24 * 3600


def keep_in_browser(request: HttpRequest, response: HttpResponseBase, chosen: str) -> None:
    """Let this browser's pages have the theme also when nobody is logged in."""
    response.set_cookie(
        COOKIE, chosen, max_age=_YEAR_SECONDS, samesite="Lax", secure=request.is_secure(), httponly=True
    )


def theme_of(request: HttpRequest) -> str:
    """Return the theme of the person who has chosen one, else this browser's; `auto` follows the system."""
    user = getattr(request, "person", None)
    preferences: Preferences | None = getattr(user, "preferences", None) if user is not None else None
    chosen = preferences.theme if preferences is not None else request.COOKIES.get(COOKIE, "")
    return chosen if chosen in CHOICES else "auto"
