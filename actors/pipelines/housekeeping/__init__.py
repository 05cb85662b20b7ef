"""The pipeline that deletes what is past its time, every night; core.housekeeping tells how."""

from django.apps import apps

if apps.models_ready:
    from . import pipeline  # noqa: F401
