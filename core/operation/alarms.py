"""Alarms: counts of what should not happen. Counted in memory, and added to the database by the keeper.

No models are imported here: the broker counts what it can't read before Django has loaded any. Counting never waits for
the database, and never fails.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any

from core.database import statements
from core.logs import log

#: A message that is no message at all; one for an actor that isn't there; one with arguments that its actor can't take.
UNREADABLE_MESSAGE, UNKNOWN_ACTOR, WRONG_ARGUMENTS = "unreadable_message", "unknown_actor", "wrong_arguments"
#: What `headway_bad_messages_total` counts, by place: the queue.
BAD_MESSAGES = (UNREADABLE_MESSAGE, UNKNOWN_ACTOR, WRONG_ARGUMENTS)
#: A job whose pipeline this version doesn't know; the place is the pipeline.
UNKNOWN_PIPELINE = "unknown_pipeline"
#: A job that a stopping process took out of the hands of a thread; the place is the pipeline.
STUCK_AT_STOP = "stuck_at_stop"
#: An attempt that did not end though it had to: its thread was written off; the place is the pipeline.
WRITTEN_OFF = "written_off"
#: An attempt that held the interpreter until its process was ended; the place is the pipeline.
HELD_INTERPRETER = "held_interpreter"
#: A mail that may or may not have been sent; the place is its kind.
MAIL_UNKNOWN = "mail_unknown"

_counts: Counter[tuple[str, str]] = Counter()
_guard = threading.Lock()


def count(name: str, place: str = "", **fields: Any) -> None:
    """Count one, and log it with these fields."""
    log("alarm", level=logging.ERROR, name=name, place=place, **fields)
    with _guard:
        _counts[name[:60], place[:80]] += 1


def flush() -> None:
    """Add what was counted to the sums in the database."""
    with _guard:
        counts = dict(_counts)
        _counts.clear()
    try:
        # In one order for all processes: no deadlocks.
        for (name, place), number in sorted(counts.items()):
            statements.run("alarm", {"name": name, "place": place, "count": number})
            del counts[name, place]
    finally:
        with _guard:
            _counts.update(counts)
