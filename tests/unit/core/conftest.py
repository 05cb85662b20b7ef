"""What the tests of the core share. They run on SQLite; tests/integration runs them once more on PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from core import pipelines
from core.database import statements
from core.database.clock import database_now
from core.life import leases
from core.pipelines import pipeline
from tests.configuration import OwnConf


class Clock:
    """The database's clock, as the core's statements read it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def advance(self, seconds: float) -> None:
        statements.clock_offset_seconds += seconds

    def stop(self) -> None:
        """Let it stand still but for `advance`: a machine that does so for seconds changes nothing then."""
        now = f"{database_now():%Y-%m-%d %H:%M:%S.%f}"
        vendor = connection.vendor
        stopped = f"TIMESTAMPTZ '{now}+00'" if vendor == "postgresql" else f"'{now[:-3]}'"
        for name in ("_NOW", "_NOW_SHIFTED"):
            clocks: dict[str, str] = getattr(statements, name)
            running = "clock_timestamp()" if vendor == "postgresql" else "'now'"
            text = clocks[vendor].replace(running, stopped)
            self._patch.setitem(clocks, vendor, text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(statements, "clock_offset_seconds", 0.0)
    return Clock(monkeypatch)


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Every line is told, also after a command that has quieted its process."""
    caplog.set_level(logging.INFO, logger="headway")


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of these tests may have just started; none of them waits until it reaps."""
    monkeypatch.setattr(leases, "SETTLE_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    """The file store of this test alone."""
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    return tmp_path / "files"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="bob")


@pytest.fixture
def define() -> Iterator[Callable[..., str]]:
    """`define(function, **options)` registers a pipeline for this test and returns its name."""
    names: list[str] = []

    def register(run: Callable[..., Any], **options: Any) -> str:
        name = f"defined_{run.__name__}".lower()
        pipeline(**{"title": name, "is_listed": False, **options, "name": name})(run)
        names.append(name)
        return name

    yield register
    for name in names:
        pipelines.forget(name)
