"""Time zones: the person's own for all times on pages, and the names of all zones."""

from __future__ import annotations

import zoneinfo
from functools import cache

from django.contrib.auth.models import AnonymousUser, User

from core.models import Preferences
from core.pipelines.cron import zone_names

#: Old spellings and machine zones, which are understood but not suggested.
_HIDDEN = ("Etc/", "SystemV/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/", "posix/", "right/")


def preferences_of(user: User | AnonymousUser | None) -> Preferences:
    """Return the preferences that were loaded with the person; defaults without a choice or a person."""
    if user is None or not user.is_authenticated:
        return Preferences()
    return Preferences.of(user)


def zone_of(user: User | AnonymousUser | None) -> zoneinfo.ZoneInfo | None:
    """Return the person's zone, or None for the site's."""
    name = read(preferences_of(user).zone)
    return zoneinfo.ZoneInfo(name) if name else None


def read(text: str) -> str:
    """Return the zone's exact name for what a person typed: `europe/paris`, `America/New York`; or ""."""
    return _by_folded().get(text.strip().replace(" ", "_").casefold(), "")


@cache
def suggested() -> tuple[str, ...]:
    """Return the names to choose from, in order: places, and UTC."""
    names = (name for name in _by_folded().values() if "/" in name and not name.startswith(_HIDDEN))
    return (*sorted(names), "UTC")


@cache
def _by_folded() -> dict[str, str]:
    return {name.casefold(): name for name in zone_names()}
