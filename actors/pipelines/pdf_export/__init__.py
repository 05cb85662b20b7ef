"""The pipeline that sets a dataset as a printed report: title page, contents, charts and the table, as PDF."""

from django.apps import apps

if apps.models_ready:
    # The child processes that plan and set the pages import the other modules without Django.
    from . import pipeline  # noqa: F401
