"""The mail with which a person sets a new password."""

from . import pipeline as pipeline
