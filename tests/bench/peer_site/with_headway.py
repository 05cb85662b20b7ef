"""Headway over RabbitMQ and PostgreSQL."""

import time

from django import forms
from peer_site import work

from core.forms import PipelineForm
from core.jobs import submit, submit_many
from core.pipelines import pipeline


class StampForm(PipelineForm):
    number = forms.IntegerField()
    enqueued = forms.FloatField()
    seconds = forms.FloatField(required=False)


@pipeline(title="Stamp", form=StampForm, is_listed=False)
def stamp(ctx, number, enqueued, seconds):
    work.stamp(number, enqueued, seconds)


_owners = []


def _owner():
    from django.contrib.auth import get_user_model

    if not _owners:
        _owners.append(get_user_model().objects.get_or_create(username="bench")[0])
    return _owners[0]


def enqueue(number, seconds):
    submit("stamp", owner=_owner(), params={"number": number, "enqueued": time.time(), "seconds": seconds})


def enqueue_many(numbers, seconds):
    now = time.time()
    rows = [{"number": number, "enqueued": now, "seconds": seconds} for number in numbers]
    for start in range(0, len(rows), 1000):
        submit_many("stamp", rows[start : start + 1000], owner=_owner())
