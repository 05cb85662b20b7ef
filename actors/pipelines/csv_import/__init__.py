"""The pipeline that makes a dataset of a CSV file; `actors.imports` has its life cycle, docs/csv.md what it accepts."""

from . import pipeline  # noqa: F401
