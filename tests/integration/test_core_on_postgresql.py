"""The tests of core and actors that ran on SQLite run once more on PostgreSQL, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.services.postgres import GivenPostgres
from tests.services.site import CHECKOUT

pytestmark = pytest.mark.main_way


def test_core_and_actors_keep_their_promises_on_postgresql(postgres: GivenPostgres) -> None:
    url = postgres.create_database("headway_unit")
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("--ds", "tests.unit.core.on_postgresql", "tests/unit/core"),
                *("tests/unit/actors/runtime", "tests/unit/actors/task_backend"),
            ],
            cwd=CHECKOUT,
            env={**os.environ, "UNIT_DATABASE_URL": url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
    finally:
        postgres.drop_database("headway_unit")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
