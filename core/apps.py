"""Django's entry of the core."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Headway"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.db.models.signals import pre_delete

        from core import testing
        from core.conf import conf
        from core.database import connections  # noqa: F401 - prepares each
        from core.mails.accounts import order_address_changed, order_welcome
        from core.models.owners import make_room
        from core.operation import serving
        from core.people.accounts import address_changed, signed_up
        from core.wakeup import jobs_due

        conf.check()
        jobs_due.connect(testing.run_at_once, dispatch_uid="run_at_once")
        serving.watch()
        pre_delete.connect(make_room, sender=get_user_model(), dispatch_uid="make_room")
        signed_up.connect(order_welcome, dispatch_uid="order_welcome")
        address_changed.connect(order_address_changed, dispatch_uid="order_address_changed")
