"""Django's entry of the actors: finds the pipelines and wakes the relay when jobs become due."""

import importlib
import importlib.util
import pkgutil
from typing import Any

from django.apps import AppConfig

from core.conf import conf


class ActorsConfig(AppConfig):
    name = "actors"

    def ready(self) -> None:
        from actors import pipelines
        from core.wakeup import jobs_due

        names = [module.name for module in pkgutil.iter_modules(pipelines.__path__, f"{pipelines.__name__}.")]
        for name in [*names, *conf.EXTRA_PIPELINES]:
            module = importlib.import_module(name)
            # Not imported by its package: child processes use the other modules, and have no Django.
            if hasattr(module, "__path__") and importlib.util.find_spec(f"{name}.pipeline"):
                importlib.import_module(f"{name}.pipeline")
        jobs_due.connect(_wake_relay, dispatch_uid="wake_relay")
        _declare_periodic_actors()


def _declare_periodic_actors() -> None:
    """Let the pages list what periodiq runs. Every process declares its actors, whether it runs them or not."""
    import dramatiq

    from actors.runtime import ticker  # noqa: F401 - declares its actors
    from core.schedules import static

    for name, actor in dramatiq.get_broker().actors.items():
        if periodic := actor.options.get("periodic"):
            title = (actor.fn.__doc__ or name).strip().splitlines()[0].rstrip(".")
            static.declare(name, title, str(periodic))


def _wake_relay(**_: Any) -> None:
    from actors.runtime.relay import wake

    wake()
