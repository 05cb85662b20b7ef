"""The page of limits, and staff's changes to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from core import pipelines
from core.errors import Refused
from core.life.submission import submit
from core.limits import Concurrent, Limit, Rate, changes
from core.models import AuditEntry, Gate, Job, LimitBucket, LimitChange
from core.pipelines import pipeline
from frontend.operate.pages import limits as limit_pages
from tests.unit.frontend.conftest import HTMX
from tests.unit.frontend.markup import faults

LIMITS = "/limits/"
PAUSE, RESUME = "/limits/fetch/pause/", "/limits/fetch/resumption/"
CHANGE, RESET = "/limits/fetch/rate:owner/change/", "/limits/fetch/rate:owner/reset/"
UNBLOCK = "/limits/fetch/rate:param:host/unblocking/"
ACTS = (PAUSE, RESUME, CHANGE, RESET, UNBLOCK)


class FetchForm(forms.Form):
    host = forms.CharField()


@pytest.fixture(autouse=True)
def fetch() -> Iterator[None]:
    """A pipeline with three limits."""

    def fetch(ctx: object, **params: Any) -> None: ...

    limits: list[Limit] = [Rate("100/m", key="owner", burst=5), Rate("5/s", key="param:host"), Concurrent(4)]
    pipeline(title="Fetch pages", form=FetchForm, limits=limits)(fetch)
    yield
    pipelines.forget("fetch")


def block(value: str = "example.org", *, limit: str = "rate:param:host") -> None:
    until = (timezone.now() + dt.timedelta(minutes=5)).timestamp()
    LimitBucket.objects.create(pipeline="fetch", limit=limit, value=value, blocked_until=until)


def test_the_page_shows_each_limit_with_what_the_code_says(as_staff: Client, alice: User) -> None:
    Gate.objects.create(pipeline="fetch")
    submit("fetch", owner_id=alice.pk, params={"host": "example.org"})
    block()
    page = as_staff.get(LIMITS)
    assert page.status_code == 200
    for words in ("Fetch pages", "100 a minute", "5 a second", "4 at once", "Starts, for each owner", "example.org"):
        assert words in page.text, words
    assert "<strong>1</strong> held back" in page.text
    assert "up to 5 at once after a quiet time" in page.text
    # A pipeline without limits can be paused as well.
    assert "no limits in its code" in page.text
    assert faults(page.text) == []


def test_only_staff_sees_or_changes_limits(as_alice: Client, client: Client) -> None:
    assert as_alice.get(LIMITS).status_code == 403
    assert client.get(LIMITS).status_code == 302
    assert LIMITS not in as_alice.get("/").text
    for address in ACTS:
        assert as_alice.post(address).status_code == 403
        assert client.post(address).status_code == 302
    assert not Gate.objects.exists()


def test_another_method_is_refused(as_staff: Client) -> None:
    assert as_staff.post(LIMITS).status_code == 405
    for address in ACTS:
        assert as_staff.get(address).status_code == 405


def test_an_unknown_pipeline_is_not_found(as_staff: Client) -> None:
    assert as_staff.post("/limits/nonsense/pause/").status_code == 404
    assert as_staff.post("/limits/nonsense/rate:owner/change/").status_code == 404


def test_pausing_says_who_and_why_and_resuming_ends_it(as_staff: Client) -> None:
    page = as_staff.post(PAUSE, {"note": "The provider is <down>"}, follow=True)
    assert page.redirect_chain == [(f"{LIMITS}#pipeline-fetch-limits", 302)]
    assert "Fetch pages is paused." in page.text
    assert "Paused by staff since" in page.text
    assert "The provider is &lt;down&gt;" in page.text
    assert faults(page.text) == []
    assert "Fetch pages goes on." in as_staff.post(RESUME, follow=True).text
    assert Gate.objects.get(pk="fetch").paused_at is None
    assert list(AuditEntry.objects.values_list("act", "who")) == [("resume", "staff"), ("pause", "staff")]


def test_htmx_gets_the_pipelines_panel_alone(as_staff: Client) -> None:
    answer = as_staff.post(PAUSE, {"note": ""}, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert answer.text.count("<section") == 1
    assert 'data-state="paused"' in answer.text
    assert faults(answer.text) == []


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_is_refused_is_told_in_a_sentence(as_staff: Client, headers: dict[str, str]) -> None:
    as_staff.post(PAUSE)
    assert "Fetch pages is paused already, by staff." in as_staff.post(PAUSE, headers=headers, follow=True).text
    assert "what the code declares already" in as_staff.post(RESET, headers=headers, follow=True).text


def test_a_limit_is_changed_and_reset(as_staff: Client) -> None:
    page = as_staff.post(CHANGE, {"amount": "20", "count": "2", "unit": "m"}, follow=True)
    assert "20 in 2 minutes" in page.text
    assert "set by staff" in page.text
    change = LimitChange.objects.get()
    assert (change.amount, change.per_seconds) == (20, 120)
    page = as_staff.post(RESET, headers=HTMX)
    assert "20 in 2 minutes" not in page.text
    assert not LimitChange.objects.exists()


def test_a_limit_of_concurrency_has_no_period(as_staff: Client) -> None:
    as_staff.post("/limits/fetch/concurrent:pipeline/change/", {"amount": "2"})
    assert LimitChange.objects.get().per_seconds is None
    found = next(state for state in changes.overview() if state.pipeline.name == "fetch")
    assert found.limits[2].amount == 2


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"amount": "", "count": "1", "unit": "s"}, "whole number of at least 1, not &#x27;nothing&#x27;"),
        ({"amount": "1.5", "count": "1", "unit": "s"}, "not &#x27;1.5&#x27;"),
        ({"amount": "0", "count": "1", "unit": "s"}, "0 is no limit"),
        ({"amount": "5", "count": "soon", "unit": "s"}, "The period has to be a number"),
        ({"amount": "5", "count": "nan", "unit": "s"}, "A rate needs a period"),
        ({"amount": "5", "count": "-1", "unit": "s"}, "A rate needs a period"),
        ({"amount": "5"}, "A rate needs a period"),
    ],
)
def test_what_is_no_limit_is_refused(as_staff: Client, sent: dict[str, str], sentence: str) -> None:
    assert sentence in as_staff.post(CHANGE, sent, headers=HTMX).text
    assert not LimitChange.objects.exists()


def test_a_remote_that_asked_to_be_left_alone_can_be_unblocked(as_staff: Client) -> None:
    block()
    page = as_staff.post(UNBLOCK, {"value": "example.org"}, follow=True)
    assert "Fetch pages waits for it no longer." in page.text
    assert "asked to be left alone" not in page.text
    assert "Nothing is blocked" in as_staff.post(UNBLOCK, {"value": "example.org"}, headers=HTMX).text


def test_a_blocked_owner_is_named_and_not_numbered(as_staff: Client, alice: User) -> None:
    block(str(alice.pk), limit="rate:owner")
    page = as_staff.get(LIMITS).text
    assert "<strong>alice</strong> asked to be left alone" in page
    assert f'name="value" value="{alice.pk}"' in page


def test_an_unknown_limit_is_refused(as_staff: Client) -> None:
    answer = as_staff.post("/limits/fetch/rate:nonsense/change/", {"amount": "1"}, headers=HTMX)
    assert "fetch has no limit" in answer.text


def test_paused_jobs_are_counted_as_held_back(as_staff: Client, alice: User) -> None:
    as_staff.post("/limits/letters/pause/")
    submit("letters", owner_id=alice.pk, params={})
    assert Job.objects.get().is_held
    assert "<strong>1</strong> held back" in as_staff.get(LIMITS).text


@pytest.mark.parametrize(
    ("amount", "per_seconds", "words"),
    [
        (4, None, "4 at once"),
        (100, 60.0, "100 a minute"),
        (1, 3600.0, "1 an hour"),
        (5, 1.0, "5 a second"),
        (3, 86400.0, "3 a day"),
        (1, 30.0, "1 in 30 seconds"),
        (1200, 7200.0, "1,200 in 2 hours"),
        (1, 1.5, "1 in 1.5 seconds"),
    ],
)
def test_numbers_are_said_in_words(amount: int, per_seconds: float | None, words: str) -> None:
    assert limit_pages.numbers(amount, per_seconds) == words


def test_a_period_comes_back_as_it_was_shown() -> None:
    from django.http import QueryDict

    for seconds in (1.0, 30.0, 60.0, 90.0, 7200.0, 86400.0, 0.5):
        count, unit = limit_pages.period_of(seconds)
        assert limit_pages.read_limit(QueryDict(f"amount=5&count={count}&unit={unit}")) == (5, seconds)
    with pytest.raises(Refused):
        limit_pages.read_limit(QueryDict("amount=-5"))
