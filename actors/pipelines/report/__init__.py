"""The pipeline that fetches fresh data, checks it, sets it as a PDF, and mails that; `pipeline` tells its life."""

from django.apps import apps

if apps.models_ready:
    from . import pipeline  # noqa: F401
