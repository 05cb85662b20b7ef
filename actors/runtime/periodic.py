"""Actors with `periodic=` of the site's own: sent when their time has come, and run once.

`core.schedules.periodic` tells the story. What is Dramatiq's is here: the message, with the time that it is for, and
the middleware that lets one of several messages of a time run.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Collection
from typing import Any

import dramatiq
from dramatiq.middleware import Middleware, SkipMessage

from core.life.leases import worker_name
from core.logs import log
from core.schedules import periodic
from core.schedules.periodic import Sending

#: The option of a message that names its time.
DUE_AT = "due_at"


def fire_due(queues: Collection[str] | None = None) -> None:
    """Send the actors on these queues, or on all, whose time has come. Returns without waiting for the broker."""
    if sendings := periodic.take_unsent(queues):
        threading.Thread(target=send, args=[sendings], name="periodic", daemon=True).start()


def send(sendings: Collection[Sending]) -> None:
    """Send these messages, in a thread of its own; what can't be sent is sent later."""
    broker: Any = dramatiq.get_broker()
    try:
        for sending in sendings:
            actor = broker.get_actor(sending.name)
            actor.send_with_options(**{DUE_AT: sending.due_at.isoformat()})
            log("periodic_run_sent", name=sending.name, due=sending.due_at.isoformat())
    except Exception as error:  # noqa: BLE001 - whatever the broker has, nothing is lost by it
        log("periodic_run_unsent", level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])
    finally:
        # The connection is the thread's own.
        broker.let_go()


class PeriodicRuns(Middleware):
    """Lets one message of each time run, and writes down what came of it."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        if (due_at := _due_at(message)) is None:
            return
        try:
            may_run = periodic.begin(message.actor_name, due_at, worker=worker_name())
        except Exception as error:
            # Dramatiq would log it and run the actor all the same.
            log("periodic_run_not_begun", level=logging.WARNING, name=message.actor_name, error=repr(error)[:300])
            raise SkipMessage("the database is away") from error
        if not may_run:
            raise SkipMessage("another message of this time was first, or its time is over")

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if (due_at := _due_at(message)) is not None:
            error = f"{type(exception).__name__}: {exception}" if exception is not None else ""
            periodic.end(message.actor_name, due_at, error=error)


def _due_at(message: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(message.options[DUE_AT])
    except (KeyError, TypeError, ValueError):
        return None
