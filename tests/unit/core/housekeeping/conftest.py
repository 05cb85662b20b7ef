"""What the tests of the housekeeper share."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

import tests.pipelines  # noqa: F401  registers them
from tests.unit.core.housekeeping.world import World


@pytest.fixture
def world(alice: User) -> World:
    return World(alice)
