"""Whether the code that runs is inside a request: nothing that may last is waited for there.

Django's own signals say it, so that no middleware is needed. The mark is of the thread, or of the task of an async
request, and is seen by the threads that its views run in.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.core.signals import request_finished, request_started

_is_in_request: ContextVar[bool] = ContextVar("headway_is_in_request", default=False)


def is_in_request() -> bool:
    """Whether a request is being answered here."""
    return _is_in_request.get()


def watch() -> None:
    """Mark requests from now on; called once, when the site starts."""
    request_started.connect(_begin, dispatch_uid="headway_serving")
    request_finished.connect(_end, dispatch_uid="headway_serving")


def _begin(**_: Any) -> None:
    _is_in_request.set(True)


def _end(**_: Any) -> None:
    _is_in_request.set(False)
