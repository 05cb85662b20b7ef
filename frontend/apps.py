"""The pages' app."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings

#: The URL names of the pages that the core links to, by what each shows.
PAGES = {
    "job": "headway:job_detail",
    "api_job": "headway:api_job",
    "job_file": "headway:job_file",
    "dataset": "headway:dataset_detail",
    "schedule": "headway:schedule_detail",
    "webhook": "headway:webhook_detail",
    "shared_file": "headway:shared_file",
    "shared_job": "headway:shared_job",
    "preferences": "headway:preferences",
    "readiness": "headway:readyz",
    "desk": "headway:desk",
}


class FrontendConfig(AppConfig):
    name = "frontend"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        _add_template_folders()

    def ready(self) -> None:
        from django.core.checks import register

        from core import addresses, pipelines
        from frontend.checks import check_middleware
        from frontend.site.icons import ICON_NAMES

        register(check_middleware)

        addresses.register(PAGES)
        pipelines.set_icons(ICON_NAMES)
        # It receives log-ins, which can come before the first request has loaded the middleware.
        from frontend.accounts import sessions  # noqa: F401


def _add_template_folders() -> None:
    """Let Django's engines find each feature's templates, last of all: the site's own of the same name win."""
    folders = [str(folder) for folder in sorted(Path(__file__).parent.glob("*/templates"))]
    engines: list[dict[str, Any]] = settings.TEMPLATES
    for engine in engines:
        if engine["BACKEND"] != "django.template.backends.django.DjangoTemplates":
            continue
        options = engine.setdefault("OPTIONS", {})
        if "loaders" in options or not engine.get("APP_DIRS"):
            engine["DIRS"] = [*engine.get("DIRS", []), *folders]
            continue
        # As APP_DIRS has it, with one more at the end.
        engine["APP_DIRS"] = False
        filesystem = "django.template.loaders.filesystem.Loader"
        loaders = [filesystem, "django.template.loaders.app_directories.Loader", (filesystem, folders)]
        options["loaders"] = [("django.template.loaders.cached.Loader", loaders)]
