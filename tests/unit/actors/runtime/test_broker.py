"""The broker: what a message says, and who may ack it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import dramatiq
import pika
import pytest
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message
from dramatiq.middleware import SkipMessage
from pytest_django import Settings

from actors.runtime import broker as broker_module
from actors.runtime.broker import (
    BROKER_AWAY,
    JobRabbitmqBroker,
    JobStubBroker,
    SafeConsumer,
    SkipStale,
    build_broker,
    message_of,
)
from core.life.messages import DueJob
from core.models.job import Priority
from tests.configuration import OwnConf

DUE = DueJob(job_id=7, queue="cpu", priority=2, pipeline="csv_import", owner_id=3, attempt=2)


# -- messages ---------------------------------------------------------------------------------------


def test_a_message_carries_only_the_jobs_id() -> None:
    message = message_of(DUE)
    assert (message.actor_name, message.queue_name, message.args, message.kwargs) == (
        "run_urgent_job",
        "cpu",
        (7,),
        {},
    )
    assert message.options == {}
    assert message.message_id == "7-2"
    assert abs(message.message_timestamp - time.time() * 1000) < 300_000
    assert Message.decode(message.encode()) == message


def test_message_properties_are_readable_in_the_console() -> None:
    properties = broker_module._properties(DUE)
    assert properties.delivery_mode == 2
    assert properties.priority == 2
    assert (properties.message_id, properties.correlation_id) == ("7-2", "7")
    assert (properties.type, properties.app_id) == ("csv_import", "headway")
    assert properties.content_type == "application/json"
    assert abs(properties.timestamp - time.time()) < 300
    assert properties.headers == {"owner": "3", "attempt": 2}


def test_the_brokers_priorities_are_those_of_jobs() -> None:
    assert max(Priority) == broker_module.MAX_PRIORITY
    assert min(Priority) == 0


# -- which broker -----------------------------------------------------------------------------------


@pytest.fixture
def unchanged_broker() -> Iterator[dramatiq.Broker]:
    previous = dramatiq.get_broker()
    yield previous
    dramatiq.set_broker(previous)


def test_without_a_url_the_broker_is_in_the_process(conf: OwnConf) -> None:
    conf.RABBITMQ_URL = ""
    broker = build_broker()
    assert isinstance(broker, JobStubBroker)
    assert not broker.is_shared
    assert isinstance(dramatiq.get_broker(), JobStubBroker)


def test_a_url_chooses_rabbitmq_without_talking_to_it(conf: OwnConf) -> None:
    conf.RABBITMQ_URL = "amqp://127.0.0.1:1/"
    broker = build_broker()
    assert isinstance(broker, JobRabbitmqBroker)
    assert broker.is_shared
    assert broker.confirm_delivery
    assert broker.consumer_class is SafeConsumer


@pytest.mark.parametrize("url", ["", "amqp://127.0.0.1:1/"])
def test_nothing_but_the_row_retries_delays_or_aborts(settings: Settings, conf: OwnConf, url: str) -> None:
    conf.RABBITMQ_URL = url
    names = {type(part).__name__ for part in build_broker().middleware}
    names |= {path.rpartition(".")[2] for path in settings.DRAMATIQ_BROKER["MIDDLEWARE"]}
    assert "WorkerBoot" in names
    assert names.isdisjoint({"Retries", "TimeLimit", "AgeLimit", "ShutdownNotifications", "AdminMiddleware"})


def test_a_url_gets_the_times_it_does_not_say_itself() -> None:
    url = broker_module._with_defaults("amqp://h/v?heartbeat=5")
    assert "heartbeat=5&" in url
    assert "heartbeat=60" not in url
    parameters = pika.URLParameters(url)
    assert (parameters.heartbeat, parameters.blocked_connection_timeout) == (5, 10.0)
    assert pika.URLParameters(broker_module._with_defaults("amqp://h/v")).heartbeat == 60


@pytest.mark.parametrize(
    ("kind", "arguments"), [("classic", {"x-max-priority": 2}), ("quorum", {"x-queue-type": "quorum"})]
)
def test_queues_are_classic_with_priorities_or_quorum(conf: OwnConf, kind: str, arguments: dict[str, Any]) -> None:
    conf.RABBITMQ_QUEUE_TYPE = kind
    broker = JobRabbitmqBroker("amqp://127.0.0.1:1/", middleware=[])
    made = broker._build_queue_arguments("default")
    assert arguments.items() <= made.items()
    assert ("x-max-priority" in made) == (kind == "classic")


def test_a_queue_has_no_twin_for_delayed_messages() -> None:
    broker = JobRabbitmqBroker("amqp://127.0.0.1:1/", middleware=[])
    broker.declare_queue("default")
    assert broker.queues == {"default"}
    assert broker.delay_queues == set()


@pytest.mark.parametrize(
    "error", [pika.exceptions.AMQPConnectionError(), cast(Any, ConnectionClosed)(OSError()), ConnectionRefusedError()]
)
def test_whatever_says_that_the_broker_is_away_is_known(error: Exception) -> None:
    assert isinstance(error, BROKER_AWAY)


# -- in the process ---------------------------------------------------------------------------------


def test_the_embedded_broker_counts_what_waits_in_a_queue() -> None:
    broker = JobStubBroker(middleware=[])
    broker.publish_jobs([DUE, DUE])
    assert broker.waiting_messages("cpu") == 2
    assert broker.waiting_messages("other") == 0


def test_the_embedded_broker_orders_by_priority_then_arrival() -> None:
    broker = JobStubBroker(middleware=[])
    priorities = {1: 0, 2: 1, 3: 1, 4: 2, 5: 0, 6: 2}
    broker.publish_jobs([replace(DUE, job_id=job_id, priority=each) for job_id, each in priorities.items()])
    consumer = broker.consume("cpu", prefetch=10, timeout=10)
    taken = [next(consumer) for _ in priorities]
    assert [message.args[0] for message in taken if message] == [4, 6, 2, 3, 1, 5]


def test_a_message_that_a_thread_has_taken_is_not_lost_yet() -> None:
    broker = JobStubBroker(middleware=[])
    broker.publish_jobs([DUE])
    consumer = broker.consume("cpu", timeout=10)
    message = next(consumer)
    assert message is not None
    assert json.loads(message.encode())["args"] == [7]
    assert broker.waiting_messages("cpu") == 1
    consumer.ack(message)
    assert broker.waiting_messages("cpu") == 0


# -- acks -------------------------------------------------------------------------------------------


class Wire:
    """A connection and its channel as a consumer uses them."""

    def __init__(self) -> None:
        self.is_open = True
        self.acked: list[int] = []
        self.nacked: list[tuple[int, bool]] = []

    def add_callback_threadsafe(self, callback: Any) -> None:
        callback()

    def basic_ack(self, tag: int) -> None:
        self.acked.append(tag)

    def basic_nack(self, tag: int, *, requeue: bool) -> None:
        self.nacked.append((tag, requeue))


def consumer_on(wire: Wire, *tags: int) -> tuple[SafeConsumer, list[Any]]:
    """A consumer that has received messages with these delivery tags, and those messages."""
    consumer = SafeConsumer.__new__(SafeConsumer)
    consumer.connection = consumer.channel = wire
    consumer.known_tags, consumer.queue_name = set(), "cpu"
    consumer.broker = SimpleNamespace(is_leaving=False, actors={}, queues_pending=set())
    consumer.logger = cast(Any, None)

    class Method:
        redelivered = False

        def __init__(self, tag: int) -> None:
            self.delivery_tag = tag

    consumer.iterator = iter([(Method(tag), None, message_of(DUE).encode()) for tag in tags])
    return consumer, [next(consumer) for _ in tags]


def test_a_consumer_acks_its_own_messages() -> None:
    wire = Wire()
    consumer, (first, second) = consumer_on(wire, 1, 2)
    consumer.ack(second)
    consumer.nack(first)
    assert wire.acked == [2]
    assert wire.nacked == [(1, False)]


def test_an_ack_for_an_earlier_connection_is_dropped() -> None:
    _, (old,) = consumer_on(Wire(), 1)
    wire = Wire()
    consumer, (new,) = consumer_on(wire, 1)
    # Both have tag 1: acking the old one would lose the new one.
    assert old._tag == new._tag
    consumer.ack(old)
    consumer.nack(old)
    assert wire.acked == []
    assert wire.nacked == []
    consumer.ack(new)
    assert wire.acked == [1]


def test_without_the_check_the_ack_would_hit_another_message() -> None:
    """What the class is for: this is what Dramatiq's own consumer does."""
    _, (old,) = consumer_on(Wire(), 1)
    wire = Wire()
    consumer, _ = consumer_on(wire, 1)
    cast(Any, _RabbitmqConsumer).ack(consumer, old)
    assert wire.acked == [1]


def test_acks_on_a_connection_that_is_gone_are_dropped() -> None:
    wire = Wire()
    consumer, (message,) = consumer_on(wire, 1)
    wire.is_open = False
    consumer.ack(message)
    assert wire.acked == []


def test_a_message_of_a_lost_connection_is_skipped_unrun() -> None:
    wire = Wire()
    _, (message,) = consumer_on(wire, 1)
    skip = SkipStale()
    skip.before_process_message(dramatiq.get_broker(), message)
    wire.is_open = False
    with pytest.raises(SkipMessage):
        skip.before_process_message(dramatiq.get_broker(), message)
    skip.before_process_message(dramatiq.get_broker(), message_of(DUE))
