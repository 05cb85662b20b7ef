"""The one format of all log lines: a past-tense event and its fields."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("headway")


def log(event: str, *, level: int = logging.INFO, exc_info: bool = False, **fields: Any) -> None:
    """Log one event, e.g. `job_claimed job=7 attempt=2`."""
    if logger.isEnabledFor(level):
        words = " ".join(f"{name}={_format(value)}" for name, value in fields.items())
        logger.log(level, "%s %s", event, words, exc_info=exc_info)


def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return repr(text) if " " in text else text
