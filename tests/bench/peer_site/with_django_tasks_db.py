"""django-tasks-db: a table, and Django's own way to declare tasks."""

import time

try:
    from django.tasks import task
except ImportError:  # before Django 6.0
    from django_tasks import task

from peer_site import work


@task
def stamp(number, enqueued, seconds):
    work.stamp(number, enqueued, seconds)


def enqueue(number, seconds):
    stamp.enqueue(number, time.time(), seconds)


def enqueue_many(numbers, seconds):
    for number in numbers:
        enqueue(number, seconds)
