"""Failpoints: named places where a test can have the process killed, stopped or raise.

`FAILPOINT=name:kill` in the environment arms one; `name:kill:3` fires at the third time it is reached, once. Unset, a
failpoint costs one comparison.
"""

from __future__ import annotations

import os
import signal
import threading

#: Every place, in the order in which a job passes them.
NAMES = (
    "schedule-insert",
    "schedule-inserted",
    "file-rename",
    "job-commit",
    "publish",
    "confirm",
    "mark-published",
    "claim",
    "effect-commit",
    "checkpoint",
    "result-pointer",
    "mail",
    "complete",
    "ack",
    "end-taken",
    "end-ordered",
    "webhook-answered",
)


class FailpointReached(Exception):
    """Raised at a failpoint armed with `raise`."""


def _parse(text: str) -> tuple[str, str, int]:
    name, _, rest = text.partition(":")
    action, _, count = rest.partition(":")
    if name not in NAMES or action not in ("kill", "stop", "raise") or not (count or "1").isdigit():
        raise ValueError(f"FAILPOINT {text!r}: write name:kill, name:stop or name:raise; names: {', '.join(NAMES)}")
    return name, action, int(count or 1)


_armed = _parse(os.environ["FAILPOINT"]) if os.environ.get("FAILPOINT") else None
_reached = 0
_guard = threading.Lock()


def failpoint(name: str) -> None:
    """Do what `FAILPOINT` says, when this is the place and the time it names."""
    if _armed is not None and _armed[0] == name:
        _reach(_armed[1], _armed[2])


def _reach(action: str, count: int) -> None:
    global _reached
    with _guard:
        _reached += 1
        if _reached != count:
            return
    if action == "raise":
        raise FailpointReached(f"failpoint {_armed}")
    os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
