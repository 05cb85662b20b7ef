"""Jobs in a site's own tests: run in the test's thread and transaction, without a worker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import Group, User
from django.test import TestCase
from django.utils import timezone

from core import jobs, pipelines, testing
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.models import Job
from core.pipelines import pipeline
from core.pipelines.declared import Rate
from core.pytest_plugin import headway  # noqa: F401 - a fixture
from core.signals import job_ended
from tests.configuration import OwnConf


class WordForm(forms.Form):
    word = forms.CharField()
    failures = forms.IntegerField(initial=0, required=False)


@pytest.fixture(autouse=True)
def greet() -> Iterator[list[str]]:
    """Pipelines: `greet` fails as often as it is told and then succeeds; `greet_all` has a child for each letter."""
    calls: list[str] = []

    @pipeline(title="Greet", form=WordForm)
    def greet(ctx: JobContext, word: str, failures: int) -> dict[str, Any]:
        calls.append(word)
        if calls.count(word) <= (failures or 0):
            raise RuntimeError("not yet")
        if word == "nobody":
            raise PermanentError("There is nobody.")
        return {"greeting": f"Hello {word}"}

    @pipeline(title="Greet all", form=WordForm)
    def greet_all(ctx: JobContext, word: str, failures: int) -> dict[str, Any]:
        return {"letters": [each.result for each in ctx.fan_out("letters", letter_of, list(word))]}

    @pipeline(title="Greet one at a time", form=WordForm, limits=[Rate("1/h")])
    def greet_rarely(ctx: JobContext, word: str, failures: int) -> None:
        calls.append(word)

    yield calls
    for name in ("greet", "greet_all", "greet_rarely"):
        pipelines.forget(name)


def letter_of(ctx: JobContext, item: str) -> str:
    return item.upper()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ann")


def test_a_job_is_run_to_its_end(user: User) -> None:
    job = testing.run("greet", owner=user, params={"word": "Ada"})
    assert (job.state, job.result, job.attempt) == ("succeeded", {"greeting": "Hello Ada"}, 1)


def test_retries_are_not_waited_for(user: User) -> None:
    job = testing.run("greet", owner=user, params={"word": "Ada", "failures": 2})
    assert (job.state, job.attempt) == ("succeeded", 3)


def test_a_failure_is_on_the_job(user: User) -> None:
    job = testing.run("greet", owner=user, params={"word": "nobody"})
    assert (job.state, job.error) == ("failed", "There is nobody.")


def test_children_are_run_with_their_parent(user: User) -> None:
    job = testing.run("greet_all", owner=user, params={"word": "abc"})
    assert (job.state, job.result) == ("succeeded", {"letters": ["A", "B", "C"]})


def test_drain_runs_what_is_due_and_leaves_what_is_later(user: User, greet: list[str]) -> None:
    jobs.submit("greet", owner=user, params={"word": "now"})
    tomorrow = jobs.submit("greet", owner=user, params={"word": "later"}, run_at=timezone.now() + dt.timedelta(days=1))
    assert testing.drain() == 1
    assert greet == ["now"]
    assert jobs.get(tomorrow.pk).state == "scheduled"
    assert testing.drain(later=True) == 1
    assert jobs.get(tomorrow.pk).state == "succeeded"


def test_limits_hold_in_a_drain_but_not_in_a_run(user: User, greet: list[str]) -> None:
    for word in ("one", "two"):
        jobs.submit("greet_rarely", owner=user, params={"word": word})
    assert testing.drain() == 1
    assert testing.run("greet_rarely", owner=user, params={"word": "three"}).state == "succeeded"
    assert greet == ["one", "three"]


def test_receivers_are_called(user: User) -> None:
    ends: list[tuple[int, str]] = []

    def note(job: Job, state: str, **_: Any) -> None:
        ends.append((job.pk, str(state)))

    job_ended.connect(note)
    try:
        job = testing.run("greet", owner=user, params={"word": "Ada"})
    finally:
        job_ended.disconnect(note)
    assert ends == [(job.pk, "succeeded")]


def test_what_was_submitted_is_searched(user: User) -> None:
    order = Group.objects.create(name="order 7")
    job = jobs.submit("greet", owner=user, params={"word": "Ada"}, subject=order)
    assert testing.assert_submitted("greet", owner=user, params={"word": "Ada"}, subject=order) == [job]
    assert testing.assert_submitted("greet", count=1) == [job]
    testing.assert_not_submitted("greet", params={"word": "Grace"})
    testing.assert_not_submitted("greet_all")
    with pytest.raises(
        AssertionError, match=r"expected a job of 'greet' with params \{'word': 'Grace'\}, found 0; .*Ada"
    ):
        testing.assert_submitted("greet", params={"word": "Grace"})
    with pytest.raises(AssertionError, match="expected 2 jobs of 'greet', found 1"):
        testing.assert_submitted("greet", count=2)


def test_the_fixture_of_the_plugin_is_the_module(headway: Any) -> None:  # noqa: F811 - the fixture
    assert headway is testing


@pytest.mark.django_db(transaction=True)
def test_a_setting_runs_all_at_once(conf: OwnConf, greet: list[str]) -> None:
    conf.RUN_AT_ONCE = True
    user = User.objects.create_user("ann")
    job = jobs.submit("greet", owner=user, params={"word": "Ada", "failures": 1})
    assert jobs.get(job.pk).state == "succeeded"
    assert jobs.get(jobs.submit("greet_all", owner=user, params={"word": "ab"}).pk).result == {"letters": ["A", "B"]}


class TestInDjangosTestCase(TestCase):
    def test_it_works_in_its_transaction(self) -> None:
        user = User.objects.create_user("ann")
        assert testing.run("greet", owner=user, params={"word": "Ada"}).state == "succeeded"
        with self.captureOnCommitCallbacks(execute=True):
            jobs.submit("greet", owner=user, params={"word": "Grace"})
        assert testing.drain() == 1
