"""The pipeline that makes a file of a dataset: CSV, Parquet, Excel or JSON Lines."""

from django.apps import apps

if apps.models_ready:
    # The child process that writes the file imports the other modules without Django.
    from . import pipeline  # noqa: F401
