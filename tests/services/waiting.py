"""Waiting for a fact instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


#: Seconds that a fact may take to come about. A machine that others use stands still for many at a time, and who waits
#: for a fact loses nothing by patience: it is only ever waited out when the fact will not come.
PATIENCE_SECONDS = 90.0


def wait_until(
    condition: Callable[[], T], timeout: float = PATIENCE_SECONDS, what: str = "", *, every: float = 0.05
) -> T:
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
