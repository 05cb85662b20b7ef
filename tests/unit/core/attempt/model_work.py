"""A function for child processes, in a module that needs Django when it is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable

from core.models import Job


def loaded(report: Callable[..., None]) -> list[str]:
    """Return the names of the modules that are imported, if models can be used."""
    Job._meta.get_field("state")
    return list(sys.modules)
