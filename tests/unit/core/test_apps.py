"""Apps that are missing, or in an order in which they would fail for no clear reason."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.apps import APPS, check_apps


@pytest.mark.parametrize("missing", ["actors", "django_htmx", "django_dramatiq"])
def test_a_missing_app_is_named_with_all_that_are_needed(missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^INSTALLED_APPS has no '{missing}'\..*'django_dramatiq'\.$"):
        check_apps([name for name in APPS if name != missing])


def test_an_order_in_which_the_broker_would_not_be_ours_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^In INSTALLED_APPS 'actors' has to stand before 'django_drama"):
        check_apps(["core", "django_dramatiq", "actors", "frontend", "django_htmx"])


def test_apps_may_be_named_by_their_configurations() -> None:
    check_apps(["shop", "core.apps.CoreConfig", "actors.apps.ActorsConfig", *APPS[3:], APPS[0]])


def test_a_site_may_do_without_the_pages() -> None:
    check_apps(["core", "actors", "django_dramatiq"])
    with pytest.raises(ImproperlyConfigured, match=r"^INSTALLED_APPS has no 'actors'\."):
        check_apps(["core", "django_dramatiq"])
