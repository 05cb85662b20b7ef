"""People whose keys are UUIDs own jobs as others do: the core's own statements on both databases."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.services.site import CHECKOUT

DATABASE = "uuid_people"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_core_lives_with_owners_whose_keys_are_uuids(database: str, request: pytest.FixtureRequest) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    if database == "postgresql":
        server = request.getfixturevalue("postgres")
        environment["UUID_DATABASE_URL"] = server.create_database(DATABASE)
        request.addfinalizer(lambda: server.drop_database(DATABASE))
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.uuid_people.life"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.stdout.endswith("done\n"), done.stderr[-4000:]
