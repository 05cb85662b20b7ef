"""The pages' app."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    name = "frontend"

    def ready(self) -> None:
        # It listens to log-ins, which can come before the first request has loaded the middleware.
        from frontend.accounts import sessions  # noqa: F401
