"""Django's entry of the actors: finds the pipelines and wakes the relay when jobs become due."""

import importlib
import importlib.util
import pkgutil
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules, import_string

from core.conf import conf

#: What django-dramatiq has to be told, unless the site tells it something else.
DRAMATIQ: dict[str, Any] = {
    "DRAMATIQ_BROKER": {
        "BROKER": "actors.runtime.broker.build_broker",
        "OPTIONS": {},
        "MIDDLEWARE": [
            "django_dramatiq.middleware.DbConnectionsMiddleware",
            "periodiq.PeriodiqMiddleware",
            "actors.runtime.worker_boot.WorkerBoot",
        ],
    },
    "DRAMATIQ_AUTODISCOVER_MODULES": ["run_job", "ticker", "tasks"],
    # Its one actor deletes rows of a table that is not used here.
    "DRAMATIQ_IGNORED_MODULES": ["django_dramatiq.tasks"],
}


class ActorsConfig(AppConfig):
    name = "actors"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        # So early, as the app of django-dramatiq, which has to come after this one, reads them as early.
        for name, value in DRAMATIQ.items():
            if not hasattr(settings, name):
                setattr(settings, name, value)

    def ready(self) -> None:
        import dramatiq

        from actors import pipelines
        from core.wakeup import jobs_due

        check_broker(dramatiq.get_broker())
        names = [module.name for module in pkgutil.iter_modules(pipelines.__path__, f"{pipelines.__name__}.")]
        for name in [*names, *conf.EXTRA_PIPELINES]:
            module = importlib.import_module(name)
            # Not imported by its package: child processes use the other modules, and have no Django.
            if hasattr(module, "__path__") and importlib.util.find_spec(f"{name}.pipeline"):
                importlib.import_module(f"{name}.pipeline")
        # `pipelines.py` of every app of the host; that of an app which has none is passed over.
        autodiscover_modules("pipelines")
        jobs_due.connect(_wake_relay, dispatch_uid="wake_relay")
        _declare_periodic_actors()
        _listen_to_queues_of_tasks()
        _leave_empty_tables_out_of_the_admin()


def check_broker(broker: Any) -> None:
    """Raise ImproperlyConfigured when the site's DRAMATIQ_BROKER is one that can't carry jobs."""
    needed = DRAMATIQ["DRAMATIQ_BROKER"]
    missing = [
        path
        for path in needed["MIDDLEWARE"]
        if not any(isinstance(each, import_string(path)) for each in broker.middleware)
    ]
    if hasattr(broker, "publish_jobs") and not missing:
        return
    raise ImproperlyConfigured(
        f"DRAMATIQ_BROKER can't carry Headway's jobs. Leave it out, or write in it 'BROKER': {needed['BROKER']!r}, "
        f"and among 'MIDDLEWARE' {', '.join(map(repr, needed['MIDDLEWARE']))}."
    )


def _declare_periodic_actors() -> None:
    """Let the pages list what periodiq runs. Every process declares its actors, whether it runs them or not."""
    import dramatiq

    from actors.runtime import ticker
    from core.pipelines.cron import CronError
    from core.schedules import static

    # The site's own: a web process lists them, and an embedded worker has no command that imports them.
    autodiscover_modules("tasks")
    for name, actor in dramatiq.get_broker().actors.items():
        if periodic := actor.options.get("periodic"):
            title = (actor.fn.__doc__ or name).strip().splitlines()[0].rstrip(".")
            # What the ticker does, each keeper does by itself.
            queue = "" if actor is ticker.tick else actor.queue_name
            try:
                static.declare(name, title, str(periodic), queue=queue)
            except CronError as error:
                raise ImproperlyConfigured(f"The actor {name!r} can't be run periodically: {error}") from error


def _listen_to_queues_of_tasks() -> None:
    """Make the backends that TASKS names: workers listen to all of their queues, whether a task names one or not."""
    ours = [alias for alias, backend in _task_backends().items() if backend.startswith("actors.task_backend.")]
    if ours:
        # On a Django without tasks of its own it needs a package that others need not have.
        from actors.task_backend.api import task_backends

        for alias in ours:
            task_backends[alias]


def _task_backends() -> dict[str, str]:
    return {alias: str(each.get("BACKEND", "")) for alias, each in getattr(settings, "TASKS", {}).items()}


def _leave_empty_tables_out_of_the_admin() -> None:
    """Take django-dramatiq's tasks out of the admin where nothing fills them."""
    fills = "django_dramatiq.middleware.AdminMiddleware"
    if apps.is_installed("django.contrib.admin") and fills not in settings.DRAMATIQ_BROKER.get("MIDDLEWARE", ()):
        from django.contrib import admin
        from django_dramatiq.models import Task

        if admin.site.is_registered(Task):
            admin.site.unregister(Task)


def _wake_relay(**_: Any) -> None:
    from actors.runtime.relay import wake

    wake()
