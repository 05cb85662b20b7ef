"""The ticket of a live region: that nothing is new is said without looking who asks, and nothing else is."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from core.models import Job, JobProgress
from frontend.jobs.pages import versions
from tests.unit.frontend.conftest import HTMX, MakeJob


@pytest.fixture
def job(alice: User, make_job: MakeJob) -> Job:
    return make_job(alice, state="running", fence=1, attempt=1, progress={"version": 5})


def poll_of(page: Any) -> str:
    """Return the address at which the page's region asks."""
    address = re.search(r'hx-get="([^"]*/progress/[^"]*)"', page.text)
    assert address is not None
    return html.unescape(address[1])


def test_nothing_new_costs_one_query_and_no_look_at_who_asks(
    as_alice: Client, job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    poll = poll_of(as_alice.get(job.get_absolute_url()))
    with django_assert_num_queries(1):
        assert as_alice.get(poll, headers=HTMX).status_code == 204
    # A session that has ended is noticed with the first news, or when the ticket no longer holds.
    assert Client().get(poll, headers=HTMX).status_code == 204


def test_news_are_for_who_may_see_them(as_alice: Client, as_bob: Client, job: Job) -> None:
    poll = poll_of(as_alice.get(job.get_absolute_url()))
    JobProgress.objects.filter(job=job).update(version=6)
    assert Client().get(poll, headers=HTMX).status_code == 401
    assert as_bob.get(poll, headers=HTMX).status_code == 404
    answer = as_alice.get(poll, headers=HTMX)
    assert answer.status_code == 200
    assert as_alice.get(poll_of(answer), headers=HTMX).status_code == 204


def test_a_ticket_that_no_longer_holds_is_changed_for_another(
    as_alice: Client, as_bob: Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = poll_of(as_alice.get(job.get_absolute_url()))
    monkeypatch.setattr(versions, "HOLDS_SECONDS", -1)
    assert as_bob.get(poll, headers=HTMX).status_code == 404
    answer = as_alice.get(poll, headers=HTMX)
    assert answer.status_code == 200
    monkeypatch.setattr(versions, "HOLDS_SECONDS", 300)
    assert as_alice.get(poll_of(answer), headers=HTMX).status_code == 204


OTHERS = ["x", "7.running:abc:def", TimestampSigner(salt="other").sign("1.running")]


@pytest.mark.parametrize("ticket", OTHERS, ids=["none", "unsigned", "of another kind"])
def test_a_ticket_of_somebody_else_says_nothing(as_bob: Client, job: Job, ticket: str) -> None:
    address = reverse("headway:job_progress", args=[job.pk])
    assert as_bob.get(address, {"t": ticket, "v": "x"}, headers=HTMX).status_code == 404


def test_a_ticket_holds_for_its_own_job_alone(
    as_alice: Client, as_bob: Client, alice: User, job: Job, make_job: MakeJob
) -> None:
    ticket = poll_of(as_alice.get(job.get_absolute_url())).partition("&t=")[2]
    other = make_job(alice, state="running", fence=1, attempt=1, progress={"version": 5})
    for address in (reverse("headway:job_progress", args=[other.pk]), other.get_absolute_url(), "/nowhere/"):
        assert as_bob.get(f"{address}?t={ticket}", headers=HTMX).status_code == 404


def test_while_the_database_is_away_the_usual_answer_is_given(
    as_alice: Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = poll_of(as_alice.get(job.get_absolute_url()))

    def away(_: int) -> None:
        raise OperationalError

    monkeypatch.setattr(versions, "version_of_job", away)
    assert as_alice.get(poll, headers=HTMX).status_code == 200


def test_an_ended_job_has_no_ticket(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    page = as_alice.get(make_job(alice, state="succeeded").get_absolute_url())
    assert page.context["ticket"] == ""
