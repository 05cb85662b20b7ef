"""Django's entry of the core."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Headway"

    def ready(self) -> None:
        from core.accounts import signed_up
        from core.mails.welcome import order_welcome

        signed_up.connect(order_welcome, dispatch_uid="order_welcome")
