"""People make, edit, switch, run and delete schedules, and each act is in the audit trail."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.database.clock import database_now
from core.errors import Refused, TooMuch, UnknownPipeline
from core.models import AuditEntry, Job, Schedule
from core.schedules import changes, fire, runs
from core.schedules.runs import Outcome
from tests.configuration import OwnConf
from tests.unit.core.conftest import Clock
from tests.unit.core.schedules.test_fire import make, told, until_due

pytestmark = pytest.mark.django_db


def acts() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))


def test_a_schedule_is_made_with_its_next_time(alice: User) -> None:
    day = dt.date(2026, 11, 21)
    params = {"count": 1, "seconds": 0.5, "day": day, "price": Decimal("1.10")}
    schedule = make(alice, "@hourly", pipeline="count", params=params, label="Each hour", zone="Europe/Paris")
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.zone, schedule.is_on, schedule.owner) == ("0 * * * *", "Europe/Paris", True, alice)
    assert schedule.params == {"count": 1, "seconds": 0.5, "day": "2026-11-21", "price": "1.10"}
    assert schedule.next_at is not None
    # The hour may have come meanwhile.
    assert -300 < (schedule.next_at - database_now()).total_seconds() <= 3600
    (entry,) = AuditEntry.objects.all()
    assert (entry.who, entry.act) == ("alice", "create_schedule")
    assert entry.after is not None
    assert (entry.after["cron"], entry.after["schedule"]) == ("0 * * * *", schedule.pk)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"expression": "61 * * * *"}, "Minute 61"),
        ({"zone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ({"ends_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "would never run"),
    ],
)
def test_what_would_never_run_is_refused(alice: User, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        make(alice, **options)
    assert (Schedule.objects.count(), acts()) == (0, [])


def test_a_schedule_of_no_pipeline_is_refused(alice: User) -> None:
    with pytest.raises(UnknownPipeline):
        make(alice, pipeline="odd")


def test_one_person_has_no_more_schedules_than_may_be(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "OWNER_LIMIT", 2)
    make(alice), make(alice), make(bob)
    with pytest.raises(Refused, match="You have 2 schedules"):
        make(alice)


def test_an_edit_finds_the_next_time_anew_and_leaves_the_rest(alice: User) -> None:
    schedule = make(alice, "0 0 1 1 *", label="Yearly", params={"a": 1})
    changes.edit(schedule, by="alice", cron="* * * * *", params={"a": 2}, overlap="queue")
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.params, schedule.overlap, schedule.label) == (
        "* * * * *",
        {"a": 2},
        "queue",
        "Yearly",
    )
    assert schedule.next_at is not None
    assert (schedule.next_at - database_now()).total_seconds() <= 60
    entry = AuditEntry.objects.latest("pk")
    assert entry.act == "edit_schedule"
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["cron"], entry.after["cron"]) == ("0 0 1 1 *", "* * * * *")


def test_an_edit_that_would_never_run_changes_nothing(alice: User) -> None:
    schedule = make(alice)
    with pytest.raises(Refused, match="never comes"):
        changes.edit(schedule, by="alice", cron="0 0 31 2 *", label="new")
    with pytest.raises(TypeError):
        changes.edit(schedule, by="alice", owner=2)
    assert (Schedule.objects.get().cron, Schedule.objects.get().label) == ("* * * * *", "")


def test_an_edit_of_one_that_is_off_leaves_it_off(alice: User) -> None:
    schedule = make(alice)
    changes.switch(schedule, is_on=False, by="alice")
    changes.edit(schedule, by="alice", cron="0 7 * * *")
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.next_at, schedule.cron) == (False, None, "0 7 * * *")


def test_what_is_switched_on_goes_on_from_now(alice: User, clock: Clock) -> None:
    schedule = make(alice, catch_up=Schedule.CatchUp.ALL)
    changes.switch(schedule, is_on=False, by="alice")
    clock.advance(86400)
    changes.switch(schedule, is_on=True, by="alice")
    assert fire.fire_due() == 0
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    assert schedule.next_at > database_now()
    # Sent twice it is what it was asked to be, and one act.
    changes.switch(schedule, is_on=True, by="alice")
    assert acts() == ["create_schedule", "switch_off_schedule", "switch_on_schedule"]


def test_no_job_comes_of_one_whose_account_is_not_active(alice: User) -> None:
    schedule = make(alice)
    changes.switch(schedule, is_on=False, by="alice")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Refused, match="The account of alice is not active"):
        changes.switch(schedule, is_on=True, by="admin")
    with pytest.raises(Refused, match="The account of alice is not active"):
        changes.run_now(schedule, by="admin")
    assert Schedule.objects.get(pk=schedule.pk).is_on is False
    assert not Job.objects.exists()


def test_a_waiting_run_is_skipped_when_the_schedule_is_off(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Schedule.Overlap.QUEUE)
    for _ in range(2):
        until_due(schedule, clock)
        fire.fire_due()
    changes.switch(schedule, is_on=False, by="alice")
    assert told(schedule) == ["submitted", "skipped"]
    assert schedule.runs.latest("due_at").text == "The schedule was switched off."


def test_a_run_by_hand_leaves_the_times_as_they_are(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", pipeline="count", params={"count": 2, "seconds": 0})
    first, second = (changes.run_now(schedule, by="alice") for _ in range(2))
    assert first.job_id != second.job_id
    assert Job.objects.get(pk=first.job_id).params == {"count": 2, "seconds": 0}
    assert [(run.is_manual, run.outcome) for run in schedule.runs.all()] == [(True, Outcome.SUBMITTED)] * 2
    next_at = schedule.next_at
    schedule.refresh_from_db()
    assert schedule.next_at == next_at
    assert acts()[-2:] == ["run_schedule"] * 2


def test_a_manual_run_in_the_second_of_a_time_gets_its_own_job(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Schedule.Overlap.QUEUE)
    until_due(schedule, clock)
    by_hand = changes.run_now(schedule, by="alice").job_id
    Job.objects.filter(pk=by_hand).update(state="succeeded")
    assert fire.fire_due() == 1
    assert len({run.job_id for run in schedule.runs.all()}) == 2


def test_a_run_by_hand_that_is_too_much_is_refused_whole(alice: User, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = 1
    schedule = make(alice)
    changes.run_now(schedule, by="alice")
    with pytest.raises(TooMuch):
        changes.run_now(schedule, by="alice")
    assert schedule.runs.count() == 1


def test_a_deleted_schedule_leaves_its_jobs(alice: User, clock: Clock) -> None:
    schedule = make(alice)
    until_due(schedule, clock)
    fire.fire_due()
    changes.delete(schedule, by="alice")
    assert (Schedule.objects.count(), Job.objects.count()) == (0, 1)
    assert acts()[-1] == "delete_schedule"
    for act in (changes.delete, changes.run_now):
        with pytest.raises(Refused, match="not there any more"):
            act(schedule, by="alice")


def test_the_codes_own_schedules_can_only_be_run(alice: User) -> None:
    schedule = make(alice)
    Schedule.objects.filter(pk=schedule.pk).update(code_name="tidy")
    for act in (
        lambda: changes.switch(schedule, is_on=False, by="alice"),
        lambda: changes.edit(schedule, by="alice", cron="0 7 * * *"),
        lambda: changes.delete(schedule, by="alice"),
    ):
        with pytest.raises(Refused, match="the site's own"):
            act()
    assert changes.run_now(schedule, by="alice").is_new
    assert runs.live_jobs(schedule.pk).count() == 1
