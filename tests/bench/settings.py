"""The site's own settings, with one page more: the constant one that a submit is measured against."""

from core.settings import *  # noqa: F403 - the site's settings are the point

ROOT_URLCONF = "tests.bench.urls"
