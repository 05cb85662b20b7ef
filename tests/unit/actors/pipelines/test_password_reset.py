"""Mails for a new password against a real SMTP server: delayed while it is away, never lost, stored nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from core.life.submission import submit
from core.models import Job, JobEvent, JobStep, Mail
from core.models.states import State
from core.people.users import system_user
from tests.configuration import OwnConf
from tests.services.mail_sink import OPEN, MailSink, Place

from .mailing import run_once, use_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.RETRY_BASE_SECONDS = 0.0
    conf.SITE_URL = "https://headway.example"
    return tmp_path / "files"


@pytest.fixture
def sink(settings: Settings) -> Iterator[MailSink]:
    with MailSink() as server:
        use_server(settings, server.url)
        yield server


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("zoë", "alice@example.org", "alice")


def ask(address: str = "Alice@Example.org") -> Job:
    made = submit("password_reset", owner_id=system_user().pk, params={"address": address})
    return Job.objects.get(pk=made.job_id)


def link_in(sink: MailSink, number: int = 0) -> str:
    body = sink.accepted[number].message.get_body(("plain",))
    assert body is not None
    (path,) = re.findall(r"https://headway\.example(/password/\S+)", body.get_content())
    return str(path)


def test_the_mail_has_text_and_html_and_a_link_that_works(sink: MailSink, alice: User, client: Client) -> None:
    assert run_once(ask()).state == State.SUCCEEDED
    (mail,) = sink.accepted
    assert (mail.recipient, mail.message["Auto-Submitted"]) == ("alice@example.org", "auto-generated")
    html = mail.message.get_body(("html",))
    assert html is not None
    assert link_in(sink) in html.get_content()
    assert "Hello zoë" in html.get_content()
    assert "Set a new password" in client.get(link_in(sink), follow=True).text


def test_a_server_that_is_away_delays_the_mail_and_loses_none(alice: User, settings: Settings) -> None:
    with MailSink() as gone:
        url = gone.url
    use_server(settings, url)
    job = run_once(ask())
    assert job.state == State.RETRYING
    with MailSink() as server:
        use_server(settings, server.url)
        assert run_once(job).state == State.SUCCEEDED
        assert len(server.accepted) == 1


def test_a_server_that_takes_no_such_mail_is_not_asked_again(sink: MailSink, alice: User) -> None:
    sink.replies = {"rcpt": "550 no such user"}
    job = run_once(ask())
    assert job.state == State.FAILED
    assert "no such user" in job.error


@pytest.mark.parametrize("place", OPEN)
def test_a_break_before_the_answer_sends_no_second_mail(sink: MailSink, alice: User, place: Place) -> None:
    sink.plan = lambda _: place
    job = run_once(ask())
    assert job.state == State.FAILED
    assert "may have been sent" in job.error
    assert sink.connections == 1


def test_the_token_is_in_the_mail_and_nowhere_else(sink: MailSink, alice: User) -> None:
    job = run_once(ask())
    token = link_in(sink).split("/")[3]
    assert len(token) > 30
    rows = [*Job.objects.values(), *JobStep.objects.values(), *JobEvent.objects.values(), *Mail.objects.values()]
    assert token not in repr(rows)
    assert job.params == {"address": "Alice@Example.org"}


def test_an_address_without_an_account_is_asked_nothing(sink: MailSink, alice: User) -> None:
    for address in ("nobody@example.org", ""):
        assert run_once(ask(address)).state == State.SUCCEEDED
    assert sink.connections == 0
