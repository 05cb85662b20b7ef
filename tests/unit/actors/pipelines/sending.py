"""What is sent between a worker and its child processes, for tests that have none."""

from __future__ import annotations

import pickle
from typing import TypeVar

T = TypeVar("T")


def as_sent(value: T) -> T:
    """The value as it arrives at the other side."""
    arrived: T = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
    return arrived
