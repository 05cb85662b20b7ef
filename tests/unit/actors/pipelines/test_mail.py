"""The pipeline of mails against a real SMTP server that hangs up: at most once, none lost, and unknown said so."""

from __future__ import annotations

import random
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import mail as django_mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import OperationalError, transaction
from pytest_django import Settings

from actors.pipelines.mail.pipeline import rate_of
from actors.pipelines.report.pipeline import _mailed
from core import pipelines
from core.errors import Refused
from core.forms import open_form
from core.life import requests
from core.mails import order, smtp
from core.mails.requests import send_again
from core.mails.server import place_of_mails
from core.models import Artifact, AuditEntry, Job, Mail
from core.models.states import WARNED, State
from tests.configuration import OwnConf
from tests.services.mail_sink import CERTAIN, OPEN, PLACES, MailSink, Place, self_signed
from tests.services.waiting import PATIENCE_SECONDS
from tests.unit.core.acts import begin, submit_job

from .mailing import TO, mail_of, order_mail, run_once, run_to_end, use_backend, use_server

pytestmark = pytest.mark.django_db

#: Lines that are broken at each of the eight places: 104 in all.
EACH = 13


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.RETRY_BASE_SECONDS = 0.0
    return tmp_path / "files"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.org", "alice")


@pytest.fixture
def sink(settings: Settings) -> Iterator[MailSink]:
    with MailSink() as server:
        use_server(settings, server.url)
        yield server


