"""The settings under test: those of core, with a home of its own that is gone afterwards.

Unit tests run on SQLite whatever the environment says. A broker or database that is named there is kept in
`GIVEN` for the tests of real components (tests/conftest.py), which use it instead of a private node.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_home = tempfile.mkdtemp(prefix="headway-tests-")
# WhiteNoise warns of a folder that `collectstatic` has not made.
Path(_home, "static").mkdir()
atexit.register(shutil.rmtree, _home, ignore_errors=True)

GIVEN = {name: os.environ.pop(name, "") for name in ("RABBITMQ_URL", "DATABASE_URL")}
for _name in (
    "STORAGE_URL",
    "RABBITMQ_QUEUE_TYPE",
    "ALLOWED_HOSTS",
    "HOST",
    "PORT",
    "SECURE_SSL",
    "METRICS_TOKEN",
):
    os.environ.pop(_name, None)
os.environ |= {
    "HEADWAY_HOME": _home,
    "SECRET_KEY": "a key for tests " * 4,
    "DEBUG": "0",
    # A file, as threads of a test cannot share a database in memory.
    "TEST_DATABASE_FILE": f"{_home}/test.sqlite3",
}

from core.settings import *  # noqa: E402, F403  the environment has to be set first

# The real one is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A power cut during a test loses a test.
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405 - core's own
