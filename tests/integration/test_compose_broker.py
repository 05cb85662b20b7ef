"""RabbitMQ starts with compose's configuration, and its users can do their work and no more."""

import importlib.util
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pika
import pytest

from tests.services.rabbitmq import RabbitNode

FOLDER = Path(__file__).resolve().parents[2] / "compose/rabbitmq"
NAMES = ("web", "worker", "operator", "monitor")


@pytest.fixture(scope="module")
def broker(services_folder: Path) -> Iterator[RabbitNode]:
    """A node with compose's rabbitmq.conf; the definitions, loaded at the start by compose, are imported."""
    lines = (FOLDER / "rabbitmq.conf").read_text().splitlines()
    config = "\n".join(line for line in lines if not line.startswith("load_definitions"))
    node = RabbitNode(services_folder / "compose-broker", config=config)
    try:
        node.start()
        node.api("definitions", method="POST", body=_definitions())
        yield node
    finally:
        node.stop()


def _definitions() -> Any:
    spec = importlib.util.spec_from_file_location("definitions", FOLDER / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.render_definitions(
        {f"RABBITMQ_{name.upper()}_PASSWORD": f"{name}-secret" for name in NAMES}
    )


def _connect(broker: RabbitNode, name: str) -> pika.BlockingConnection:
    place = urlsplit(broker.url)
    login = f"headway_{name}:{name}-secret@{place.hostname}:{place.port}"
    return pika.BlockingConnection(pika.URLParameters(urlunsplit((place.scheme, login, "/headway", "", ""))))


def test_the_web_publishes_and_the_worker_consumes(broker: RabbitNode) -> None:
    with closing(_connect(broker, "web")) as web, closing(_connect(broker, "worker")) as worker:
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
def test_the_site_may_not_change_the_broker(broker: RabbitNode, name: str, act: str) -> None:
    with closing(_connect(broker, name)) as connection:
        channel = connection.channel()
        acts = {
            "declare": partial(channel.queue_declare, "another", durable=True),
            "delete": partial(channel.queue_delete, "default"),
            "purge": partial(channel.queue_purge, "default.XQ"),
        }
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            acts[act]()


def test_the_web_may_not_read_what_waits(broker: RabbitNode) -> None:
    with closing(_connect(broker, "web")) as connection:
        channel = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            channel.basic_get("default")


def test_the_consumer_timeout_is_above_the_longest_job(broker: RabbitNode) -> None:
    assert (
        int(broker.control("eval", "element(2, application:get_env(rabbit, consumer_timeout))."))
        == 86_400_000
    )
