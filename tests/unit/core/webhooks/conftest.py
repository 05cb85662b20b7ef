"""What the tests of webhooks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.models import Job, Webhook
from core.webhooks import changes

ALL = ("succeeded", "failed", "cancelled")
MakeHook = Callable[..., Webhook]


@pytest.fixture
def make_hook() -> MakeHook:
    """`make_hook(alice, states=["failed"])`: a webhook to a public address, which nobody calls here."""

    def make(owner: User, **options: Any) -> Webhook:
        return changes.make(owner, **{"url": "https://hooks.example.com/in?key=1", "states": ALL, **options})[0]

    return make


def ordered() -> list[Job]:
    """The deliveries that were ordered, the oldest first."""
    return list(Job.objects.filter(pipeline="webhook_delivery").order_by("pk"))
