"""Plain Dramatiq over RabbitMQ: no state is kept anywhere."""

import os
import time

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from peer_site import work

dramatiq.set_broker(RabbitmqBroker(url=os.environ["RABBITMQ_URL"]))


@dramatiq.actor
def stamp(number, enqueued, seconds):
    work.stamp(number, enqueued, seconds)


def enqueue(number, seconds):
    stamp.send(number, time.time(), seconds)


def enqueue_many(numbers, seconds):
    for number in numbers:
        enqueue(number, seconds)
