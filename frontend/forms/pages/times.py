"""Times as a schedule has them: on the wall clock of its zone, and those that a cron will have."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.utils import timezone

#: Future times that a page shows.
TIMES_LENGTH = 5


@dataclass(frozen=True)
class Moment:
    """A time on the wall clock of a schedule's zone."""

    at: dt.datetime

    @property
    def day(self) -> str:
        return f"{self.at:%a %-d %b %Y}"

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}" if self.at.second else f"{self.at:%H:%M}"

    @property
    def offset(self) -> str:
        """The distance from UTC: `UTC+01:00`."""
        offset = f"{self.at:%z}"
        return f"UTC{offset[:3]}:{offset[3:5]}"

    @property
    def label(self) -> str:
        """The distance from UTC where the clock differs from the person's, by which all other times of a page are."""
        here = self.at.astimezone(timezone.get_current_timezone())
        if here.utcoffset() == self.at.utcoffset():
            return ""
        return self.offset if self.at.utcoffset() else "UTC"

    def __str__(self) -> str:
        return f"{self.day}, {self.clock} {self.label}".rstrip()


@dataclass(frozen=True)
class Preview:
    """The meaning of a cron while it is typed: its words and next times, or its errors."""

    words: str = ""
    times: list[Moment] = field(default_factory=list)
    zone: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.errors)


def moment(at: dt.datetime, zone: str) -> Moment:
    """Return the time on the zone's wall clock; in UTC when the zone is not known any more."""
    try:
        return Moment(at.astimezone(ZoneInfo(zone)))
    except (LookupError, OSError, ValueError):
        return Moment(at.astimezone(dt.UTC))
