"""Reading a delivery: the message it is, or why it is none.

Anybody who may publish can put anything into a queue. What can't be run is told apart here, before Dramatiq sees it:
some of it would end a thread of the worker, or have its consumer start again for ever.
"""

from __future__ import annotations

import datetime as dt
import inspect
import time
from collections.abc import Collection, Mapping
from typing import Any, cast

from dramatiq.errors import DecodeError
from dramatiq.message import Message

from core.operation import alarms

#: Options that are kept: when periodiq sent it, and the time that a periodic run is for.
TIMES = ("scheduled_at", "due_at")
#: The largest id that a row can have.
LARGEST_ID = 2**63 - 1


class BadMessage(ValueError):
    """Raised for a delivery that can't be run. The message is the alarm that it counts for."""


def read(body: bytes, *, queue: str, job_actors: Collection[str], actors: Mapping[str, Any]) -> Message[Any]:
    """Return the message of a delivery from the queue, with nothing in it but what is used; raise BadMessage."""
    try:
        message = Message.decode(body)
    except DecodeError as error:
        raise BadMessage(alarms.UNREADABLE_MESSAGE) from error
    # What the types of Dramatiq promise is what a publisher may have broken.
    name: Any = message.actor_name
    args, kwargs, options = cast(Any, message.args), cast(Any, message.kwargs), cast(Any, message.options)
    if not isinstance(name, str) or not isinstance(kwargs, dict) or not isinstance(options, dict):
        raise BadMessage(alarms.UNREADABLE_MESSAGE)
    if name in job_actors:
        if len(args) != 1 or kwargs or type(args[0]) is not int or not 0 < args[0] <= LARGEST_ID:
            raise BadMessage(alarms.WRONG_ARGUMENTS)
    elif name not in actors:
        raise BadMessage(alarms.UNKNOWN_ACTOR)
    else:
        try:
            inspect.signature(actors[name].fn).bind(*args, **kwargs)
        except TypeError as error:
            raise BadMessage(alarms.WRONG_ARGUMENTS) from error
    return Message(
        # Dramatiq finds the consumer by this name. Options change its behaviour, except the scheduler's.
        queue_name=queue,
        actor_name=name,
        args=tuple(args),
        kwargs=kwargs,
        options={name: options[name] for name in TIMES if _is_time(options.get(name))},
        message_id=str(message.message_id)[:100],
        message_timestamp=int(time.time() * 1000),
    )


def _is_time(value: Any) -> bool:
    try:
        dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True
