"""django-q2 with the ORM as its broker."""

import time

from django_q.tasks import async_task


def enqueue(number, seconds):
    async_task("peer_site.work.stamp", number, time.time(), seconds)


def enqueue_many(numbers, seconds):
    for number in numbers:
        enqueue(number, seconds)
