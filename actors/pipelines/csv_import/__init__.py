"""The pipeline that makes a dataset of a CSV file; `pipeline` tells its life, docs/csv.md what it accepts."""

from django.apps import apps

if apps.models_ready:
    # The child processes that do the heavy work import the other modules without Django.
    from . import pipeline  # noqa: F401
