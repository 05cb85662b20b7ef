"""Webhooks on a whole site: receivers of every kind, and workers that are killed between an end and its delivery."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import standardwebhooks

from tests.services.receiver import Answers, Receiver, receiver
from tests.services.site import Site
from tests.services.waiting import wait_until

#: Times in proportion to a test: an end is another worker's after a second, a slow receiver is left after two.
CONSTANTS = {
    "core.life.end_signals.HOLD_SECONDS": 1.0,
    "actors.pipelines.webhook_delivery.calling.CALL_SECONDS": 2.0,
}
MAKE = """
import json
from django.contrib.auth import get_user_model
from core.webhooks import changes
alice = get_user_model().objects.get(username="alice")
urls = json.loads({urls!r})
made = [changes.make(alice, url=url, states=["succeeded"]) for url in urls]
print(json.dumps([[hook.pk, secret] for hook, secret in made]))
"""


@pytest.fixture
def serve() -> Iterator[Callable[..., Receiver]]:
    with ExitStack() as servers:
        yield lambda answer=None: servers.enter_context(receiver(answer))


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    site = make_site("embedded", EXTRA_PIPELINES="tests.pipelines", WORKER_PROCESSES="1", WORKER_THREADS="2")
    site.constants = CONSTANTS
    site.add_user("alice")
    return site


def make_hooks(site: Site, *urls: str) -> list[tuple[int, str]]:
    printed = site.run("shell", "--command", MAKE.format(urls=json.dumps(urls))).stdout
    return [(pk, secret) for pk, secret in json.loads(printed.splitlines()[-1])]


def allow(*servers: Receiver) -> str:
    return ",".join(f"127.0.0.1:{server.port}" for server in servers)


def submit(site: Site) -> int:
    return int(site.run_json("job", "submit", "noop", "--owner", "alice")["id"])


def rows(site: Site, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(site.home / "db.sqlite3", timeout=30)) as file:
        return file.execute(query).fetchall()


def events(server: Receiver, secret: str) -> list[Any]:
    """What was received, as the library of the standard verifies it; each id once."""
    verifier = standardwebhooks.Webhook(secret)
    taken = {each.headers["webhook-id"]: verifier.verify(each.body, each.headers) for each in server.received}
    return list(taken.values())


def test_receivers_of_every_kind(site: Site, serve: Callable[..., Receiver]) -> None:
    def broken(handler: Any, number: int) -> None:
        # It closes the line once, and takes the next try five seconds later.
        if number > 1:
            handler.say()

    def slow(*_: Any) -> None:
        time.sleep(30)

    answers: list[Answers | None] = [None, slow, broken, None, lambda handler, _: handler.say(410), None]
    right, silent, breaking, redirecting, gone, inside = [serve(answer) for answer in answers]
    redirecting.answer = lambda handler, _: handler.say(307, location=inside.url)
    servers = [right, silent, breaking, redirecting, gone, inside]
    site.environment["FETCH_INSIDE"] = allow(*servers)
    hooks = make_hooks(site, *(server.url for server in servers))
    # From now on nobody may call the last one.
    site.environment |= {"FETCH_INSIDE": allow(*servers[:-1]), "FETCH_PORTS": f"80,{inside.port}"}
    job = submit(site)
    site.fork_worker()

    def states() -> dict[int, str]:
        deliveries = "SELECT params ->> '$.webhook', state FROM core_job WHERE pipeline = 'webhook_delivery'"
        return dict(rows(site, deliveries))

    numbers = [pk for pk, _ in hooks]
    wanted = ["succeeded", "retrying", "succeeded", "retrying", "failed", "failed"]
    wait_until(lambda: [states().get(pk) for pk in numbers] == wanted, 120, "each to have its fate")
    (event,) = events(right, hooks[0][1])
    assert (event["type"], event["data"]["job"], event["data"]["pipeline"]) == ("job.succeeded", job, "noop")
    first, second = breaking.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert events(breaking, hooks[2][1])[0]["data"] == event["data"]
    assert inside.received == [], "neither by its own address nor over the redirect"
    reasons = dict(rows(site, "SELECT params ->> '$.webhook', error FROM core_job WHERE pipeline = 'webhook_delivery'"))
    assert "did not answer within 2 seconds" in reasons[numbers[1]]
    assert "no redirect is followed" in reasons[numbers[3]]
    assert "wants no more calls" in reasons[numbers[4]]
    assert "not on the public internet" in reasons[numbers[5]]
    stopped = rows(site, "SELECT id FROM core_webhook WHERE stopped_at IS NOT NULL")
    assert stopped == [(numbers[4],)]


@pytest.mark.parametrize(("place", "received"), [("end-taken", {1}), ("end-ordered", {1}), ("webhook-answered", {2})])
def test_a_worker_that_is_killed_loses_no_end(
    site: Site, serve: Callable[..., Receiver], place: str, received: set[int]
) -> None:
    server = serve()
    site.environment["FETCH_INSIDE"] = allow(server)
    ((_, secret),) = make_hooks(site, server.url)
    job = submit(site)
    worker = site.fork_worker(environment={"FAILPOINT": f"{place}:kill"})
    wait_until(lambda: not worker.is_running, 120, "the worker to be killed")
    site.fork_worker(name="worker-2")
    done = "SELECT state FROM core_job WHERE pipeline = 'webhook_delivery'"
    wait_until(lambda: rows(site, done) == [("succeeded",)], 120, "the delivery")
    (event,) = events(server, secret)
    assert event["data"]["job"] == job
    assert {len(server.received)} == received, "the same message with the same id, if it came twice"
    wait_until(lambda: rows(site, "SELECT count(*) FROM core_endsignal") == [(0,)], what="the end to be done with")
    assert len(rows(site, "SELECT 1 FROM core_webhookcall")) == 1
