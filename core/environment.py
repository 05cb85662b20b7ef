"""The environment as settings read it. A value that is none is refused in a sentence, before anything starts."""

from __future__ import annotations

import math

import environ
from django.core.exceptions import ImproperlyConfigured

_SWITCHES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Environment(environ.Env):  # type: ignore[misc]  # it has no types
    """Numbers within their bounds, and switches. What is set to nothing has its default, as what is not set."""

    def integer(self, var: str, default: int, *, least: int = 0, most: int = 2**63 - 1) -> int:
        """Return a whole number; raise ImproperlyConfigured for any other value."""
        given = self._given(var)
        if not given:
            return default
        try:
            number = int(given)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{var} is {given!r}: write a whole number{_bounds(least, most)}.")
        return number

    def integers(self, var: str, default: list[int], *, least: int, most: int) -> list[int]:
        """Return whole numbers that commas separate; raise ImproperlyConfigured when one is none."""
        given = [text.strip() for text in self._given(var).split(",") if text.strip()]
        if not all(text.isascii() and text.isdigit() and least <= int(text) <= most for text in given):
            raise ImproperlyConfigured(
                f"{var} is {self._given(var)!r}: write whole numbers{_bounds(least, most)}, joined by commas."
            )
        return [int(text) for text in given] or default

    def number(self, var: str, default: float, *, least: float = 0, most: float = 1e9) -> float:
        """Return a number; raise ImproperlyConfigured for any other value."""
        given = self._given(var)
        if not given:
            return default
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{var} is {given!r}: write a number{_bounds(least, most)}.")
        return number

    def switch(self, var: str, default: bool) -> bool:
        """Return whether it is switched on; raise ImproperlyConfigured for what is no switch."""
        given = self._given(var)
        if given and given.lower() not in _SWITCHES:
            raise ImproperlyConfigured(f"{var} is {given!r}: write 1 or 0.")
        return _SWITCHES[given.lower()] if given else default

    def _given(self, var: str) -> str:
        return str(self.str(var, "")).strip()


def _bounds(least: float, most: float) -> str:
    return f" from {least:g} to {most:g}" if most <= 1_000_000 else f", {least:g} or more"
