"""One mail to one address."""

from . import pipeline

__all__ = ["pipeline"]
