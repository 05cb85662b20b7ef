"""Mails on pages: of a job, the list for staff, and sending one again on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from core.mails import ended_key, order
from core.models import AuditEntry, Job, Mail
from core.models.states import State
from core.operation import metrics
from core.settings import _mail_settings
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults

pytestmark = pytest.mark.django_db


def make_mail(owner: User, mail: str = "unknown", *, to: str = "carol@example.org", key: str = "", **job: Any) -> Mail:
    made = order("welcome", to=to, owner_id=owner.pk, context={}, key=key)
    ends = {"sent": State.SUCCEEDED, "unsent": State.SUCCEEDED, "ready": State.QUEUED, "sending": State.RUNNING}
    Job.objects.filter(pk=made.job_id).update(**{"state": ends.get(mail, State.FAILED), **job})
    return Mail.objects.create(
        job_id=made.job_id, kind="welcome", to=to, subject=f"Hello {to}", state=mail, answer="451 <b>busy</b>"
    )


def address(mail: Mail) -> str:
    return reverse("headway:mail_sending", args=[mail.pk])


def test_a_mail_jobs_page_shows_the_recipient_and_the_outcome(as_alice: Client, alice: User) -> None:
    words = {
        "sent": "Sent",
        "unsent": "Not sent",
        "unknown": "May have been sent",
        "refused": "Refused",
        "ready": "Waits to be sent",
        "sending": "Being sent",
    }
    for state, text in words.items():
        mail = make_mail(alice, state)
        page = as_alice.get(mail.job.get_absolute_url())
        assert faults(page.text) == []
        assert text in page.text
        assert "carol@example.org" in page.text
        assert (address(mail) in page.text) == (state == "unknown")
        assert "<b>busy" not in page.text
        for word in ("Edit parameters", "Run again with changes", "/pipelines/mail/"):
            assert word not in page.text


def test_what_an_ended_job_left_half_sent_is_said_to_be_open(as_alice: Client, alice: User) -> None:
    mail = make_mail(alice, "sending", state=State.FAILED)
    page = as_alice.get(mail.job.get_absolute_url())
    assert "May have been sent" in page.text
    assert "Being sent" not in page.text


def test_a_jobs_page_shows_the_mails_ordered_for_it(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="succeeded", fence=2)
    make_mail(alice, "sent", to="ended@example.org", key=ended_key(job.pk, 2))
    make_mail(alice, "sent", to="part@example.org", parent=job, fan_key="mails", fan_index=0)
    make_mail(alice, "sent", to="other@example.org", key=ended_key(job.pk + 1000, 2))
    page = as_alice.get(job.get_absolute_url()).text
    for name in ("ended", "part"):
        assert f"{name}@example.org" in page
    assert "other@example.org" not in page


def test_a_live_page_learns_what_became_of_its_mail(as_alice: Client, alice: User) -> None:
    mail = make_mail(alice, "ready")
    fragment = as_alice.get(f"{mail.job.get_absolute_url()}progress/?v=old", headers=HTMX)
    assert f'id="job-{mail.job_id}-mails"' in fragment.text
    assert faults(fragment.text) == []


def test_staff_sees_all_mails_and_the_open_ones_first(as_staff: Client, alice: User) -> None:
    make_mail(alice, to="open@example.org")
    make_mail(alice, "sent", to="sent@example.org")
    page = as_staff.get("/mails/")
    assert faults(page.text) == []
    assert "1 may or may not have been sent" in page.text
    assert page.text.index("open@example.org") < page.text.index("sent@example.org")
    refused = as_staff.get("/mails/?state=refused").text
    assert "No mail matches this filter" in refused
    assert "may or may not have been sent" not in refused
    found = as_staff.get("/mails/?to=SENT@").text
    assert "sent@example.org" in found
    assert "open@example.org" not in found
    assert as_staff.get("/mails/?state=nonsense&before=x&to=%00").status_code == 200


def test_pages_say_that_no_mail_server_is_set_up(as_staff: Client, settings: Settings) -> None:
    for name, is_said in (("locmem", True), ("smtp", False)):
        for setting, value in _mail_settings(_backend(name)).items():
            setattr(settings, setting, value)
        assert ("No mail server is set up. Mails are not sent" in as_staff.get("/mails/").text) == is_said
        assert ("No mail server is set up on this site" in as_staff.get(reverse("headway:preferences")).text) == is_said
        done = Client().get(reverse("headway:password_reset_done")).text
        assert ("No mail was sent" in done, "a mail is on its way" in done) == (is_said, not is_said)


def _backend(name: str) -> dict[str, Any]:
    return {"BACKEND": f"django.core.mail.backends.{name}.EmailBackend", "OPTIONS": {}}


def test_a_long_list_has_pages(as_staff: Client, alice: User) -> None:
    job = make_mail(alice, "sent").job
    Mail.objects.bulk_create(
        Mail(job=job, kind=f"k{number}", to=f"n{number}@example.org", state="sent") for number in range(60)
    )
    first = as_staff.get("/mails/").text
    assert "n59@example.org" in first
    assert "n5@example.org" not in first
    last = Mail.objects.get(kind="k10").pk
    second = as_staff.get(f"/mails/?before={last}").text
    assert "n5@example.org" in second
    assert "Newer" in second


def test_the_list_is_for_staff(as_alice: Client, client: Client) -> None:
    assert as_alice.get("/mails/").status_code == 403
    assert client.get("/mails/").status_code == 302
    assert as_alice.post("/mails/").status_code == 405


def test_an_empty_list_says_so(as_staff: Client) -> None:
    assert "No mail has been written yet" in as_staff.get("/mails/").text


def test_an_open_mail_is_sent_again_after_a_confirmation(as_alice: Client, alice: User) -> None:
    mail = make_mail(alice)
    asked = as_alice.get(address(mail))
    assert faults(asked.text) == []
    assert "gets it a second time" in asked.text
    assert Mail.objects.get().state == "unknown"
    answer = as_alice.post(address(mail), follow=True)
    assert "is sent again" in answer.text
    assert (Mail.objects.get().state, Job.objects.get(pk=mail.job_id).state) == ("ready", "queued")
    assert AuditEntry.objects.get().act == "send_mail_again"


def test_staff_may_send_it_again_and_the_trail_says_so_in_words(as_staff: Client, alice: User) -> None:
    mail = make_mail(alice)
    as_staff.post(address(mail))
    assert (AuditEntry.objects.get().who, Mail.objects.get().state) == ("staff", "ready")
    assert "Sent a mail again" in as_staff.get("/audit/").text


def test_what_is_not_open_is_not_sent_again(as_alice: Client, alice: User) -> None:
    for state in ("sent", "ready", "refused"):
        mail = make_mail(alice, state)
        for answer in (as_alice.get(address(mail), follow=True), as_alice.post(address(mail), follow=True)):
            assert "is not one that may have been sent" in answer.text
        assert Mail.objects.get(pk=mail.pk).state == state
    assert not AuditEntry.objects.exists()


def test_somebody_elses_mail_is_not_found(as_bob: Client, client: Client, alice: User) -> None:
    mail = make_mail(alice)
    assert as_bob.get(address(mail)).status_code == 404
    assert as_bob.post(address(mail)).status_code == 404
    assert client.post(address(mail)).status_code == 302
    assert as_bob.delete(address(mail)).status_code == 405
    assert Mail.objects.get().state == "unknown"


def test_a_retry_of_its_job_is_no_wish_for_a_second_copy(as_alice: Client, alice: User) -> None:
    mail = make_mail(alice)
    as_alice.post(reverse("headway:job_retry", args=[mail.job_id]), {"from": "start"})
    assert Job.objects.get(pk=mail.job_id).state == "queued"
    assert Mail.objects.get().state == "unknown"


def test_nobody_reaches_a_form_that_sends_mails(as_alice: Client) -> None:
    answer = as_alice.post("/pipelines/mail/", {"kind": "welcome", "to": "x@example.org"})
    assert answer.status_code in (404, 422)
    assert not Job.objects.exists()


def test_open_mails_are_a_figure(alice: User) -> None:
    make_mail(alice)
    make_mail(alice, "sent")
    assert b"headway_unknown_mails 1.0" in metrics.render()
