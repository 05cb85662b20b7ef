"""Settings of Headway that a test sets for itself."""

from __future__ import annotations

from typing import Any

from pytest_django import Settings

from core import conf as configuration


class OwnConf:
    """`conf.LEASE_SECONDS = 5` holds until the test ends."""

    def __init__(self, settings: Settings) -> None:
        object.__setattr__(self, "_settings", settings)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in configuration.SETTINGS:
            raise AttributeError(name)
        self._settings.HEADWAY = {**self._settings.HEADWAY, name: value}

    def __getattr__(self, name: str) -> Any:
        return getattr(configuration.conf, name)
