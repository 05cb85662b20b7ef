"""The settings of the core's tests on PostgreSQL: `DATABASE_URL=… pytest --ds=tests.unit.core.on_postgresql`."""

from tests.settings import *  # noqa: F403  the same in all else

from core.settings import _database  # isort: skip  the settings above prepare the environment
from tests.settings import GIVEN  # isort: skip

DATABASES = {"default": _database(GIVEN["DATABASE_URL"])}
