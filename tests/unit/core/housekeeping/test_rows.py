"""Rows with a time of their own: timelines, mails, the audit trail, sessions, runs of schedules."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from pytest_django import Settings

from core.housekeeping import (
    Round,
    Tally,
    database,
    forget_acts,
    forget_events,
    forget_mails,
    forget_sessions,
    tidy_database,
)
from core.housekeeping import events as timelines
from core.models import (
    AlarmCount,
    ApiToken,
    AuditEntry,
    JobEvent,
    LimitBucket,
    Mail,
    Schedule,
    ScheduledRun,
    ShareLink,
    Worker,
)
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import timeline
from tests.unit.core.housekeeping.world import OLD, World

pytestmark = pytest.mark.django_db


def test_an_old_timeline_keeps_its_key_events_and_peoples_acts(world: World) -> None:
    old = world.job(State.FAILED, days=91)
    JobEvent.objects.filter(job=old).delete()
    kinds = "submitted claimed crashed retrying claimed step note retrying edited requeued claimed failed"
    for kind in kinds.split():
        JobEvent.objects.create(job=old, kind=kind, at=world.now - dt.timedelta(days=91))
    before = {job: timeline(job) for job in (world.job(State.RUNNING), world.job(days=89))}
    tally = forget_events(Round(is_dry=True))
    assert timeline(old) == kinds.split()
    assert forget_events(Round()).done() == tally.done()
    assert timeline(old) == ["submitted", "edited", "requeued", "claimed", "failed"]
    assert {job: timeline(job) for job in before} == before
    assert forget_events(Round()).counts["events"] == 0


def test_a_timeline_stays_whole_until_its_job_has_ended_long_ago(world: World) -> None:
    job = world.job(days=1)
    JobEvent.objects.filter(job=job).update(at=world.now - dt.timedelta(days=OLD))
    assert forget_events(Round()).counts["events"] == 0


def test_timelines_are_scanned_in_pages_up_to_the_first_young(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "PAGE", 3)
    for days in (OLD, OLD, OLD, 1, OLD):
        world.job(days=days)
    looks: list[int] = []
    assert forget_events(Round(watch=looks.append)).counts["events"] == 6
    assert looks == [1, 2, 4, 4, 6]


def test_an_old_mail_goes_unless_unknown_or_its_job_may_rerun(world: World) -> None:
    succeeded = {state: world.mail(world.job(), state) for state in ("sent", "unknown", "refused")}
    failed = world.mail(world.job(State.FAILED), "sent")
    young = world.mail(world.job(), "sent", days=89)
    assert forget_mails(Round()).counts == {"mails": 2}
    assert set(Mail.objects.all()) == {succeeded["unknown"], failed, young}


def test_old_acts_and_alarms_go(world: World) -> None:
    old, young = world.now - dt.timedelta(days=366), world.now - dt.timedelta(days=364)
    for at in (old, young):
        AuditEntry.objects.create(who="alice", act="retry", at=at)
        AlarmCount.objects.create(name="unreadable_message", place=str(at), count=3, last_at=at)
    assert forget_acts(Round(is_dry=True)).counts == {"audit entries": 1, "alarm counts": 1}
    assert forget_acts(Round()).counts == {"audit entries": 1, "alarm counts": 1}
    assert AuditEntry.objects.get().at == young
    assert AlarmCount.objects.get().last_at == young


def test_ended_sessions_dead_workers_and_idle_limits_go(world: World) -> None:
    for name, hours in (("ended", -1), ("valid", 1)):
        Session.objects.create(session_key=name, session_data="", expire_date=world.now + dt.timedelta(hours=hours))
    Worker.objects.create(name="dead:1", seen_at=world.now - dt.timedelta(days=1))
    Worker.objects.create(name="alive:1", seen_at=world.now)
    now = world.now.timestamp()
    for value, tat, blocked in (("idle", now - 86500, 0), ("used", now - 10, 0), ("blocked", 0, now + 10)):
        LimitBucket.objects.create(pipeline="noop", limit="rate", value=value, tat=tat, blocked_until=blocked)
    forget_sessions(Round(is_dry=True))
    assert Session.objects.count() == 2
    forget_sessions(Round())
    assert Session.objects.get().session_key == "valid"
    assert Worker.objects.get().name == "alive:1"
    assert set(LimitBucket.objects.values_list("value", flat=True)) == {"used", "blocked"}


def test_tokens_and_links_that_ended_long_ago_go(world: World, alice: User) -> None:
    job = world.job()
    for days, kept in ((91, False), (89, True), (-1, True)):
        at = world.now - dt.timedelta(days=days)
        later = world.now + dt.timedelta(days=1)
        for name, ends in (("expired", {"expires_at": at}), ("revoked", {"expires_at": later, "revoked_at": at})):
            ApiToken.objects.create(owner=alice, name=f"{name} {kept}", digest=f"{name} {days}", **ends)
            ShareLink.objects.create(job=job, made_by=alice, **ends)
    ApiToken.objects.create(owner=alice, name="for ever True", digest="-")
    counts = forget_sessions(Round(is_dry=True)).counts
    assert (counts["API tokens"], counts["links to jobs"]) == (2, 2)
    forget_sessions(Round())
    assert all(name.endswith("True") for name in ApiToken.objects.values_list("name", flat=True))
    assert (ApiToken.objects.count(), ShareLink.objects.count()) == (5, 4)


def runs_of(schedule: Schedule) -> int:
    return ScheduledRun.objects.filter(schedule=schedule).count()


def run(schedule: Schedule, *, days: float, outcome: str = "submitted", **fields: Any) -> ScheduledRun:
    due_at = Round().now - dt.timedelta(days=days)
    return ScheduledRun.objects.create(schedule=schedule, due_at=due_at, outcome=outcome, **fields)


def test_the_last_runs_of_a_schedule_and_those_shown_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.housekeeping import sessions

    monkeypatch.setattr(sessions, "RUNS", 40)
    often, yearly, mixed = (world.schedule() for _ in range(3))
    for number in range(60):
        run(often, days=number / 100)
        run(yearly, days=365 * (number + 1))
        run(mixed, days=number * 2.5)
    forget_sessions(Round())
    assert [runs_of(each) for each in (often, yearly, mixed)] == [40, 30, 36]
    forget_sessions(Round())
    assert [runs_of(each) for each in (often, yearly, mixed)] == [40, 30, 36]


def test_a_run_that_waits_or_whose_job_lives_stays(world: World) -> None:
    schedule = world.schedule()
    for number in range(30):
        run(schedule, days=number)
    waiting = run(schedule, days=200, outcome="waiting")
    working = run(schedule, days=201, job=world.job(State.RUNNING))
    run(schedule, days=202, job=world.job())
    run(schedule, days=203)
    forget_sessions(Round())
    assert runs_of(schedule) == 32
    assert ScheduledRun.objects.filter(pk__in=[waiting.pk, working.pk]).count() == 2


# -- the database -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_after_many_deletions_the_database_is_tidied(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(database, "LEAST_BYTES", 0)
    job = world.job()
    JobEvent.objects.bulk_create(JobEvent(job=job, kind="note", text="x" * 2_000) for _ in range(1_000))
    JobEvent.objects.all().delete()
    assert tidy_database(Round(is_dry=True), deleted_rows=20_000).counts == {}
    tally = tidy_database(Round(), deleted_rows=20_000)
    assert tally.left == []
    if connection.vendor == "sqlite":
        assert tally.counts["database bytes"] > 1_000_000
        assert database._run("PRAGMA freelist_count") == 0
    else:
        assert tally.counts["tables vacuumed"] == 6
        with connection.cursor() as cursor:
            cursor.execute("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'core_jobevent'")
            assert cursor.fetchone() == (1,)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL takes space up again by itself")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("why", ["at work", "too large", "no room"])
def test_the_file_is_not_rewritten_when_that_would_disturb(
    world: World, monkeypatch: pytest.MonkeyPatch, conf: OwnConf, why: str
) -> None:
    monkeypatch.setattr(database, "LEAST_BYTES", 0)
    monkeypatch.setattr(database, "FREE_PART", 0.0)
    match why:
        case "at work":
            world.job(State.RUNNING)
            world.job(State.RUNNING)
        case "too large":
            monkeypatch.setattr(database, "MOST_BYTES", 1)
        case _:
            conf.DISK_FLOOR_BYTES = 2**62
    tally = tidy_database(Round(), deleted_rows=0)
    words = {"at work": "other jobs were at work", "too large": "stop all processes", "no room": "no room"}
    assert words[why] in tally.left[0]
    assert tally.counts == {}


def test_a_tally_names_ten_and_counts_the_rest() -> None:
    tally = Tally()
    for number in range(12):
        tally.leave(f"{number} was left.")
    assert (len(tally.left), tally.done().left_count) == (10, 12)
