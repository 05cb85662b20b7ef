"""Reading a delivery: what can be run, and what never reaches Dramatiq."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dramatiq.message import Message

from actors.runtime.broker import ACTORS, message_of
from actors.runtime.deliveries import BadMessage, read
from actors.runtime.ticker import tick
from core.life.messages import DueJob

ACTORS_THERE = {"tick": tick}


def a_message(**fields: Any) -> bytes:
    message = message_of(DueJob(job_id=7, queue="cpu", priority=1, pipeline="noop", owner_id=3, attempt=2)).asdict()
    return json.dumps({**message, **fields}).encode()


def taken(body: bytes) -> Message[Any]:
    return read(body, queue="cpu", job_actors=ACTORS.values(), actors=ACTORS_THERE)


@pytest.mark.parametrize("actor", ACTORS.values())
def test_a_message_of_ours_is_read_as_it_was_sent(actor: str) -> None:
    message = taken(a_message(actor_name=actor))
    assert (message.actor_name, message.queue_name, message.args, message.kwargs) == (actor, "cpu", (7,), {})
    assert (message.options, message.message_id) == ({}, "7-2")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b"{}",
        a_message(options=None),
        a_message(kwargs=[]),
        a_message(args=7),
        a_message(actor_name=["x"]),
        a_message(surprise=1),
    ],
)
def test_what_is_no_message_is_told_apart(body: bytes) -> None:
    with pytest.raises(BadMessage, match="unreadable_message"):
        taken(body)


def test_an_actor_that_is_not_there_is_told_apart() -> None:
    with pytest.raises(BadMessage, match="unknown_actor"):
        taken(a_message(actor_name="gone"))


@pytest.mark.parametrize(
    "fields",
    [{"args": args} for args in ([], [1, 2], ["7"], [None], [True], [1.5], [0], [-1], [2**63], [[7]])]
    + [{"kwargs": {"job_id": 7}}, {"actor_name": "tick"}, {"actor_name": "tick", "args": [], "kwargs": {"x": 1}}],
)
def test_arguments_that_the_actor_cannot_take_are_told_apart(fields: dict[str, Any]) -> None:
    with pytest.raises(BadMessage, match="wrong_arguments"):
        taken(a_message(**fields))


def test_nothing_in_a_message_changes_what_dramatiq_does_with_it() -> None:
    """An `eta` would hold it back unacked, and a name of another queue would end the thread that acks it."""
    message = taken(a_message(queue_name="elsewhere", options={"eta": 10**15, "throws": 7, "pipe_target": {}}))
    assert (message.queue_name, message.options) == ("cpu", {})
    assert taken(a_message(message_id=None, message_timestamp="x")).message_id == "None"


def test_the_ticker_keeps_a_scheduled_time_only_if_it_is_one() -> None:
    at = "2026-11-21 13:46:28.358137+00:00"
    assert taken(a_message(actor_name="tick", args=[], options={"scheduled_at": at})).options == {"scheduled_at": at}
    odd: Any
    for odd in ("yesterday", 7, None, {}):
        assert taken(a_message(actor_name="tick", args=[], options={"scheduled_at": odd})).options == {}
