"""The pages of a person's webhooks, and the acts on them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.models import Job, Schedule, Webhook, WebhookCall
from core.models.states import State
from core.webhooks import changes, keys, orders
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults

pytestmark = pytest.mark.django_db

ALL = ("succeeded", "failed", "cancelled")
FILLED = {"url": "https://hooks.example.com/in?key=1", "events": ["failed", "cancelled"], "schedule": ""}


@pytest.fixture
def hook(alice: User) -> Webhook:
    return changes.make(alice, url="https://hooks.example.com/in", states=ALL)[0]


@pytest.fixture
def failed(hook: Webhook) -> Job:
    """A delivery that has failed."""
    job = Job.objects.get(pk=orders.order_test(hook))
    Job.objects.filter(pk=job.pk).update(state=State.FAILED, error="Odd.", finished_at=job.created_at)
    WebhookCall.objects.create(webhook=hook, job=job, event="webhook.test", seconds=0.2, status=500, answer="<b>No</b>")
    return job


def acts(hook: Webhook, job: Job) -> list[tuple[str, dict[str, Any]]]:
    at = f"/settings/webhooks/{hook.pk}/"
    return [
        (f"{at}form/", FILLED),
        (f"{at}secret/", {}),
        (f"{at}test/", {}),
        (f"{at}switching/", {"to": "off"}),
        (f"{at}deliveries/{job.pk}/sending/", {}),
        (f"{at}deletion/", {}),
    ]


def test_a_webhook_is_made_and_its_secret_is_shown(as_alice: Client, alice: User) -> None:
    page = as_alice.get("/settings/webhooks/new/")
    assert page.status_code == 200
    answer = as_alice.post("/settings/webhooks/new/", FILLED)
    hook = Webhook.objects.get()
    assert (hook.owner, hook.url, hook.schedule) == (alice, FILLED["url"], None)
    assert hook.states == ["failed", "cancelled"]
    assert answer["Location"] == f"/settings/webhooks/{hook.pk}/secret/"
    page = as_alice.get(answer["Location"])
    assert keys.secret_of(hook) in page.text
    assert "Give its secret to the receiver" in page.text
    settings = as_alice.get("/settings/").text
    assert "hooks.example.com" in settings
    assert "job.failed, job.cancelled" in settings
    assert keys.secret_of(hook) not in settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://127.0.0.1/"}, "not on the public internet"),
        ({"url": "ftp://example.com/"}, "does not begin with http"),
        ({"url": "https://a:b@example.com/"}, "user name or a password"),
        ({"url": ""}, "This field is required"),
        ({"events": []}, "at least one event"),
        ({"events": ["begun"]}, "Select a valid choice"),
    ],
)
def test_what_can_not_be_is_said_at_its_field(as_alice: Client, change: dict[str, Any], words: str) -> None:
    answer = as_alice.post("/settings/webhooks/new/", {**FILLED, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert faults(answer.text) == []
    assert not Webhook.objects.exists()


def test_one_webhook_too_many_is_said(as_alice: Client, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_WEBHOOKS", 1)
    answer = as_alice.post("/settings/webhooks/new/", FILLED, follow=True)
    assert answer.redirect_chain == [("/settings/#webhooks", 302)]
    assert "as many as one person may have" in answer.text
    assert Webhook.objects.count() == 1


def test_a_secret_that_can_not_be_read_is_said(as_alice: Client, hook: Webhook, conf: OwnConf) -> None:
    conf.SECRET_KEYS = ["another key"]
    page = as_alice.get(f"/settings/webhooks/{hook.pk}/secret/")
    assert page.status_code == 200
    assert "Make another one" in page.text


def test_a_schedules_page_leads_to_a_webhook_of_it(as_alice: Client, alice: User, bob: User) -> None:
    own, other = [Schedule.objects.create(owner=each, pipeline="letters", cron="0 7 * * 1") for each in (alice, bob)]
    assert f"/settings/webhooks/new/?schedule={own.pk}" in as_alice.get(own.get_absolute_url()).text
    page = as_alice.get(f"/settings/webhooks/new/?schedule={own.pk}").text
    assert f'<option value="{own.pk}" selected>' in page
    assert f'value="{other.pk}"' not in page
    assert as_alice.post("/settings/webhooks/new/", {**FILLED, "schedule": other.pk}).status_code == 422
    as_alice.post("/settings/webhooks/new/", {**FILLED, "schedule": own.pk})
    assert Webhook.objects.get().schedule == own


def test_the_page_shows_the_calls(as_alice: Client, alice: User, hook: Webhook, failed: Job, make_job: MakeJob) -> None:
    job = make_job(alice)
    delivery = Job.objects.get(pk=orders.order_test(hook))
    Job.objects.filter(pk=delivery.pk).update(subject_key=str(job.pk), state=State.SUCCEEDED)
    WebhookCall.objects.create(
        webhook=hook, job=delivery, event="job.failed", seconds=1.5, status=None, answer="Silent."
    )
    WebhookCall.objects.create(webhook=hook, job=delivery, event="job.failed", seconds=1.5, status=200, answer="Yes")
    WebhookCall.objects.create(webhook=hook, job=failed, event="webhook.test", seconds=0.2, status=500, answer="Still")
    page = as_alice.get(hook.get_absolute_url()).text
    assert faults(page) == []
    for words in ("job.failed", f'href="/jobs/{job.pk}/"', "No answer", "Silent.", "200", "Yes", "500", "1.5 s"):
        assert words in page
    assert "&lt;b&gt;No&lt;/b&gt;" in page
    assert page.count("Send again") == 1
    assert f"deliveries/{failed.pk}/sending/" in page


def test_the_page_asks_for_what_is_new(as_alice: Client, hook: Webhook, failed: Job) -> None:
    page = as_alice.get(hook.get_absolute_url(), headers=HTMX)
    version = page.context["version"]
    assert as_alice.get(f"{hook.get_absolute_url()}?v={version}", headers=HTMX).status_code == 204
    WebhookCall.objects.create(webhook=hook, job=failed, event="webhook.test", status=200)
    assert as_alice.get(f"{hook.get_absolute_url()}?v={version}", headers=HTMX).status_code == 200
    address = hook.get_absolute_url()
    hook.delete()
    gone = as_alice.get(f"{address}?v={version}", headers=HTMX)
    assert (gone.status_code, gone["HX-Refresh"]) == (404, "true")


def test_it_is_changed(as_alice: Client, hook: Webhook) -> None:
    page = as_alice.get(f"/settings/webhooks/{hook.pk}/form/").text
    assert 'value="https://hooks.example.com/in"' in page
    answer = as_alice.post(f"/settings/webhooks/{hook.pk}/form/", FILLED)
    assert answer["Location"] == hook.get_absolute_url()
    hook.refresh_from_db()
    assert (hook.url, hook.states) == (FILLED["url"], ["failed", "cancelled"])


def test_it_gets_another_secret(as_alice: Client, hook: Webhook) -> None:
    former = keys.secret_of(hook)
    answer = as_alice.post(f"/settings/webhooks/{hook.pk}/secret/", follow=True)
    hook.refresh_from_db()
    assert keys.secret_of(hook) != former
    assert keys.secret_of(hook) in answer.text
    assert former not in answer.text
    assert "For a day" in answer.text


def test_it_is_paused_and_resumed_however_often_it_is_sent(as_alice: Client, hook: Webhook) -> None:
    for to, is_paused in (("off", True), ("off", True), ("on", False), ("on", False)):
        as_alice.post(f"/settings/webhooks/{hook.pk}/switching/", {"to": to})
        hook.refresh_from_db()
        assert (hook.stopped_at is not None) == is_paused
    assert as_alice.post(f"/settings/webhooks/{hook.pk}/switching/", {"to": "x"}).status_code == 400


def test_a_test_is_sent(as_alice: Client, hook: Webhook) -> None:
    answer = as_alice.post(f"/settings/webhooks/{hook.pk}/test/", follow=True)
    assert "A test is on its way" in answer.text
    assert Job.objects.get().params["event"] == "webhook.test"
    changes.pause(hook, by="alice")
    assert "Resume it" in as_alice.post(f"/settings/webhooks/{hook.pk}/test/", follow=True).text
    assert Job.objects.count() == 1


def test_what_failed_is_sent_again(
    as_alice: Client, hook: Webhook, failed: Job, alice: User, make_job: MakeJob
) -> None:
    sending = f"/settings/webhooks/{hook.pk}/deliveries/{{}}/sending/"
    as_alice.post(sending.format(failed.pk))
    failed.refresh_from_db()
    assert failed.state == State.QUEUED
    other = make_job(alice, state="failed")
    assert "no longer kept" in as_alice.post(sending.format(other.pk), follow=True).text
    other.refresh_from_db()
    assert other.state == State.FAILED


def test_it_is_deleted_after_a_question(as_alice: Client, hook: Webhook, failed: Job) -> None:
    page = as_alice.get(f"/settings/webhooks/{hook.pk}/deletion/")
    assert "Delete this webhook?" in page.text
    assert Webhook.objects.exists()
    answer = as_alice.post(f"/settings/webhooks/{hook.pk}/deletion/")
    assert answer["Location"] == "/settings/#webhooks"
    assert not Webhook.objects.exists()
    assert not WebhookCall.objects.exists()


@pytest.mark.parametrize("who", ["as_bob", "as_staff"])
def test_nobody_else_sees_or_changes_it(who: str, request: pytest.FixtureRequest, hook: Webhook, failed: Job) -> None:
    other: Client = request.getfixturevalue(who)
    secret = keys.secret_of(hook)
    for address in ("", "form/", "secret/", "deletion/"):
        assert other.get(f"{hook.get_absolute_url()}{address}").status_code == 404
    for address, data in acts(hook, failed):
        assert other.post(address, data).status_code == 404, address
    assert "hooks.example.com" not in other.get("/settings/").text
    now = Webhook.objects.get()
    assert (now.url, now.stopped_at, keys.secret_of(now)) == (hook.url, None, secret)


def test_without_a_log_in_nothing_is_shown(client: Client, hook: Webhook, failed: Job) -> None:
    for address, data in acts(hook, failed):
        for answer in (client.get(address), client.post(address, data)):
            assert answer.status_code in (302, 405), address
    assert Webhook.objects.get().stopped_at is None


def test_acts_take_no_get(as_alice: Client, hook: Webhook, failed: Job) -> None:
    for address in ("test/", "switching/", f"deliveries/{failed.pk}/sending/"):
        assert as_alice.get(f"{hook.get_absolute_url()}{address}").status_code == 405


def test_with_htmx_an_act_leads_back_to_the_page(as_alice: Client, hook: Webhook) -> None:
    answer = as_alice.post(f"/settings/webhooks/{hook.pk}/switching/", {"to": "off"}, headers=HTMX)
    assert answer["HX-Redirect"] == hook.get_absolute_url()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "On"),
        ({"note": "All calls have failed."}, "Stopped"),
        ({"failing": True}, "Failing"),
        ({"off": True}, "Paused"),
    ],
)
def test_lists_and_page_say_how_it_stands(
    as_alice: Client, hook: Webhook, change: dict[str, Any], word: str, alice: User
) -> None:
    if "failing" in change:
        Webhook.objects.update(failing_since=hook.created_at)
    if "off" in change or "note" in change:
        Webhook.objects.update(stopped_at=hook.created_at, note=change.get("note", ""))
    for address in ("/settings/", hook.get_absolute_url()):
        assert f"</svg>{word}</span>" in as_alice.get(address).text
    if "note" in change:
        assert "All calls have failed." in as_alice.get(hook.get_absolute_url()).text


def test_the_trail_has_words_for_each_act(as_staff: Client, hook: Webhook) -> None:
    changes.rotate(hook, by="alice")
    changes.delete(hook, by="alice")
    page = as_staff.get("/audit/").text
    for words in ("Made a webhook", "Gave a webhook another secret", "Deleted a webhook"):
        assert words in page
