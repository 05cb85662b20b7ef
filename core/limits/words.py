"""Limits in words, for people."""

from __future__ import annotations

from core.limits.effective import EffectiveLimit

_PERIODS = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))


def in_words(limit: EffectiveLimit) -> str:
    """Return the limit in words, e.g. `100 a minute for each owner` or `4 at once`."""
    if limit.per_seconds is None:
        return f"{limit.amount:,} at once{_for_key(limit.declared.key)}"
    return f"{limit.amount:,} {_period(limit.per_seconds)}{_for_key(limit.declared.key)}"


def _period(seconds: float) -> str:
    if seconds in _PERIODS:
        name = _PERIODS[seconds]
        return f"an {name}" if name == "hour" else f"a {name}"
    for size, name in _UNITS:
        if seconds >= 2 * size and seconds % size == 0:
            return f"in {seconds / size:g} {name}"
    return f"in {seconds:g} seconds"


def _for_key(key: str) -> str:
    if key == "owner":
        return " for each owner"
    if key.startswith("param:"):
        return f" for each {key.removeprefix('param:').replace('_', ' ')}"
    return ""
