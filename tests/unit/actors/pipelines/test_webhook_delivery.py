"""The pipeline that calls webhooks, against receivers that are right, slow, broken, elsewhere, gone, and inside."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from django.contrib.auth.models import User

from actors.pipelines.webhook_delivery import calling
from actors.pipelines.webhook_delivery.pipeline import WAITS
from core import jobs, pipelines, testing
from core.attempt.attempts import Attempts
from core.database.clock import database_now
from core.errors import Refused
from core.forms import open_form
from core.life import requests
from core.models import Job, Mail, Webhook, WebhookCall
from core.models.states import State
from core.webhooks import calls, changes, orders
from tests.configuration import OwnConf
from tests.services.receiver import Answers, Handler, Receiver, receiver
from tests.services.waiting import wait_until
from tests.unit.core.acts import submit_job

pytestmark = pytest.mark.django_db

ALL = ("succeeded", "failed", "cancelled")
Serve = Callable[..., Receiver]


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> None:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.org", "alice")


@pytest.fixture
def serve(conf: OwnConf) -> Iterator[Serve]:
    """`serve(answer)`: a receiver that the site allows to be inside."""
    servers: list[Any] = []

    def start(answer: Answers | None = None, *, is_allowed: bool = True) -> Receiver:
        context = receiver(answer)
        servers.append(context)
        server = context.__enter__()
        if is_allowed:
            conf.FETCH_INSIDE = [*conf.FETCH_INSIDE, f"127.0.0.1:{server.port}"]
        return server

    yield start
    for context in servers:
        context.__exit__(None, None, None)


def order(alice: User, server: Receiver) -> tuple[Webhook, str, Job]:
    """Make a webhook to the server; return it with its secret and an ordered delivery."""
    hook, secret = changes.make(alice, url=server.url, states=ALL)
    return hook, secret, Job.objects.get(pk=orders.order_test(hook))


def attempt(job: Job) -> Job:
    """Run one attempt, whatever its time and the limits would say."""
    Job.objects.filter(pk=job.pk).update(is_held=False, run_at=job.created_at)
    Attempts(worker="here:1").run(job.pk)
    return Job.objects.get(pk=job.pk)


def verified(server: Receiver, secret: str, number: int = -1) -> Any:
    """What was received, as the library of the standard verifies it."""
    request = server.received[number]
    return standardwebhooks.Webhook(secret).verify(request.body, request.headers)


# -- right ---------------------------------------------------------------------------------------------


def test_the_end_of_a_job_is_delivered_signed(alice: User, serve: Serve) -> None:
    server = serve()
    hook, secret = changes.make(alice, url=server.url, states=ALL)
    job = submit_job(alice)
    testing.run_job(job)
    testing.drain()
    (request,) = server.received
    sent = verified(server, secret)
    assert (sent["type"], sent["data"]["job"]) == ("job.succeeded", job.pk)
    assert request.path == "/hook?key=secret"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "Headway"
    assert "cookie" not in request.headers
    (delivery,) = Job.objects.about(job)
    assert (delivery.state, delivery.error) == (State.SUCCEEDED, "")
    assert delivery.result is not None
    assert delivery.result["headline"] == "Delivered to 127.0.0.1"
    call = WebhookCall.objects.get()
    assert (call.webhook, call.job, call.status, call.answer) == (hook, delivery, 200, "Taken.")
    assert call.seconds is not None


def test_what_is_sent_again_is_the_same_with_the_same_id(alice: User, serve: Serve) -> None:
    server = serve(lambda handler, number: handler.say(500 if number == 1 else 204, ""))
    _, secret, job = order(alice, server)
    job = attempt(job)
    assert (job.state, job.error) == (State.RETRYING, "Undelivered: 127.0.0.1 answered 500 Internal Server Error.")
    job = attempt(job)
    assert job.state == State.SUCCEEDED
    first, second = server.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == job.params["message"]
    assert [verified(server, secret, number) for number in (0, 1)] == [json.loads(first.body)] * 2
    assert [call.status for call in WebhookCall.objects.order_by("pk")] == [500, 204]


def test_a_wrong_secret_or_a_changed_body_does_not_verify(alice: User, serve: Serve) -> None:
    server = serve()
    _, secret, job = order(alice, server)
    attempt(job)
    request = server.received[0]
    wrong = "whsec_" + "A" * 44
    for key, body in ((wrong, request.body), (secret, request.body.replace(b"test", b"tests"))):
        with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
            standardwebhooks.Webhook(key).verify(body, request.headers)


def test_while_a_secret_changes_both_verify(alice: User, serve: Serve) -> None:
    server = serve()
    hook, former, job = order(alice, server)
    secret = changes.rotate(hook, by="alice")
    attempt(job)
    assert verified(server, secret) == verified(server, former)


# -- broken, slow, elsewhere ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (lambda handler, _: handler.say(500), 500, "127.0.0.1 answered 500 Internal Server Error."),
        (lambda handler, _: handler.say(404), 404, "127.0.0.1 answered 404 Not Found."),
        (lambda handler, _: handler.say(400), 400, "127.0.0.1 answered 400 Bad Request."),
        (
            lambda handler, _: handler.connection.shutdown(socket.SHUT_RDWR),
            None,
            "127.0.0.1 broke off, or did not answer by the rules of HTTP.",
        ),
        (lambda handler, _: handler.wfile.write(b"220 mail ready\r\n"), None, "did not answer by the rules of HTTP."),
    ],
    ids=["500", "404", "400", "closes", "no-http"],
)
def test_what_is_not_taken_is_tried_again(
    alice: User, serve: Serve, answer: Answers, status: int | None, words: str
) -> None:
    _, _, job = order(alice, serve(answer))
    job = attempt(job)
    assert job.state == State.RETRYING
    assert job.error.endswith(words)
    call = WebhookCall.objects.get()
    assert call.status == status
    assert call.answer == "Taken." if status else call.answer.endswith(words)


def test_nobody_listens(alice: User, serve: Serve) -> None:
    server = serve()
    _, _, job = order(alice, server)
    server.shutdown()
    server.socket.close()
    job = attempt(job)
    assert job.state == State.RETRYING
    assert "could not be connected to" in job.error


def test_a_redirect_is_not_followed_and_said(alice: User, serve: Serve) -> None:
    elsewhere = serve()
    for status in (301, 302, 303, 307, 308):
        server = serve(lambda handler, _, status=status: handler.say(status, location=elsewhere.url))
        _, _, job = order(alice, server)
        job = attempt(job)
        assert job.state == State.RETRYING
        assert "no redirect is followed" in job.error
    assert elsewhere.received == []


def test_a_receiver_that_is_slow_to_answer_is_left(alice: User, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "CALL_SECONDS", 0.3)
    _, _, job = order(alice, serve(lambda *_: time.sleep(2)))
    job = attempt(job)
    assert (job.state, job.error) == (State.RETRYING, "Undelivered: 127.0.0.1 did not answer within 0.3 seconds.")
    assert WebhookCall.objects.get().status is None


def test_an_answer_that_never_ends_counts_by_its_status(
    alice: User, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "TEXT_SECONDS", 0.3)

    is_left = threading.Event()

    def drip(handler: Handler, _: int) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nTaken")
        handler.wfile.flush()
        # Whoever waits for more gets it.
        is_left.wait(20)
        handler.wfile.write(b" and more")

    _, _, job = order(alice, serve(drip))
    assert attempt(job).state == State.SUCCEEDED
    is_left.set()
    assert WebhookCall.objects.get().answer == "Taken"


def test_of_a_long_answer_the_beginning_is_read_and_kept(
    alice: User, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "TEXT_SECONDS", 60.0)
    ended: list[str] = []

    def say_much(handler: Handler, _: int) -> None:
        try:
            handler.say(200, "x" * 20_000_000)
            ended.append("all of it was read")
        except OSError:
            ended.append("the line was closed")

    _, _, job = order(alice, serve(say_much))
    assert attempt(job).state == State.SUCCEEDED
    assert WebhookCall.objects.get().answer == "x" * calls.ANSWER_LENGTH
    assert wait_until(lambda: ended) == ["the line was closed"]


def test_the_tries_are_spread_over_a_day_and_the_last_failure_is_said(alice: User, serve: Serve) -> None:
    _, _, job = order(alice, serve(lambda handler, _: handler.say(500)))
    waits = []
    for _ in WAITS:
        job = attempt(job)
        assert job.state == State.RETRYING
        waits.append((job.publish_at - database_now()).total_seconds())
    assert all(wait - 60 < got < wait * 1.1 + 1 for wait, got in zip(WAITS, waits, strict=True))
    assert 20 * 3600 < sum(WAITS) < 30 * 3600
    job = attempt(job)
    assert job.state == State.FAILED
    assert job.error == "127.0.0.1 answered 500 Internal Server Error. That was the last try."
    requests.retry(job, by="alice")
    assert attempt(job).state == State.RETRYING, "a person's retry begins anew"


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_time_gets_it_and_no_attempt_is_counted(
    alice: User, serve: Serve, status: int
) -> None:
    _, _, job = order(alice, serve(lambda handler, _: handler.say(status, retry_after="120")))
    job = attempt(job)
    assert (job.state, job.attempt) == (State.SCHEDULED, 0)
    assert job.error.endswith("and asked to wait 120 seconds.")
    assert 110 < (job.run_at - database_now()).total_seconds() <= 120


def test_a_receiver_that_is_gone_stops_the_webhook(alice: User, serve: Serve) -> None:
    hook, _, job = order(alice, serve(lambda handler, _: handler.say(410)))
    other = Job.objects.get(pk=orders.order_test(hook))
    job = attempt(job)
    assert job.state == State.FAILED
    assert job.error == "127.0.0.1 answered 410 Gone: it wants no more calls. The webhook is stopped."
    hook.refresh_from_db()
    assert hook.stopped_at is not None
    assert hook.note == "127.0.0.1 answered 410 Gone: it wants no more calls."
    assert "paused" in attempt(other).error
    assert WebhookCall.objects.count() == 1


def test_a_webhook_that_fails_for_days_is_stopped_and_its_owner_is_written_to(alice: User, serve: Serve) -> None:
    hook, _, job = order(alice, serve(lambda handler, _: handler.say(500)))
    attempt(job)
    Webhook.objects.update(failing_since=database_now() - calls.FAILING_FOR)
    job = attempt(job)
    assert job.state == State.FAILED
    assert job.error.endswith("All calls have failed for 5 days: the webhook is stopped.")
    testing.drain()
    mail = Mail.objects.get()
    assert (mail.kind, mail.to) == ("webhook_stopped", "alice@example.org")
    assert "127.0.0.1 answered 500 Internal Server Error." in mail.text
    assert hook.get_absolute_url() in mail.text


def test_a_webhook_that_was_deleted_is_not_called(alice: User, serve: Serve) -> None:
    server = serve()
    hook, _, job = order(alice, server)
    changes.delete(hook, by="alice")
    job = attempt(job)
    assert (job.state, job.warning) == (State.SUCCEEDED, "The webhook was deleted before it was called.")
    assert server.received == []


# -- inside --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port_is_allowed", "words", "answer"),
    [
        (True, "127.0.0.1 is not on the public internet.", "not on the public internet"),
        (False, "The webhook's address may not be called any more.", "only these are connected to"),
    ],
)
def test_an_address_that_is_allowed_no_more_is_not_called(
    alice: User, serve: Serve, conf: OwnConf, port_is_allowed: bool, words: str, answer: str
) -> None:
    server = serve()
    _, _, job = order(alice, server)
    conf.FETCH_INSIDE = []
    conf.FETCH_PORTS = [80, server.port] if port_is_allowed else [80]
    job = attempt(job)
    assert job.state == State.FAILED
    assert job.error.startswith(words)
    assert answer in WebhookCall.objects.get().answer
    assert server.received == []
    assert WebhookCall.objects.get().status is None


def test_a_name_that_leads_inside_is_never_connected_to(
    alice: User, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(is_allowed=False)
    port = 8080
    connections: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connections.append(address))
    looked_up: list[str] = []

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    hook, _ = changes.make(alice, url=f"http://hooks.example.com:{port}/", states=ALL)
    assert looked_up == [], "making it asks no name server"
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    job = attempt(Job.objects.get(pk=orders.order_test(hook)))
    assert job.state == State.FAILED
    assert "hooks.example.com is not on the public internet" in job.error
    assert (connections, server.received) == ([], [])
    assert looked_up == ["hooks.example.com"]


def test_a_name_that_nobody_knows_just_now_is_asked_again(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    hook, _ = changes.make(alice, url="https://hooks.example.com/", states=ALL)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    job = attempt(Job.objects.get(pk=orders.order_test(hook)))
    assert job.state == State.RETRYING
    assert "There is no host named hooks.example.com." in job.error


# -- others --------------------------------------------------------------------------------------------


def test_nobody_submits_a_call(alice: User) -> None:
    entry = open_form(pipelines.get("webhook_delivery"), user=alice, data={"webhook": "1"})
    assert not entry.is_valid()
    with pytest.raises(Refused):
        jobs.submit("webhook_delivery", owner=alice, params={"webhook": 1})


def test_a_slow_receiver_is_sent_few_at_once(alice: User, serve: Serve) -> None:
    spec = pipelines.get("webhook_delivery")
    (limit,) = spec.limits
    assert (limit.key, limit.amount) == ("param:webhook", 4)
    assert (spec.notifies_owner, spec.counts_as_load, spec.is_listed) == (False, False, False)
