"""Django's entry of the actors: finds the pipelines and wakes the relay when jobs become due."""

import importlib
import pkgutil
from typing import Any

from django.apps import AppConfig
from django.conf import settings


class ActorsConfig(AppConfig):
    name = "actors"

    def ready(self) -> None:
        from actors import pipelines
        from core.life.submission import jobs_due

        found = [module.name for module in pkgutil.iter_modules(pipelines.__path__, f"{pipelines.__name__}.")]
        for name in [*found, *settings.EXTRA_PIPELINES]:
            importlib.import_module(name)
        jobs_due.connect(_wake_relay, dispatch_uid="wake_relay")


def _wake_relay(**_: Any) -> None:
    from actors.relay import wake

    wake()
