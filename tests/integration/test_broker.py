"""The broker on a real RabbitMQ: what an operator finds in its queues, and what becomes of queues that are gone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pika
import pytest
from dramatiq.errors import ConnectionClosed

from actors.runtime.broker import JobRabbitmqBroker, SafeConsumer
from core.life.messages import DueJob
from tests.configuration import OwnConf
from tests.services.rabbitmq import GivenRabbit
from tests.services.waiting import wait_until

_numbers = itertools.count(1)


@pytest.fixture
def url(rabbitmq: GivenRabbit) -> str:
    return rabbitmq.create_vhost(f"broker-{next(_numbers)}")


@pytest.fixture
def broker(url: str) -> Iterator[JobRabbitmqBroker]:
    broker = JobRabbitmqBroker(url, middleware=[])
    yield broker
    broker.close()


@pytest.fixture
def channel(url: str) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """An operator's own connection."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    yield connection.channel()
    connection.close()


def due(job_id: int = 7, *, priority: int = 1, queue: str = "default") -> DueJob:
    return DueJob(job_id=job_id, queue=queue, priority=priority, pipeline="csv_import", owner_id=3, attempt=2)


def test_a_published_message_is_durable_and_describes_itself(
    broker: JobRabbitmqBroker, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    broker.publish_jobs([due()])
    assert broker.waiting_messages("default") == 1
    _, properties, body = channel.basic_get("default", auto_ack=True)
    assert json.loads(body)["args"] == [7]
    assert (properties.message_id, properties.correlation_id, properties.type) == ("7-2", "7", "csv_import")
    assert (properties.app_id, properties.delivery_mode, properties.priority) == ("headway", 2, 1)
    assert properties.headers == {"owner": "3", "attempt": 2}


def test_the_urgent_are_delivered_first(
    broker: JobRabbitmqBroker, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    broker.publish_jobs([due(1, priority=0), due(2, priority=1), due(3, priority=2)])
    delivered = [channel.basic_get("default", auto_ack=True)[1].correlation_id for _ in range(3)]
    assert delivered == ["3", "2", "1"]


def test_quorum_queues_keep_messages_in_the_documented_order(
    url: str, channel: pika.adapters.blocking_connection.BlockingChannel, conf: OwnConf
) -> None:
    conf.RABBITMQ_QUEUE_TYPE = "quorum"
    with closing(JobRabbitmqBroker(url, middleware=[])) as broker:
        broker.publish_jobs([due(1, priority=0), due(2, priority=1), due(3, priority=2)])
    delivered = [_next_in(channel, "default") for _ in range(3)]
    version = channel.connection._impl.server_properties["version"].split(".")
    knows_priorities = (int(version[0]), int(version[1])) >= (4, 3)
    assert delivered == (["3", "2", "1"] if knows_priorities else ["1", "2", "3"])


def _next_in(channel: pika.adapters.blocking_connection.BlockingChannel, queue: str) -> str:
    """Return the next message's job: a quorum queue needs a moment after the commit."""
    got: list[str] = []

    def fetch() -> bool:
        _, properties, _ = channel.basic_get(queue, auto_ack=True)
        got.extend([properties.correlation_id] if properties else [])
        return bool(got)

    wait_until(fetch, what="a message")
    return got[0]


def test_a_lost_queue_is_logged_and_declared_by_the_next_publish(
    broker: JobRabbitmqBroker, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    broker.publish_jobs([due()])
    channel.queue_delete("default")
    with pytest.raises(ConnectionClosed, match="queues default are gone"):
        broker.publish_jobs([due()])
    broker.publish_jobs([due()])
    assert broker.waiting_messages("default") == 1


def test_nothing_waits_in_a_queue_that_is_gone(
    broker: JobRabbitmqBroker, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    broker.publish_jobs([due()])
    channel.queue_delete("default")
    assert broker.waiting_messages("default") == 0
    assert broker.waiting_messages("default") == 0  # declared again in between


def test_a_queue_declared_otherwise_by_an_operator_is_used_as_is(
    broker: JobRabbitmqBroker, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    channel.queue_declare("cpu", durable=True, arguments={"x-max-length": 1000})
    broker.publish_jobs([due(queue="cpu")])
    assert broker.waiting_messages("cpu") == 1


def test_no_queue_for_delayed_messages_is_declared(broker: JobRabbitmqBroker, url: str, rabbitmq: GivenRabbit) -> None:
    broker.publish_jobs([due()])
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        channel.queue_declare("default.DQ", passive=True)
    connection.close()


def test_a_publish_after_a_broken_connection_makes_a_new_one(broker: JobRabbitmqBroker) -> None:
    broker.publish_jobs([due(1)])
    broker.connection.close()
    with pytest.raises(Exception, match=r"."):
        broker.publish_jobs([due(2)])
    broker.let_go()
    broker.publish_jobs([due(2)])
    assert broker.waiting_messages("default") == 2


def test_a_consumed_message_is_acked_by_its_own_consumer_only(broker: JobRabbitmqBroker) -> None:
    broker.publish_jobs([due(1)])
    old = cast(Any, broker.consume("default", prefetch=1, timeout=60_000))
    assert isinstance(old, SafeConsumer)
    stale: Any = next(old)
    old.connection.close()  # the broker delivers it again

    broker.publish_jobs([due(2)])
    new = cast(Any, broker.consume("default", prefetch=2, timeout=60_000))
    first: Any = next(new)
    second: Any = next(new)
    assert stale._tag == first._tag
    new.ack(stale)
    new.connection.process_data_events(time_limit=0.2)
    new.ack(second)
    new.connection.process_data_events(time_limit=0.2)
    new.close()
    wait_until(lambda: broker.waiting_messages("default") == 1, what="the unacked message to come back")
