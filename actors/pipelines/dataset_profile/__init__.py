"""The pipeline that works out what is in the columns of a large dataset, after it can be opened."""

from . import pipeline  # noqa: F401
