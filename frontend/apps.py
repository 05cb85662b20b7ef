"""The pages' app."""

from django.apps import AppConfig

#: The URL names of the pages that the core links to, by what each shows.
PAGES = {
    "job": "job_detail",
    "job_file": "job_file",
    "dataset": "dataset_detail",
    "schedule": "schedule_detail",
    "shared_file": "shared_file",
    "preferences": "preferences",
}


class FrontendConfig(AppConfig):
    name = "frontend"

    def ready(self) -> None:
        from core import addresses

        addresses.register(PAGES)
        # It receives log-ins, which can come before the first request has loaded the middleware.
        from frontend.accounts import sessions  # noqa: F401
