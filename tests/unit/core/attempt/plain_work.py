"""Functions for child processes, in a module that imports nothing of ours."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Callable


def loaded(report: Callable[..., None]) -> list[str]:
    """Return the names of the modules that are imported."""
    return list(sys.modules)


def draw(report: Callable[..., None]) -> list[float]:
    """Return a number each of Python's and numpy's shared generators."""
    import numpy as np

    return [random.random(), float(np.random.random())]


def read_models(report: Callable[..., None]) -> str:
    """Import a model when called."""
    from core.models import Job

    return Job.__name__


def rehearse(report: Callable[..., None]) -> None:
    """Note in the process that it has been called."""
    _calls.append(1)


def rehearsals(report: Callable[..., None]) -> int:
    """Return how often the process has rehearsed."""
    return len(_calls)


_calls: list[int] = []


def breaks(report: Callable[..., None]) -> None:
    """Raise."""
    raise ValueError("broken in there")


def logs(report: Callable[..., None], *, lines: int) -> None:
    """Log so many lines, and one with an error."""
    logger = logging.getLogger("plain.work")
    for number in range(lines):
        logger.info("line %d of the child", number)
    try:
        raise KeyError("column")
    except KeyError:
        logger.exception("could not read it")
