"""The private nodes that other tests kill do what a real power cut, restart or wipe does."""

import pika
import psycopg
import pytest

from tests.services.postgres import PostgresNode
from tests.services.processes import is_alive
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until


def declare(node: RabbitNode, url: str, queue: str) -> None:
    """Make a queue that is on the disk: the node answers a moment before its log of queues is."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().queue_declare(queue, durable=True)
    node.control("eval", "mnesia:sync_log().")


def publish(url: str, queue: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        persistent = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", queue, b"x", persistent)


def test_a_confirmed_message_outlives_a_kill_but_not_a_wipe(own_rabbitmq: RabbitNode) -> None:
    url = own_rabbitmq.create_vhost("here")
    declare(own_rabbitmq, url, "letters")
    publish(url, "letters")
    first = own_rabbitmq.pid
    own_rabbitmq.kill9()
    assert first is not None
    assert not is_alive(first)
    own_rabbitmq.start()
    # It serves a moment before it has all its queues back.
    wait_until(lambda: own_rabbitmq.queue_depths(url) == {"letters": 1}, what="the queue with its message")
    own_rabbitmq.kill9()
    own_rabbitmq.wipe_data()
    own_rabbitmq.start()
    assert own_rabbitmq.queue_depths(url) == {}
    publish(url, "letters")


def test_a_memory_alarm_blocks_publishers_until_it_ends(own_rabbitmq: RabbitNode) -> None:
    url = own_rabbitmq.create_vhost("full")
    own_rabbitmq.set_memory_alarm(True)
    parameters = pika.URLParameters(url + "?blocked_connection_timeout=1")
    with pytest.raises(pika.exceptions.ConnectionBlockedTimeout):  # noqa: PT012  any of these may notice
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("letters", durable=True)
        channel.basic_publish("", "letters", b"x")
    own_rabbitmq.set_memory_alarm(False)
    publish(url, "letters")


def test_a_commit_outlives_a_killed_postgresql(own_postgres: PostgresNode) -> None:
    url = own_postgres.create_database("ledger")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE entry (amount int)")
        connection.execute("INSERT INTO entry VALUES (7)")
    with psycopg.connect(url) as held:
        own_postgres.kill9()
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT amount FROM entry").fetchall() == [(7,)]
