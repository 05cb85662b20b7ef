"""RabbitMQ starts with compose's configuration, and its users can do their work and no more."""

from contextlib import closing
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import pika
import pytest

from tests.services.rabbitmq import RabbitNode


def _connect(compose_broker: RabbitNode, name: str) -> pika.BlockingConnection:
    place = urlsplit(compose_broker.url)
    login = f"headway_{name}:{name}-secret@{place.hostname}:{place.port}"
    return pika.BlockingConnection(pika.URLParameters(urlunsplit((place.scheme, login, "/headway", "", ""))))


def test_the_web_publishes_and_the_worker_consumes(compose_broker: RabbitNode) -> None:
    with closing(_connect(compose_broker, "web")) as web, closing(_connect(compose_broker, "worker")) as worker:
        sending = web.channel()
        sending.confirm_delivery()
        for queue in ("default", "io", "cpu"):
            sending.queue_declare(queue, passive=True)
            sending.basic_publish("", queue, b"x", mandatory=True)
            receiving = worker.channel()
            receiving.queue_declare(queue, passive=True)
            method, _, body = receiving.basic_get(queue)
            assert body == b"x"
            receiving.basic_nack(method.delivery_tag, requeue=False)


@pytest.mark.parametrize("name", ["web", "worker"])
@pytest.mark.parametrize("act", ["declare", "delete", "purge"])
def test_the_site_may_not_change_the_broker(compose_broker: RabbitNode, name: str, act: str) -> None:
    with closing(_connect(compose_broker, name)) as connection:
        channel = connection.channel()
        acts = {
            "declare": partial(channel.queue_declare, "another", durable=True),
            "delete": partial(channel.queue_delete, "default"),
            "purge": partial(channel.queue_purge, "default.XQ"),
        }
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            acts[act]()


def test_the_web_may_not_read_what_waits(compose_broker: RabbitNode) -> None:
    with closing(_connect(compose_broker, "web")) as connection:
        channel = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            channel.basic_get("default")


def test_the_consumer_timeout_is_above_the_longest_job(compose_broker: RabbitNode) -> None:
    assert (
        int(compose_broker.control("eval", "element(2, application:get_env(rabbit, consumer_timeout)).")) == 86_400_000
    )
