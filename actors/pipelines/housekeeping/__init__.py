"""The pipeline that deletes what is past its time, every night; core.housekeeping does it."""

from django.apps import apps

if apps.models_ready:
    from . import pipeline  # noqa: F401
