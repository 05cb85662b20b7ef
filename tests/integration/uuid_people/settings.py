"""A site whose user model has UUIDs as keys, without pages: `core` and `actors` are what it tries."""

import os

from tests.settings import *  # noqa: F403  the same in all else

from core.settings import _database  # isort: skip  the settings above prepare the environment

INSTALLED_APPS = [
    "tests.integration.uuid_people",
    *(app for app in INSTALLED_APPS if app != "frontend" and "admin" not in app),  # noqa: F405  those of tests.settings
]
AUTH_USER_MODEL = "uuid_people.Person"
ROOT_URLCONF = "tests.integration.uuid_people.urls"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if url := os.environ.get("UUID_DATABASE_URL"):
    DATABASES = {"default": _database(url)}
