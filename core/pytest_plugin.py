"""What pytest has from an installed Headway: the fixture `headway`."""

from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture
def headway(db: None) -> ModuleType:  # noqa: ARG001 - jobs are in the database
    """`core.testing`, with the database: `headway.run("invoice", owner=user)`, `headway.drain()`."""
    from core import testing

    return testing
