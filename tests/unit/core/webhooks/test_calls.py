"""The log of a webhook's calls, and the webhook that has failed for days."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from core.models import Webhook, WebhookCall
from core.webhooks import calls, changes, orders
from tests.unit.core.conftest import Clock

from .conftest import MakeHook

pytestmark = pytest.mark.django_db


def record(hook: Webhook, job: int, status: int | None) -> bool:
    return calls.record(hook.pk, job, event="job.failed", seconds=0.1, status=status, answer="Odd.\0" + "x" * 5000)


def test_a_call_is_kept_with_the_beginning_of_its_answer(alice: User, make_hook: MakeHook) -> None:
    hook = make_hook(alice)
    job = orders.order_test(hook)
    record(hook, job, 500)
    call = WebhookCall.objects.get()
    assert (call.webhook, call.job_id, call.status, call.event) == (hook, job, 500, "job.failed")
    assert call.answer == "Odd.\ufffd" + "x" * (calls.ANSWER_LENGTH - 5)


def test_a_webhook_is_stopped_after_days_of_failures_in_a_row(alice: User, make_hook: MakeHook, clock: Clock) -> None:
    hook = make_hook(alice)
    job = orders.order_test(hook)
    days = calls.FAILING_FOR.total_seconds()
    assert not record(hook, job, None)
    clock.advance(days - 60)
    assert not record(hook, job, 500)
    assert not record(hook, job, 204), "one that is taken begins the days anew"
    assert Webhook.objects.get().failing_since is None
    for status in (500, 301, 404):
        assert not record(hook, job, status)
    clock.advance(days + 60)
    assert record(hook, job, None)
    hook.refresh_from_db()
    assert hook.stopped_at is not None
    assert hook.note == "All calls have failed for 5 days."
    assert not record(hook, job, None), "it was stopped already"
    changes.resume(hook, by="alice")
    assert not record(hook, job, 500), "the days are counted anew"


def test_a_call_of_a_webhook_that_was_deleted_is_not_kept(alice: User, make_hook: MakeHook) -> None:
    hook = make_hook(alice)
    job = orders.order_test(hook)
    record(hook, job, 500)
    changes.delete(hook, by="alice")
    assert not record(Webhook(pk=1_000_000), job, 500)
    assert not WebhookCall.objects.exists()
