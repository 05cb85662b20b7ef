"""Who is told by mail that a job has ended: those who wish it, of what ended since, once each time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from core.database.clock import database_now
from core.mails import ended_key, ends, mailed_from, order_end_mails
from core.models import Job, Preferences
from core.models.states import State
from tests.unit.core.acts import submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(db: None) -> User:
    return User.objects.create_user("carol", "carol@example.org")


def wish(user: User, *, done: bool = True, failed: bool = True, **fields: Any) -> None:
    values = {"mail_when_done": done, "mail_when_failed": failed, "mailed_until": mailed_from(), **fields}
    Preferences.objects.update_or_create(user=user, defaults=values)


def ended(owner: User, state: State = State.SUCCEEDED, *, ago: float = 0.0, **fields: Any) -> Job:
    job = submit_job(owner, label="people.csv")
    at = database_now() - dt.timedelta(seconds=ago)
    Job.objects.filter(pk=job.pk).update(state=state, finished_at=at, started_at=at, fence=1, **fields)
    return Job.objects.get(pk=job.pk)


def mails() -> list[dict[str, Any]]:
    return list(Job.objects.filter(pipeline="mail").order_by("pk").values_list("params", flat=True))


def test_a_job_that_ends_is_told_once_with_what_became_of_it(carol: User, clock: Clock) -> None:
    wish(carol)
    clock.advance(1)
    done = ended(carol, result={"headline": "4 rows imported"})
    failed = ended(carol, State.FAILED, error="line 3: mend it")
    assert [order_end_mails() for _ in range(3)] == [2, 0, 0]
    first, second = mails()
    assert (first["kind"], first["to"], first["context"]["job"]) == ("job_done", "carol@example.org", done.pk)
    assert first["context"]["headline"] == "4 rows imported"
    assert first["context"]["address"].endswith(f"/jobs/{done.pk}/")
    assert (second["kind"], second["context"]["error"]) == ("job_failed", "line 3: mend it")
    assert Job.objects.filter(owner=carol, idempotency_key=ended_key(failed.pk, 1)).exists()


def test_a_success_with_a_warning_is_told_with_it(carol: User, clock: Clock) -> None:
    wish(carol)
    clock.advance(1)
    ended(carol, result={"headline": "4 rows imported", "warning": "3 of 7 records were rejected."})
    ended(carol, result={"headline": "4 rows imported"})
    order_end_mails()
    assert [mail["context"]["warning"] for mail in mails()] == ["3 of 7 records were rejected.", ""]


@pytest.mark.parametrize(("done", "failed", "kinds"), [(True, False, ["job_done"]), (False, True, ["job_failed"])])
def test_only_what_somebody_wishes_is_told(
    carol: User, clock: Clock, done: bool, failed: bool, kinds: list[str]
) -> None:
    wish(carol, done=done, failed=failed)
    clock.advance(1)
    ended(carol)
    ended(carol, State.FAILED)
    ended(carol, State.CANCELLED)
    order_end_mails()
    assert [mail["kind"] for mail in mails()] == kinds


def test_nobody_who_wishes_no_mail_costs_more_than_two_questions(
    carol: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wish(carol, done=False, failed=False)
    ended(carol)
    with django_assert_num_queries(2):
        assert order_end_mails() == 0


def test_what_ended_before_the_wish_is_not_told(carol: User, clock: Clock) -> None:
    ended(carol, ago=2)
    ended(carol, ago=4000)
    clock.advance(1)
    wish(carol)
    clock.advance(1)
    late = ended(carol)
    order_end_mails()
    assert [mail["context"]["job"] for mail in mails()] == [late.pk]


def test_a_wish_without_a_beginning_begins_at_the_next_look(carol: User, clock: Clock) -> None:
    wish(carol, mailed_until=None)
    ended(carol, ago=1)
    assert order_end_mails() == 0
    clock.advance(1)
    ended(carol)
    assert order_end_mails() == 1


def test_an_end_that_is_committed_late_is_still_told(carol: User, clock: Clock) -> None:
    wish(carol)
    clock.advance(1200)
    order_end_mails()
    assert Preferences.objects.get().mailed_until == pytest.approx(database_now(), abs=dt.timedelta(minutes=5))
    ended(carol, ago=290)
    assert order_end_mails() == 1
    ended(carol, ago=320)
    assert order_end_mails() == 0


def test_a_job_that_was_tried_again_and_ends_anew_is_told_again(carol: User, clock: Clock) -> None:
    wish(carol)
    clock.advance(1)
    job = ended(carol, State.FAILED)
    order_end_mails()
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, fence=2, finished_at=database_now())
    order_end_mails()
    assert [mail["kind"] for mail in mails()] == ["job_failed", "job_done"]


def test_after_a_standstill_all_is_told_in_batches(carol: User, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "BATCH", 3)
    wish(carol)
    clock.advance(1)
    jobs = [ended(carol, ago=-number) for number in range(8)]
    # Nobody looked for a day.
    clock.advance(86_400)
    assert [order_end_mails() for _ in range(5)] == [3, 3, 2, 0, 0]
    assert [mail["context"]["job"] for mail in mails()] == [job.pk for job in jobs]


def test_children_and_what_is_not_told_of_bring_no_mail(carol: User, clock: Clock, define: Any) -> None:
    wish(carol)
    clock.advance(1)
    parent = ended(carol)
    Job.objects.filter(pk=ended(carol).pk).update(parent=parent, fan_key="k", fan_index=0)

    def quiet(ctx: Any) -> None: ...

    Job.objects.filter(pk=ended(carol).pk).update(pipeline=define(quiet, notifies_owner=False))
    Job.objects.filter(pk=ended(carol).pk).update(pipeline="mail")
    order_end_mails()
    told = Job.objects.filter(idempotency_key__startswith="ended-")
    assert [job.params["context"]["job"] for job in told] == [parent.pk]


def test_other_people_and_those_without_an_address_get_none(carol: User, alice: User, bob: User, clock: Clock) -> None:
    wish(alice)  # without an address
    bob.email, bob.is_active = "bob@example.org", False
    bob.save()
    wish(bob)
    clock.advance(1)
    for owner in (alice, bob, carol):
        ended(owner)
    assert order_end_mails() == 0