class OtherBackend(BaseEmailBackend):
    """A backend of another package's, which sends for all we know."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return len(email_messages)


def plan_of(sink: MailSink, *places: Place | None) -> None:
    """Cut the first connections off at these places, and no other."""
    sink.plan = lambda number: places[number] if number < len(places) else None


def test_a_mail_arrives_once_with_text_html_and_headers(alice: User, sink: MailSink) -> None:
    job = run_to_end(order_mail(alice))
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    (taken,) = sink.accepted
    assert (taken.sender, taken.recipient) == ("headway@localhost", TO)
    message = taken.message
    assert message["Subject"] == "Welcome to Headway, carol"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == mail_of(job).message_id
    assert message.get_content_type() == "multipart/alternative"
    text, page = message.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert "Hello carol," in text.get_content()
    assert "Open your desk" in page.get_content()
    assert mail_of(job).state == Mail.State.SENT
    assert mail_of(job).sent_at is not None
    assert job.result is not None
    assert job.result["headline"] == f"Sent to {TO}"


def test_broken_lines_deliver_each_unmarked_mail_at_most_once(alice: User, sink: MailSink) -> None:
    rng = random.Random(5)
    drops: list[Place] = [*PLACES * EACH]
    rng.shuffle(drops)
    # Whole lines in between, so that mails end.
    lines: list[Place | None] = [place for drop in drops for place in (drop, *[None] * (rng.random() < 0.4))]
    plan_of(sink, *lines)
    jobs: list[Job] = []
    while sink.connections < len(lines):
        jobs.append(run_to_end(order_mail(alice, key=f"k{len(jobs)}"), attempts=60))
    assert sink.cut == dict.fromkeys(PLACES, EACH)
    taken = sink.ids()
    states: Counter[str] = Counter()
    for job in jobs:
        mail = mail_of(job)
        states[mail.state] += 1
        if mail.state == Mail.State.SENT:
            assert (taken[mail.message_id], job.state) == (1, State.SUCCEEDED)
        else:
            assert (mail.state, job.state) == (Mail.State.UNKNOWN, State.FAILED)
            assert taken[mail.message_id] <= 1
            assert "may have been sent" in job.error
    # Exactly the lines that broke between the body and its answer are open; half of those mails did arrive.
    assert states[Mail.State.UNKNOWN] == EACH * len(OPEN)
    arrived = sum(taken[mail.message_id] for mail in Mail.objects.filter(state=Mail.State.UNKNOWN))
    assert arrived == EACH
    assert sum(taken.values()) == states[Mail.State.SENT] + arrived
    # Nothing sends the open ones again: neither a retry nor one from the start.
    connections = sink.connections
    for job in jobs:
        if job.state == State.FAILED:
            requests.retry(job, by="alice", from_start=rng.random() < 0.5)
            again = run_to_end(job)
            assert again.state == State.FAILED
            assert "may have been sent" in again.error
    assert sink.connections == connections
    assert sink.ids() == taken


@pytest.mark.parametrize("place", CERTAIN)
def test_a_break_before_the_body_is_retried_and_the_mail_arrives(alice: User, sink: MailSink, place: Place) -> None:
    plan_of(sink, place)
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "was not sent" in job.error
    job = run_to_end(job)
    assert job.state == State.SUCCEEDED
    assert sink.ids() == {mail_of(job).message_id: 1}


@pytest.mark.parametrize("place", OPEN)
def test_a_break_between_body_and_answer_leaves_the_mail_unknown(alice: User, sink: MailSink, place: Place) -> None:
    plan_of(sink, place)
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.FAILED, Mail.State.UNKNOWN)
    assert "Nothing sends it again by itself" in job.error


def test_a_line_that_breaks_after_the_answer_changes_nothing(alice: User, sink: MailSink) -> None:
    plan_of(sink, "answered")
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.SUCCEEDED, Mail.State.SENT)


@pytest.mark.parametrize("place", ["mail", "rcpt", "data", "answer"])
def test_a_permanent_refusal_is_stored_in_the_servers_words(alice: User, sink: MailSink, place: str) -> None:
    sink.replies = {place: "550 5.1.1 no such person"}
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.FAILED, Mail.State.REFUSED)
    assert f"refused the mail to {TO}: 550 5.1.1 no such person" in job.error
    assert sink.accepted == []
    # It certainly was not sent, so a person's retry sends it, once the server takes it.
    sink.replies = {}
    requests.retry(job, by="alice", from_start=True)
    job = run_once(job)
    assert (job.state, mail_of(job).state) == (State.SUCCEEDED, Mail.State.SENT)


@pytest.mark.parametrize("place", ["greeting", "auth", "mail", "rcpt", "data", "answer"])
def test_what_the_server_cannot_take_now_is_tried_again(
    alice: User, sink: MailSink, settings: Settings, place: str
) -> None:
    use_server(settings, sink.url.replace("//", "//user:secret@"))
    sink.replies = {place: "451 4.7.1 come again"}
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "451 4.7.1 come again" in job.error
    sink.replies = {}
    assert run_to_end(job).state == State.SUCCEEDED
    assert len(sink.accepted) == 1


def test_a_wrong_password_of_the_site_refuses_no_mail(alice: User, sink: MailSink, settings: Settings) -> None:
    use_server(settings, sink.url.replace("//", "//user:secret@"))
    sink.replies = {"auth": "535 wrong"}
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "secret" not in job.error


@pytest.mark.parametrize("said", ["530 5.7.0 log in first", "530 issue STARTTLS first", "538 encryption required"])
def test_a_server_that_wants_the_site_to_log_in_refuses_no_mail(alice: User, sink: MailSink, said: str) -> None:
    sink.replies = {"mail": said}
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert said in job.error


def test_an_answer_that_is_none_leaves_it_unknown(alice: User, sink: MailSink) -> None:
    sink.replies = {"answer": "hello?"}
    assert mail_of(run_once(order_mail(alice))).state == Mail.State.UNKNOWN


def test_a_server_that_is_not_there_is_tried_again(alice: User, settings: Settings) -> None:
    with MailSink() as gone:
        url = gone.url
    use_server(settings, url)
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "ConnectionRefusedError" in job.error


def test_a_silent_or_endlessly_greeting_server_is_left(
    alice: User, sink: MailSink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 0.3)
    sink.drip_seconds = 0.05
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    sink.drip_seconds = 30.0
    use_server(settings, sink.url, timeout=0.2)
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 60.0)
    job = run_once(job)
    assert "timed out" in job.error


def test_a_server_that_never_answers_the_body_leaves_it_unknown(
    alice: User, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = threading.Event()
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(MailSink, "keep", lambda *_: silence.wait(PATIENCE_SECONDS))
    try:
        assert mail_of(run_once(order_mail(alice))).state == Mail.State.UNKNOWN
    finally:
        silence.set()


# -- crashes, and what a person may do ------------------------------------------------------------------


def test_a_lost_workers_mail_is_unknown_and_never_sent_again(alice: User, sink: MailSink) -> None:
    job = order_mail(alice)
    run_once(job)
    sent = sink.ids()
    # As a kill between handing over and writing it down leaves it.
    Mail.objects.filter(job=job).update(state=Mail.State.SENDING)
    Job.objects.filter(pk=job.pk).update(state=State.RETRYING, finished_at=None)
    job = run_once(job)
    assert (job.state, mail_of(job).state) == (State.FAILED, Mail.State.UNKNOWN)
    assert sink.ids() == sent


def test_resending_an_unknown_mail_on_purpose_is_audited(alice: User, sink: MailSink) -> None:
    plan_of(sink, "answer")
    job = run_once(order_mail(alice))
    send_again(mail_of(job), by="alice")
    with pytest.raises(Refused, match="not one that may have been sent: ready"):
        send_again(mail_of(job), by="alice")
    job = run_once(job)
    assert (job.state, mail_of(job).state) == (State.SUCCEEDED, Mail.State.SENT)
    # The copies are known to be copies by their Message-ID.
    assert sink.ids() == {mail_of(job).message_id: 2}
    (entry,) = AuditEntry.objects.all()
    assert (entry.who, entry.act, entry.job_id) == ("alice", "send_mail_again", job.pk)
    assert entry.before == {"mail": "unknown", "to": TO, "state": "failed"}


def test_only_what_may_have_been_sent_is_sent_again_on_purpose(alice: User, sink: MailSink) -> None:
    job = run_once(order_mail(alice))
    with pytest.raises(Refused, match="not one that may have been sent: sent"):
        send_again(mail_of(job), by="alice")
    Mail.objects.filter(job=job).update(state=Mail.State.UNKNOWN)
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING)
    with pytest.raises(Refused, match="is running now"):
        send_again(mail_of(job), by="alice")
    assert not AuditEntry.objects.exists()


def test_a_cancel_while_the_server_has_the_mail_leaves_it_sent(
    alice: User, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, keep = order_mail(alice), MailSink.keep

    def keep_and_cancel(self: MailSink, body: bytes, sender: str, recipient: str) -> None:
        keep(self, body, sender, recipient)
        taken.set()
        assert cancelled.wait(PATIENCE_SECONDS)

    taken, cancelled = threading.Event(), threading.Event()
    monkeypatch.setattr(MailSink, "keep", keep_and_cancel)
    real = smtp.Connection.getreply

    def cancel_meanwhile(self: smtp.Connection) -> tuple[int, bytes]:
        if self.body_began and taken.wait(PATIENCE_SECONDS) and not cancelled.is_set():
            requests.cancel(Job.objects.get(pk=job.pk), by="alice")
            cancelled.set()
        return real(self)

    monkeypatch.setattr(smtp.Connection, "getreply", cancel_meanwhile)
    job = run_once(job)
    assert (job.state, mail_of(job).state) == (State.CANCELLED, Mail.State.SENT)


def test_an_attempt_that_lost_its_job_mid_send_writes_nothing(
    alice: User, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, real = order_mail(alice), smtp.Connection.getreply

    def lose_it(self: smtp.Connection) -> tuple[int, bytes]:
        answer = real(self)
        if self.body_began:
            Job.objects.filter(pk=job.pk).update(fence=9)
        return answer

    monkeypatch.setattr(smtp.Connection, "getreply", lose_it)
    run_once(job)
    assert mail_of(job).state == Mail.State.SENDING
    monkeypatch.undo()
    Job.objects.filter(pk=job.pk).update(state=State.RETRYING)
    assert (run_once(job).state, mail_of(job).state) == (State.FAILED, Mail.State.UNKNOWN)
    assert len(sink.accepted) == 1


@pytest.mark.django_db(transaction=True)
def test_the_servers_answer_is_stored_when_the_database_returns(
    alice: User, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.mails import sending

    real, tries = transaction.atomic, iter(range(100))

    def away(*args: object, **kwargs: object) -> object:
        if sink.accepted and next(tries) < 3:
            raise OperationalError("the database is starting")
        return real()

    monkeypatch.setattr(sending, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(transaction, "atomic", away)
    job = order_mail(alice)
    Job.objects.filter(pk=job.pk).update(is_held=False)
    run_once(job)
    monkeypatch.undo()
    assert mail_of(job).state == Mail.State.SENT
    assert next(tries) > 3


# -- who may be mailed what -----------------------------------------------------------------------------


def test_nobody_submits_a_mail_by_hand(alice: User) -> None:
    entry = open_form(pipelines.get("mail"), user=alice, data={"kind": "welcome", "to": TO})
    assert not entry.is_valid()
    assert "Nobody submits one here" in str(entry.form.non_field_errors())
    assert "mail" not in [spec.name for spec in pipelines.listed(is_staff=True)]
    assert not pipelines.get("mail").notifies_owner


@pytest.mark.parametrize(
    "to", ["", "no address", "a@b.example\nBcc: all@example.org", "a@b.example\r\nX: y", "a@" + "b" * 250 + ".example"]
)
def test_what_is_no_address_is_refused_before_anything_is_stored(alice: User, to: str) -> None:
    with pytest.raises(Refused, match="is no mail address"):
        order("welcome", to=to, owner_id=alice.pk, context={}, key="k")
    assert not Job.objects.exists()


def test_no_name_breaks_out_of_a_header(alice: User, sink: MailSink) -> None:
    evil = "x\r\nBcc: all@example.org\n\n<script>alert(1)</script>"
    job = run_to_end(
        order_mail(alice, kind="job_done", context={"job": 1, "title": evil, "pipeline": "P", "address": "http://x/"})
    )
    assert job.state == State.SUCCEEDED
    (taken,) = sink.accepted
    assert taken.message["Bcc"] is None
    assert taken.message["Subject"] == "Done: x Bcc: all@example.org <script>alert(1)</script>"
    text, page = taken.message.iter_parts()
    assert "<script>" not in page.get_content()
    assert "<script>alert(1)</script>" in text.get_content()
    assert "Switch such mails off" in text.get_content()
    assert taken.message["List-Unsubscribe"].startswith("<http://")


def test_a_mail_about_a_success_names_its_warning(alice: User, sink: MailSink) -> None:
    told = {"job": 1, "title": "sales.csv", "pipeline": "P", "address": "http://x/", "headline": "4 rows imported"}
    for warning in ("3 of 7 records were rejected.", ""):
        context = {**told, "warning": warning}
        run_to_end(order_mail(alice, kind="job_done", context=context, key=f"told-{bool(warning)}"))
    first, second = (taken.message for taken in sink.accepted)
    assert (first["Subject"], second["Subject"]) == ("Done, with warnings: sales.csv", "Done: sales.csv")
    for part in first.iter_parts():
        assert "Your job is done, with warnings" in part.get_content()
        assert "3 of 7 records were rejected." in part.get_content()
    assert not any("warning" in part.get_content() for part in second.iter_parts())


def test_lines_are_short_and_seven_bit_whatever_the_words(alice: User, sink: MailSink) -> None:
    title = "Gemüse 蔬菜 " * 40 + "\n."
    run_to_end(
        order_mail(alice, kind="job_done", context={"job": 1, "title": title, "pipeline": "P", "address": "http://x/"})
    )
    (taken,) = sink.accepted
    lines = taken.message.as_bytes().splitlines()
    assert max(len(line) for line in lines) < 998
    assert all(line.isascii() for line in lines)
    assert str(taken.message["Subject"]).strip().startswith("Done: Gemüse 蔬菜")
    assert "Gemüse 蔬菜" in next(taken.message.iter_parts()).get_content()


def test_a_kind_without_a_template_fails_with_a_sentence(alice: User) -> None:
    job = run_once(order_mail(alice, kind="unheard_of"))
    assert job.state == State.FAILED
    assert "There is no mail of the kind" in job.error
    with pytest.raises(ValueError, match="mail kind"):
        order_mail(alice, kind="../secret")


def make_file(owner: User, *, size: int = 100, name: str = "report.pdf") -> Artifact:
    ctx = begin(submit_job(owner))
    path = ctx.folder / "report.pdf"
    path.write_bytes(b"%PDF" + b"x" * (size - 4))
    artifact_id = ctx.add_artifact(path, name=name, content_type="application/pdf")
    return Artifact.objects.get(pk=artifact_id)


REPORT = {
    "title": "Looms",
    "facts": [["Rows", 12000], ["Columns", 7]],
    "url": "https://user:secret@data.example/looms.csv?token=secret",
    "dataset": 5,
    "job": 7,
}


def test_a_small_report_is_attached_and_linked(alice: User, sink: MailSink) -> None:
    file = make_file(alice, name="Looms\n2026.pdf")
    job = run_to_end(order_mail(alice, kind="report", context=REPORT, attachments=[file.pk]))
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    message = sink.accepted[0].message
    assert message["Subject"] == "Looms"
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("Looms 2026.pdf", "application/pdf")
    assert attached.get_content() == file.local_path.read_bytes()
    text, page = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert text is not None
    assert page is not None
    for body in (text.get_content(), page.get_content()):
        assert "12,000" in body
        assert "/shared/" in body
        assert "data.example/looms.csv" in body
        assert "secret" not in body
        assert "attached" in body


def test_a_few_words_go_with_a_report_in_their_lines(alice: User, sink: MailSink) -> None:
    words = "Dear all,\n\nsee <b> below.\r\nBcc: nobody@example.org "
    run_to_end(order_mail(alice, kind="report", context={**REPORT, "message": words}))
    message = sink.accepted[0].message
    text, page = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert text is not None
    assert page is not None
    assert "\nDear all,\n\nsee <b> below.\nBcc: nobody@example.org\n" in text.get_content().replace("\r\n", "\n")
    assert "Dear all,<br><br>see &lt;b&gt; below.<br>Bcc: nobody@example.org</p>" in page.get_content()
    assert message["Bcc"] is None


def test_a_large_report_is_a_link_alone(alice: User, sink: MailSink) -> None:
    file = make_file(alice, size=5 * 1024**2 + 1)
    run_to_end(order_mail(alice, kind="report", context=REPORT, attachments=[file.pk]))
    message = sink.accepted[0].message
    assert list(message.iter_attachments()) == []
    text = message.get_body(("plain",))
    assert text is not None
    assert "too large to be attached" in text.get_content()
    assert "/shared/" in text.get_content()


def test_a_file_of_somebody_else_goes_with_no_mail(alice: User, sink: MailSink) -> None:
    bob = User.objects.create_user("bob")
    job = run_once(order_mail(bob, kind="report", context=REPORT, attachments=[make_file(alice).pk]))
    assert job.state == State.FAILED
    assert "belongs to another" in job.error
    assert sink.connections == 0


def test_a_missing_file_fails_the_mail_before_it_is_sent(alice: User, sink: MailSink) -> None:
    file = make_file(alice)
    file.local_path.unlink()
    job = run_once(order_mail(alice, kind="report", context=REPORT, attachments=[file.pk]))
    assert (job.state, mail_of(job).state) == (State.FAILED, Mail.State.READY)
    assert "no longer kept" in job.error
    assert sink.connections == 0


# -- where mails go -------------------------------------------------------------------------------------


def test_an_untrusted_certificate_gets_neither_password_nor_mail(
    alice: User, settings: Settings, tmp_path: Path
) -> None:
    context = self_signed(tmp_path)
    for scheme, is_at_once in (("smtp+ssl", True), ("smtp+tls", False)):
        with MailSink(tls=context, is_tls_at_once=is_at_once) as sink:
            use_server(settings, f"{scheme}://user:secret@127.0.0.1:{sink.port}")
            job = run_once(order_mail(alice, key=scheme))
            assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
            assert "certificate verify failed" in job.error
            assert sink.accepted == []


def test_a_trusted_certificate_gets_the_mail(
    alice: User, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    monkeypatch.setattr(smtp.Backend, "ssl_context", trusting)
    for scheme, is_at_once in (("smtp+ssl", True), ("smtp+tls", False)):
        with MailSink(tls=context, is_tls_at_once=is_at_once) as sink:
            use_server(settings, f"{scheme}://user:secret@127.0.0.1:{sink.port}")
            job = run_once(order_mail(alice, key=scheme))
            assert (job.state, job.error) == (State.SUCCEEDED, "")
            assert len(sink.accepted) == 1


def test_a_server_that_offers_no_tls_gets_no_password(alice: User, sink: MailSink, settings: Settings) -> None:
    use_server(settings, f"smtp+tls://user:secret@127.0.0.1:{sink.port}")
    job = run_once(order_mail(alice))
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "STARTTLS" in job.error


def test_without_a_server_mails_are_written_to_a_folder(alice: User, settings: Settings, tmp_path: Path) -> None:
    use_server(settings, f"filemail://{tmp_path}/mail%20box")
    job = run_to_end(order_mail(alice))
    mail = mail_of(job)
    assert (job.outcome, mail.state, mail.sent_at) == (WARNED, Mail.State.UNSENT, None)
    assert job.result is not None
    assert job.result["headline"] == f"Not sent to {TO}"
    assert job.warning == mail.answer == "No mail server is set up: it was saved to a file."
    (written,) = (tmp_path / "mail box").iterdir()
    assert "Welcome to Headway" in written.read_text()


@pytest.mark.parametrize(("name", "place"), [("console", "printed"), ("locmem", "kept"), ("dummy", "thrown away")])
def test_no_backend_that_sends_nothing_is_said_to_send(
    alice: User, settings: Settings, name: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    use_backend(settings, f"django.core.mail.backends.{name}.EmailBackend")
    job = run_to_end(order_mail(alice))
    assert (job.outcome, mail_of(job).state) == (WARNED, Mail.State.UNSENT)
    assert place in job.warning
    assert place_of_mails().startswith(place)


def test_a_backend_of_somebody_elses_is_said_to_send(alice: User, settings: Settings) -> None:
    use_backend(settings, f"{__name__}.OtherBackend")
    job = run_to_end(order_mail(alice))
    assert (job.outcome, mail_of(job).state) == (State.SUCCEEDED, Mail.State.SENT)
    assert mail_of(job).answer == f"Handed to {__name__}."
    assert place_of_mails() == ""


def test_a_report_whose_mails_were_not_sent_ends_with_a_warning() -> None:
    sent, left = {"headline": "Sent to a"}, {"headline": "Not sent to b", "warning": "No mail server is set up."}
    assert _mailed([sent]) == {"headline": "Mailed to 1 person"}
    assert _mailed([left, left]) == {
        "headline": "Made, but not mailed to 2 people",
        "warning": "No mail server is set up.",
    }


def test_the_place_of_mails_names_their_folder(settings: Settings, tmp_path: Path) -> None:
    use_server(settings, f"filemail://{tmp_path}/box")
    assert place_of_mails() == f"saved to a file in {tmp_path}/box"
    use_server(settings, "smtp://127.0.0.1:25")
    assert place_of_mails() == ""


def test_a_folder_that_cannot_be_written_is_tried_again(alice: User, settings: Settings, tmp_path: Path) -> None:
    use_server(settings, f"filemail://{tmp_path}/box")
    (tmp_path / "box").mkdir()
    job = order_mail(alice)
    run_once(job)
    Mail.objects.filter(job=job).update(state=Mail.State.READY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.core.mail.backends.filebased.EmailBackend.write_message", full)
        Job.objects.filter(pk=job.pk).update(state=State.RETRYING, finished_at=None)
        job = run_once(job)
    assert (job.state, mail_of(job).state) == (State.RETRYING, Mail.State.READY)
    assert "No space left" in job.error


def test_a_mail_server_for_tests_is_given_the_same_message(alice: User) -> None:
    run_to_end(order_mail(alice))
    (message,) = django_mail.outbox
    assert message.to == [TO]


@pytest.mark.parametrize(
    ("text", "amount", "burst"), [("60/m", 60, 10), ("10/h", 10, 1), ("50/s", 50, 20), ("6/s", 6, 20)]
)
def test_the_rate_has_ten_seconds_of_a_burst(text: str, amount: int, burst: int) -> None:
    assert (rate_of(text).amount, rate_of(text).burst) == (amount, burst)


def test_a_rate_that_is_none_is_said_with_the_settings_name() -> None:
    from django.core.exceptions import ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured, match="MAIL_RATE: rate 'often'"):
        rate_of("often")


def test_a_restart_rewrites_an_unsent_mail_under_the_same_id(alice: User, sink: MailSink) -> None:
    plan_of(sink, "mail")
    job = run_once(order_mail(alice))
    before = mail_of(job)
    Job.objects.filter(pk=job.pk).update(state=State.FAILED)
    requests.retry(job, by="alice", from_start=True)
    Job.objects.filter(pk=job.pk).update(params={**job.params, "to": "dave@example.org"})
    job = run_to_end(job)
    after = mail_of(job)
    assert (after.pk, after.message_id) == (before.pk, before.message_id)
    assert (before.to, after.to) == (TO, "dave@example.org")
    assert sink.accepted[0].recipient == "dave@example.org"


def test_a_mail_in_one_attempts_hand_is_not_sent_by_another(
    alice: User, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.mails import sending

    job = order_mail(alice)

    def take(_mail: Mail) -> object:
        Mail.objects.filter(job=job).update(state=Mail.State.SENT)
        return object()

    monkeypatch.setattr(sending, "message_of", take)
    job = run_once(job)
    assert job.state == State.RETRYING
    assert sink.connections == 0
    assert run_to_end(job).state == State.SUCCEEDED
