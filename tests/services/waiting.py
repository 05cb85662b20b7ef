"""Waiting for a fact instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 10.0, what: str = "", *, every: float = 0.05) -> T:
    """Ask `condition` until its answer is true, and return that answer.

    Raises TimeoutError, which names `what` and the last answer, after `timeout` seconds.
    An error raised in `condition` passes through: a condition catches what it expects.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", "the condition")
            raise TimeoutError(f"waited {timeout:g} s for {name}; the last answer was {answer!r}")
        time.sleep(every)
