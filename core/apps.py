"""Django's entry of the core."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Headway"

    def ready(self) -> None:
        from core.conf import conf
        from core.database import connections  # noqa: F401 - prepares each
        from core.mails.accounts import order_address_changed, order_welcome
        from core.people.accounts import address_changed, signed_up

        conf.check()
        signed_up.connect(order_welcome, dispatch_uid="order_welcome")
        address_changed.connect(order_address_changed, dispatch_uid="order_address_changed")
