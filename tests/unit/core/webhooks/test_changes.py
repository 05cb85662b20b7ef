"""The acts of a person on a webhook, and what the audit trail says of them."""

from __future__ import annotations

import base64

import pytest
from django.contrib.auth.models import User

from core.errors import PermanentError, Refused
from core.models import AuditEntry, Schedule, Webhook
from core.pipelines.secrets import is_sealed
from core.webhooks import addresses, changes, keys
from tests.configuration import OwnConf
from tests.unit.core.conftest import Clock

from .conftest import ALL, MakeHook, ordered

pytestmark = pytest.mark.django_db


def test_a_webhook_has_a_secret_that_the_database_can_not_read(alice: User) -> None:
    hook, secret = changes.make(alice, url="https://hooks.example.com/in", states=ALL)
    hook.refresh_from_db()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert is_sealed(hook.secret)
    assert secret not in str(hook.secret)
    assert keys.secret_of(hook) == secret
    assert keys.secrets_of(hook) == [secret]
    assert changes.make(alice, url="https://hooks.example.com/in", states=ALL)[1] != secret


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1/hook", "not on the public internet"),
        ("http://localhost:8080/", "not on the public internet"),
        ("http://[::1]/", "not on the public internet"),
        ("http://10.1.2.3/", "not on the public internet"),
        ("http://169.254.169.254/latest/", "not on the public internet"),
        ("http://0x7f000001/", "odd spelling"),
        ("ftp://example.com/", "does not begin with http"),
        ("hooks.example.com", "does not begin with http"),
        ("https://alice:secret@example.com/", "user name or a password"),
        ("https://example.com:25/", "names port 25"),
        ("https://exa mple.com/", "blank"),
        ("", "does not begin with http"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused(alice: User, make_hook: MakeHook, url: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        changes.make(alice, url=url, states=ALL)
    hook = make_hook(alice)
    with pytest.raises(PermanentError, match=words):
        changes.edit(hook, url=url, states=ALL, by="alice")
    assert Webhook.objects.get() == hook
    assert "secret" not in str(list(AuditEntry.objects.values()))


def test_the_site_may_allow_an_address_inside(alice: User, conf: OwnConf) -> None:
    conf.FETCH_INSIDE = ["127.0.0.1:8099"]
    assert changes.make(alice, url="http://127.0.0.1:8099/hook", states=ALL)[0].url == "http://127.0.0.1:8099/hook"


def test_a_site_on_which_nobody_calls_takes_no_webhook(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_check", None)
    with pytest.raises(Refused, match="nobody who would call"):
        changes.make(alice, url="https://hooks.example.com/", states=ALL)


def test_events_and_schedule_are_checked(alice: User, bob: User) -> None:
    with pytest.raises(Refused, match="at least one event"):
        changes.make(alice, url="https://hooks.example.com/", states=[])
    with pytest.raises(Refused, match="'begun'"):
        changes.make(alice, url="https://hooks.example.com/", states=["begun"])
    schedule = Schedule.objects.create(owner=bob, pipeline="noop", cron="0 7 * * 1")
    with pytest.raises(Refused, match="your own schedules"):
        changes.make(alice, url="https://hooks.example.com/", states=ALL, schedule=schedule)


def test_one_person_has_a_bounded_number(alice: User, bob: User, make_hook: MakeHook) -> None:
    for _ in range(changes.MOST_WEBHOOKS):
        make_hook(alice)
    with pytest.raises(Refused, match="as many as one person may have"):
        make_hook(alice)
    make_hook(bob)


def test_for_a_day_after_a_change_both_secrets_sign(alice: User, clock: Clock) -> None:
    hook, former = changes.make(alice, url="https://hooks.example.com/in", states=ALL)
    secret = changes.rotate(hook, by="alice")
    hook.refresh_from_db()
    assert secret != former
    assert keys.secrets_of(hook) == [secret, former]
    clock.advance(changes.CHANGE_OVER.total_seconds() + 1)
    assert keys.secrets_of(hook) == [secret]


def test_a_secret_that_no_key_opens_is_said(alice: User, make_hook: MakeHook, conf: OwnConf) -> None:
    hook = make_hook(alice)
    conf.SECRET_KEYS = ["another key"]
    with pytest.raises(PermanentError, match="Make another one"):
        keys.secret_of(hook)
    secret = changes.rotate(hook, by="alice")
    hook.refresh_from_db()
    assert keys.secret_of(hook) == secret
    # The former one opens no more: the new one has to do alone.
    assert keys.secrets_of(hook) == [secret]


def test_a_paused_webhook_takes_no_test(alice: User, make_hook: MakeHook) -> None:
    hook = make_hook(alice)
    changes.send_test(hook, by="alice")
    changes.pause(hook, by="alice")
    with pytest.raises(Refused, match="Resume it"):
        changes.send_test(hook, by="alice")
    assert len(ordered()) == 1


def test_each_act_is_in_the_audit_trail_without_paths_and_secrets(alice: User) -> None:
    hook, secret = changes.make(alice, url="https://hooks.example.com/T0/B0/xyzzy?key=1", states=ALL)
    changes.edit(hook, url="https://other.example.com/plugh", states=["failed"], by="alice")
    changes.rotate(hook, by="alice")
    changes.send_test(hook, by="alice")
    for _ in range(2):
        changes.pause(hook, by="alice")
    for _ in range(2):
        changes.resume(hook, by="alice")
    changes.delete(hook, by="alice")
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [entry.act for entry in entries] == [
        "make_webhook",
        "edit_webhook",
        "rotate_webhook",
        "test_webhook",
        "pause_webhook",
        "resume_webhook",
        "delete_webhook",
    ]
    text = str([(entry.before, entry.after) for entry in entries])
    assert "hooks.example.com" in text
    for hidden in ("xyzzy", "plugh", "key=1", secret):
        assert hidden not in text
    with pytest.raises(Refused, match="not there any more"):
        changes.rotate(hook, by="alice")


def test_another_address_begins_without_faults(alice: User, make_hook: MakeHook, clock: Clock) -> None:
    from core.database.clock import database_now

    hook = make_hook(alice)
    Webhook.objects.filter(pk=hook.pk).update(failing_since=database_now())
    changes.edit(hook, url=hook.url, states=["failed"], by="alice")
    assert Webhook.objects.get().failing_since is not None
    changes.edit(hook, url="https://other.example.com/", states=["failed"], by="alice")
    assert Webhook.objects.get().failing_since is None
