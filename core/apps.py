"""Django's entry of the core."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

#: What a site with Headway has in INSTALLED_APPS; the last one reads, as it is made, what the one of the work has set.
APPS = ("django_htmx", "core", "actors", "frontend", "django_dramatiq")


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Headway"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        check_apps(settings.INSTALLED_APPS)

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.core.checks import register
        from django.db.models.signals import pre_delete

        from core import checks, testing
        from core.conf import conf
        from core.database import connections  # noqa: F401 - prepares each
        from core.files import storage
        from core.life.end_signals import ending
        from core.mails.accounts import order_address_changed, order_welcome
        from core.models.owners import make_room
        from core.operation import serving
        from core.people.accounts import address_changed, signed_up
        from core.wakeup import jobs_due
        from core.webhooks.orders import order_calls

        conf.check()
        storage.remember_site()
        register(checks.check_policy)
        jobs_due.connect(testing.run_at_once, dispatch_uid="run_at_once")
        serving.watch()
        pre_delete.connect(make_room, sender=get_user_model(), dispatch_uid="make_room")
        ending.connect(order_calls, dispatch_uid="order_calls")
        signed_up.connect(order_welcome, dispatch_uid="order_welcome")
        address_changed.connect(order_address_changed, dispatch_uid="order_address_changed")


def check_apps(installed: Iterable[str]) -> None:
    """Raise ImproperlyConfigured when one of the apps is missing, or stands where it would fail for no clear reason."""
    # As names, or as the paths of their configurations.
    places = {entry.partition(".")[0]: place for place, entry in enumerate(installed)}
    # A site may do without the pages.
    pages = "frontend" in places
    needed = [name for name in APPS if pages or name not in ("django_htmx", "frontend")]
    if missing := [name for name in needed if name not in places]:
        raise ImproperlyConfigured(
            f"INSTALLED_APPS has no {missing[0]!r}. Headway needs, in this order: {', '.join(map(repr, APPS))}."
        )
    if places["actors"] > places["django_dramatiq"]:
        raise ImproperlyConfigured("In INSTALLED_APPS 'actors' has to stand before 'django_dramatiq'.")
