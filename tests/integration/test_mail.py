"""Mails on a whole site: a worker that is killed with one in its hand, and no more of them than the rate allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.services.mail_sink import MailSink
from tests.services.site import Site
from tests.services.waiting import wait_until

#: Orders mails to different people, in one transaction.
ORDER = """
from core.mails import order
from django.contrib.auth.models import User
from django.db import transaction
alice = User.objects.get(username="alice")
with transaction.atomic():
    for n in range({count}):
        order("welcome", to=f"p{{n}}@example.org", owner_id=alice.pk, context={{"username": "p"}}, key=f"{key}-{{n}}")
"""


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as server:
        yield server


@pytest.fixture
def mailing(make_site: Callable[..., Site], sink: MailSink) -> Site:
    site = make_site("embedded", EMAIL_URL=sink.url, MAIL_RATE="1/s", WORKER_PROCESSES="1", WORKER_THREADS="4")
    site.add_user("alice")
    return site


def rows(site: Site, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(site.home / "db.sqlite3", timeout=30)) as file:
        return file.execute(query).fetchall()


def test_a_killed_workers_mail_is_unknown_and_others_are_sent(mailing: Site, sink: MailSink) -> None:
    mailing.run("shell", "--command", ORDER.format(key="first", count=1))
    mailing.environment["FAILPOINT"] = "mail:kill"
    (worker,) = mailing.start_worker()
    wait_until(lambda: not worker.is_running, what="the worker to be killed")
    assert rows(mailing, "SELECT state FROM core_mail") == [("sending",)]
    assert sink.accepted == []

    del mailing.environment["FAILPOINT"]
    mailing.start_worker()
    wait_until(
        lambda: (
            rows(mailing, "SELECT m.state, j.state FROM core_mail m JOIN core_job j ON j.id = m.job_id")
            == [("unknown", "failed")]
        ),
        what="the mail to be unknown",
    )
    mailing.run("shell", "--command", ORDER.format(key="more", count=14))
    wait_until(lambda: len(sink.accepted) == 14, what="the other mails")
    assert set(sink.ids().values()) == {1}
    assert "p0@example.org" in {each.recipient for each in sink.accepted}
    wait_until(
        lambda: (
            rows(mailing, "SELECT state, count(*) FROM core_mail GROUP BY 1 ORDER BY 1")
            == [("sent", 14), ("unknown", 1)]
        ),
        what="all to be written down",
    )
    # Ten at once, then one a second: as planned, and none before its time.
    of_mails = "FROM core_job WHERE state = 'succeeded' AND id IN (SELECT job_id FROM core_mail)"
    planned = f"SELECT (julianday(max(run_at)) - julianday(min(run_at))) * 86400 {of_mails}"
    wait_until(lambda: rows(mailing, f"SELECT count(*) {of_mails}") == [(14,)], what="all jobs to have ended")
    assert rows(mailing, planned)[0][0] > 3.0
    assert rows(mailing, f"SELECT count(*) {of_mails} AND started_at < run_at") == [(0,)]
