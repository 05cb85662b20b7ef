"""Ordering mails: in the transaction of what they tell of, once a key."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from core.mails import order, sending
from core.models import AlarmCount, Job, Mail
from core.models.states import State
from core.people.accounts import sign_up
from tests.unit.core.acts import submit_job


def mail_jobs() -> list[Job]:
    return list(Job.objects.filter(pipeline="mail"))


@pytest.mark.django_db(transaction=True)
def test_a_new_accounts_welcome_mail_is_in_its_transaction() -> None:
    user = sign_up(username="dora", email="dora@example.org", password="x")
    (job,) = mail_jobs()
    assert (job.owner_id, job.idempotency_key) == (user.pk, "welcome")
    assert job.params == {
        "kind": "welcome",
        "to": "dora@example.org",
        "context": {"username": "dora"},
        "attachments": [],
    }


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_not_saved_after_all_gets_no_mail() -> None:
    def sign_up_and_fail() -> None:
        with transaction.atomic():
            sign_up(username="dora", email="dora@example.org", password="x")
            assert mail_jobs()
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        sign_up_and_fail()
    assert not User.objects.exists()
    assert mail_jobs() == []


@pytest.mark.django_db
def test_an_account_without_an_address_gets_none() -> None:
    sign_up(username="dora", email="", password="x")
    assert mail_jobs() == []


@pytest.mark.django_db
def test_the_same_key_is_the_same_mail(alice: User) -> None:
    first, second = (
        order("welcome", to="a@example.org", owner_id=alice.pk, context={}, key="welcome") for _ in range(2)
    )
    assert (first.is_new, second.is_new) == (True, False)
    assert first.job_id == second.job_id
    assert Job.objects.get(pk=first.job_id).title == "Mail to a@example.org"


@pytest.mark.django_db
def test_what_ended_jobs_left_half_sent_is_called_unknown(alice: User) -> None:
    made = {}
    for state in (State.RUNNING, State.RETRYING, State.FAILED, State.CANCELLED):
        job = submit_job(alice)
        Job.objects.filter(pk=job.pk).update(state=state)
        made[state] = Mail.objects.create(job=job, kind="k", to="a@example.org", state=Mail.State.SENDING)
    assert sending.settle_left() == 2
    left = {state: Mail.objects.get(pk=mail.pk).state for state, mail in made.items()}
    assert left == {
        State.RUNNING: "sending",
        State.RETRYING: "sending",
        State.FAILED: "unknown",
        State.CANCELLED: "unknown",
    }
    assert sending.settle_left() == 0
    from core.operation import alarms

    alarms.flush()
    assert AlarmCount.objects.get(name=alarms.MAIL_UNKNOWN, place="k").count == 2


@pytest.mark.django_db
def test_the_admin_shows_mails_and_changes_none(client: Client, alice: User) -> None:
    client.force_login(User.objects.create_superuser("olga"))
    mail = Mail.objects.create(job=submit_job(alice), kind="k", to="a@example.org", subject="<b>bold</b>")
    listed = client.get(reverse("admin:core_mail_changelist"), {"q": "a@example.org"})
    shown = client.get(reverse("admin:core_mail_change", args=[mail.pk]))
    for answer in (listed, shown):
        assert (answer.status_code, "<b>bold" in answer.text) == (200, False)
    assert client.post(reverse("admin:core_mail_change", args=[mail.pk]), {"state": "sent"}).status_code == 403
