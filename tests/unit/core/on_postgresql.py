"""The settings of the core's tests on PostgreSQL.

`UNIT_DATABASE_URL=postgres://… pytest --ds=tests.unit.core.on_postgresql tests/unit/core`
"""

import os

from tests.settings import *  # noqa: F403  the same in all else

from core.settings import _database  # isort: skip  the settings above prepare the environment

DATABASES = {"default": _database(os.environ["UNIT_DATABASE_URL"])}
# A power cut during a test loses a test.
DATABASES["default"]["OPTIONS"]["options"] = " ".join(
    [DATABASES["default"]["OPTIONS"].get("options", ""), "-c synchronous_commit=off"]
).strip()
