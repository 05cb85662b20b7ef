"""The pages' app."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    name = "frontend"
