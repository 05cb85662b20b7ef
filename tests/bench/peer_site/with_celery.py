"""Celery: RabbitMQ, and django-celery-results for the states."""

import os
import time

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peer_site.settings")
app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")
if os.environ.get("PEER_IS_SET"):
    # Without it each task closes the connection to the database.
    app.conf["CELERY_DB_REUSE_MAX"] = 10**9


@app.task(name="stamp")
def stamp(number, enqueued, seconds):
    from peer_site import work

    work.stamp(number, enqueued, seconds)


def enqueue(number, seconds):
    stamp.delay(number, time.time(), seconds)


def enqueue_many(numbers, seconds):
    for number in numbers:
        enqueue(number, seconds)
