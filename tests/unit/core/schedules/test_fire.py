"""What is due is fired once, late times are caught up as the schedule says, and runs do not overlap."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoCaptureOnCommitCallbacks

from core import pipelines
from core.attempt.context import JobContext
from core.database.clock import database_now
from core.errors import Refused
from core.files import storage, uploads
from core.forms import NobodysForm
from core.models import Job, Schedule, ScheduledRun
from core.models.states import State
from core.pipelines import cron
from core.schedules import catch_up, changes, fire, runs, waiting
from core.schedules.fire import fire_due
from core.schedules.runs import Outcome
from core.wakeup import jobs_due
from tests.configuration import OwnConf
from tests.unit.core.acts import claim, end, fresh
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = 60, 3600, 86400
CatchUp, Overlap = Schedule.CatchUp, Schedule.Overlap


def make(owner: User, expression: str = "* * * * *", *, pipeline: str = "noop", **options: Any) -> Schedule:
    options = {"zone": "UTC", **options}
    return changes.create(pipeline, owner_id=owner.pk, by=owner.username, cron=expression, **options)


def until_due(schedule: Schedule, clock: Clock, *, later: float = 0.0) -> dt.datetime:
    """Let the clock be that of the schedule's next time, or so many seconds later; return the time."""
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    clock.advance((schedule.next_at - database_now()).total_seconds() + later + 0.05)
    return schedule.next_at


def told(schedule: Schedule) -> list[str]:
    """Return the outcomes of the schedule's runs, in the order of their times."""
    return list(schedule.runs.order_by("due_at").values_list("outcome", flat=True))


def jobs_of(schedule: Schedule) -> list[Job]:
    return [run.job for run in schedule.runs.order_by("due_at").select_related("job") if run.job]


def end_job(job: Job) -> None:
    end(claim(job))


def test_a_time_that_has_come_gets_one_job(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", pipeline="count", params={"count": 3, "seconds": 0}, label="Three")
    assert fire_due() == 0
    at = until_due(schedule, clock)
    assert [fire_due(), fire_due()] == [1, 0]
    (job,) = jobs_of(schedule)
    assert (job.pipeline, job.params, job.label, job.owner) == ("count", {"count": 3, "seconds": 0}, "Three", alice)
    assert job.idempotency_key == f"schedule-{schedule.pk}-{int(at.timestamp())}"
    run = schedule.runs.get()
    assert (run.due_at, run.outcome, run.is_manual) == (at, Outcome.SUBMITTED, False)
    schedule.refresh_from_db()
    assert schedule.next_at == at + dt.timedelta(hours=1)


def test_a_time_already_fired_elsewhere_is_passed_silently(alice: User, clock: Clock) -> None:
    schedule = make(alice)
    at = until_due(schedule, clock)
    ScheduledRun.objects.create(schedule=schedule, due_at=at, outcome=Outcome.SUBMITTED)
    assert fire_due() == 0
    assert told(schedule) == ["submitted"]
    schedule.refresh_from_db()
    assert schedule.next_at == at + dt.timedelta(minutes=1)


def test_the_relay_is_woken_after_the_commit(
    alice: User, clock: Clock, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    woken: list[int] = []
    until_due(make(alice), clock)

    def note(count: int, **_: object) -> None:
        woken.append(count)

    jobs_due.connect(note)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            fire_due()
            assert not woken
    finally:
        jobs_due.disconnect(note)
    assert woken == [1]


def test_a_week_down_is_caught_up_by_the_latest_time(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", catch_up=CatchUp.LATEST)
    first = until_due(schedule, clock, later=7 * DAY)
    assert [fire_due(), fire_due()] == [1, 0]
    (job,) = jobs_of(schedule)
    last = schedule.runs.get(job=job)
    assert last.due_at == first + dt.timedelta(days=7)
    assert told(schedule) == ["missed"] * catch_up.MISSED_LIMIT + ["submitted"]
    schedule.refresh_from_db()
    assert schedule.next_at == last.due_at + dt.timedelta(hours=1)


def test_a_week_down_is_left_out_by_none(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", catch_up=CatchUp.NONE)
    first = until_due(schedule, clock, later=7 * DAY + 2 * MINUTE)
    assert fire_due() == 0
    assert told(schedule) == ["missed"] * catch_up.MISSED_LIMIT
    assert schedule.runs.latest("due_at").due_at == first + dt.timedelta(days=7)
    schedule.refresh_from_db()
    assert schedule.next_at == first + dt.timedelta(days=7, hours=1)


def test_none_runs_a_time_that_is_not_late(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", catch_up=CatchUp.NONE)
    until_due(schedule, clock, later=catch_up.LATE_SECONDS - 2)
    assert fire_due() == 1
    until_due(schedule, clock, later=catch_up.LATE_SECONDS + 1)
    assert fire_due() == 0
    assert told(schedule) == ["submitted", "missed"]


def test_a_week_down_is_run_through_by_all_in_order(alice: User, clock: Clock) -> None:
    schedule = make(alice, "0 * * * *", catch_up=CatchUp.ALL)
    first = until_due(schedule, clock, later=7 * DAY)
    expected = [first + dt.timedelta(hours=number) for number in range(7 * 24 + 1)]
    seen = 0
    while (live := runs.live_jobs(schedule.pk).first()) is not None or fire_due():
        if live is not None:
            seen += 1
            assert live.scheduled_run.due_at == expected[seen - 1]
            end_job(live)
        assert runs.waiting(schedule.pk).count() <= waiting.WAITING_LIMIT
    assert [run.due_at for run in schedule.runs.order_by("due_at")] == expected
    assert set(told(schedule)) == {"submitted"}
    assert seen == len(expected)


def test_all_takes_no_more_than_a_bounded_number_in_a_call(alice: User, clock: Clock) -> None:
    schedule = make(alice, catch_up=CatchUp.ALL, overlap=Overlap.QUEUE)
    first = until_due(schedule, clock, later=7 * DAY)
    fire_due()
    assert schedule.runs.count() == catch_up.ALL_LIMIT
    schedule.refresh_from_db()
    assert schedule.next_at == first + dt.timedelta(minutes=catch_up.ALL_LIMIT)
    for _ in range(4):
        fire_due()
    # Those that wait are no more than may; the time that comes next has its turn when there is room.
    assert schedule.runs.count() == waiting.WAITING_LIMIT + 1
    assert set(told(schedule)) == {"submitted", "waiting"}


def test_fifty_years_of_missed_minutes_are_caught_up_at_once(alice: User, clock: Clock) -> None:
    schedules = [make(alice, catch_up=policy) for policy in (CatchUp.LATEST, CatchUp.NONE)]
    clock.advance(50 * 365 * DAY)
    began = time.process_time()
    assert fire_due() >= 1
    # A walk through twice fifty years takes minutes of the processor.
    assert time.process_time() - began < 20
    assert all(schedule.runs.count() <= catch_up.MISSED_LIMIT + 1 for schedule in schedules)


@pytest.mark.parametrize("policy", list(CatchUp))
def test_a_schedule_back_near_its_end_runs_none_after_it(alice: User, clock: Clock, policy: Schedule.CatchUp) -> None:
    ends_at = database_now().replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=3)
    schedule = make(alice, "0 * * * *", catch_up=policy, overlap=Overlap.QUEUE, ends_at=ends_at)
    clock.advance(DAY)
    fire_due()
    assert schedule.runs.latest("due_at").due_at == ends_at
    schedule.refresh_from_db()
    assert (schedule.next_at, schedule.is_on) == (None, True)
    assert fire_due() == 0


def test_times_begin_at_the_start_inclusively(alice: User, clock: Clock) -> None:
    start = database_now().replace(minute=0, second=0, microsecond=0) + dt.timedelta(days=2)
    schedule = make(alice, "*/10 * * * *", starts_at=start)
    assert schedule.next_at == start
    clock.advance(DAY)
    assert fire_due() == 0
    until_due(schedule, clock)
    assert fire_due() == 1


def test_a_time_is_left_out_while_the_job_before_lives(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Overlap.SKIP)
    for _ in range(3):
        until_due(schedule, clock)
        fire_due()
    assert told(schedule) == ["submitted", "skipped", "skipped"]
    end_job(jobs_of(schedule)[0])
    until_due(schedule, clock)
    assert fire_due() == 1


def test_a_time_waits_for_the_job_before_and_they_go_in_order(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Overlap.QUEUE)
    for _ in range(4):
        until_due(schedule, clock)
        fire_due()
    assert told(schedule) == ["submitted", "waiting", "waiting", "waiting"]
    order = []
    while (job := runs.live_jobs(schedule.pk).first()) is not None:
        order.append(job.scheduled_run.due_at)
        end_job(job)
        fire_due()
    assert told(schedule) == ["submitted"] * 4
    assert order == sorted(order)


def test_no_more_wait_than_may(alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WAITING_LIMIT", 2)
    schedule = make(alice, overlap=Overlap.QUEUE)
    for _ in range(5):
        until_due(schedule, clock)
        fire_due()
    assert told(schedule) == ["submitted", "waiting", "waiting", "skipped", "skipped"]
    assert "wait for their turn" in schedule.runs.latest("due_at").text


def test_the_earlier_queued_job_is_cancelled_for_the_next(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Overlap.CANCEL)
    for _ in range(2):
        until_due(schedule, clock)
        assert fire_due() == 1
    first, second = jobs_of(schedule)
    assert (first.state, second.state) == (State.CANCELLED, State.QUEUED)


def test_the_running_job_is_cancelled_and_only_the_newest_waits(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Overlap.CANCEL)
    until_due(schedule, clock)
    fire_due()
    (first,) = jobs_of(schedule)
    running = claim(first)
    for _ in range(2):
        until_due(schedule, clock)
        assert fire_due() == 0
    assert fresh(first).cancel_requested_at is not None
    assert told(schedule) == ["submitted", "skipped", "waiting"]
    end(running, State.CANCELLED)
    assert fire_due() == 1
    assert told(schedule) == ["submitted", "skipped", "submitted"]


def test_a_job_that_is_no_longer_kept_holds_nothing_up(alice: User, clock: Clock) -> None:
    schedule = make(alice, overlap=Overlap.QUEUE)
    until_due(schedule, clock)
    fire_due()
    until_due(schedule, clock)
    fire_due()
    Job.objects.filter(pk=jobs_of(schedule)[0].pk).delete()
    assert fire_due() == 1
    assert told(schedule) == ["submitted", "submitted"]


def test_a_time_over_its_owners_limit_waits_for_room(alice: User, clock: Clock, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = 1
    first, second = make(alice), make(alice)
    until_due(first, clock)
    at = until_due(second, clock)
    assert [fire_due(), fire_due()] == [1, 0]
    held = ScheduledRun.objects.get(outcome=Outcome.WAITING)
    assert (held.job, held.text) == (None, "You have 1 job queued, and 1 is the most.")
    ended, late = (first, second) if told(first) == ["submitted"] else (second, first)
    claim(jobs_of(ended)[0])
    assert [fire_due(), fire_due()] == [1, 0]
    run = late.runs.get()
    assert (run.outcome, run.text, run.due_at) == (Outcome.SUBMITTED, "", at)
    assert run.job is not None


def test_while_a_time_waits_for_room_the_next_ones_are_left_out(alice: User, clock: Clock, conf: OwnConf) -> None:
    schedule = make(alice)
    conf.OWNER_SUBMITS_PER_HOUR = 1
    runs.submit_for(schedule, key="another")
    for _ in range(2):
        until_due(schedule, clock)
        assert fire_due() == 0
    assert told(schedule) == ["waiting", "skipped"]
    conf.OWNER_SUBMITS_PER_HOUR = 0
    assert fire_due() == 1
    assert told(schedule) == ["submitted", "skipped"]


def test_a_missing_pipeline_switches_the_schedule_off_in_time(
    alice: User, clock: Clock, define: Callable[..., str]
) -> None:
    def passing(ctx: object) -> None: ...

    schedule = make(alice, "0 * * * *", pipeline=define(passing))
    pipelines.forget(schedule.pipeline)
    until_due(schedule, clock)
    # A process with newer code may know it.
    assert (fire_due(), told(schedule)) == (0, [])
    clock.advance(runs.GONE_SECONDS)
    assert fire_due() == 0
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.next_at) == (False, None)
    assert schedule.note == f"The pipeline {schedule.pipeline} is no longer installed."
    assert told(schedule) == ["refused"]


def test_an_account_that_is_not_active_switches_the_schedule_off(alice: User, clock: Clock) -> None:
    schedule = make(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    until_due(schedule, clock)
    assert fire_due() == 0
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.note) == (False, "The account of alice is not active.")


def test_a_staff_schedule_is_switched_off_when_its_owner_is_not(
    alice: User, clock: Clock, define: Callable[..., str]
) -> None:
    def sweep(ctx: JobContext) -> None:
        """Do nothing."""

    User.objects.filter(pk=alice.pk).update(is_staff=True)
    schedule = make(alice, pipeline=define(sweep, title="Sweep", is_for_staff=True))
    until_due(schedule, clock)
    assert fire_due() == 1
    User.objects.filter(pk=alice.pk).update(is_staff=False)
    with pytest.raises(Refused, match="Sweep is for staff"):
        changes.run_now(schedule, by="alice")
    until_due(schedule, clock)
    assert fire_due() == 0
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.note) == (False, "Sweep is for staff, which alice does not belong to.")


@pytest.mark.parametrize(("field", "value"), [("cron", "0 0 31 2 *"), ("cron", "odd"), ("zone", "Mars/Base")])
def test_unreadable_times_switch_the_schedule_off(alice: User, clock: Clock, field: str, value: str) -> None:
    schedule, other = make(alice), make(alice)
    Schedule.objects.filter(pk=schedule.pk).update(**{field: value})
    until_due(schedule, clock)
    assert fire_due() == 1
    schedule.refresh_from_db()
    assert (schedule.is_on, "can't be read" in schedule.note) == (False, True)
    assert told(other) == ["submitted"]


def test_one_that_can_not_be_run_keeps_no_other_back(
    alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = make(alice), make(alice)
    Schedule.objects.filter(pk=bad.pk).update(files={"file": {"odd": 1}})
    until_due(bad, clock)
    assert fire_due() == 1
    assert (told(bad), told(good)) == (["refused"], ["submitted"])
    assert "TypeError" in bad.runs.get().text
    bad.refresh_from_db()
    assert (bad.is_on, bad.next_at is not None and bad.next_at > database_now()) == (True, True)


def test_one_that_waits_and_can_not_be_run_keeps_no_other_back(alice: User, clock: Clock) -> None:
    clock.stop()
    bad, good = (make(alice, overlap=Overlap.QUEUE) for _ in range(2))
    for _ in range(2):
        clock.advance(MINUTE)
        fire_due()
    assert (told(bad), told(good)) == (["submitted", "waiting"], ["submitted", "waiting"])
    Schedule.objects.filter(pk=bad.pk).update(files={"file": {"odd": 1}})
    for schedule in (bad, good):
        end_job(jobs_of(schedule)[0])
    assert fire_due() == 1
    assert (told(bad), told(good)) == (["submitted", "refused"], ["submitted", "submitted"])


def test_parameters_that_name_what_is_gone_are_the_jobs_to_judge(
    alice: User, clock: Clock, define: Callable[..., str]
) -> None:
    def export(ctx: object, dataset: int) -> None: ...

    schedule = make(alice, pipeline=define(export, form=NobodysForm), params={"dataset": 999_999})
    until_due(schedule, clock)
    assert fire_due() == 1


def test_parameters_that_no_longer_fit_make_no_job(alice: User, clock: Clock) -> None:
    schedule = make(alice, pipeline="noop", params={"old": 1})
    until_due(schedule, clock)
    assert fire_due() == 0
    run = ScheduledRun.objects.get()
    assert run.outcome == ScheduledRun.Outcome.REFUSED
    assert run.text == (
        "Old is no field of the form any more: it has changed since. Edit the schedule, and fill that in."
    )


def test_each_job_gets_the_schedules_file(alice: User, clock: Clock) -> None:
    kept = uploads.keep(SimpleUploadedFile("in.txt", b"hello"))
    schedule = make(alice, pipeline="copy_file", params={"upper": True}, files={"file": kept})
    for _ in range(2):
        until_due(schedule, clock)
        fire_due()
        for job in runs.live_jobs(schedule.pk):
            end_job(job)
    for job in jobs_of(schedule):
        assert job.artifacts.get().path == kept.path


def test_a_file_that_is_gone_is_said(alice: User, clock: Clock) -> None:
    kept = uploads.keep(SimpleUploadedFile("in.txt", b"hello"))
    schedule = make(alice, pipeline="copy_file", params={"upper": True}, files={"file": kept})
    storage.resolve(kept.path).unlink()
    until_due(schedule, clock)
    assert fire_due() == 0
    assert "is no longer kept" in schedule.runs.get().text


def test_a_call_takes_a_bounded_batch_the_longest_due_first(
    alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fire, "BATCH", 2)
    schedules = [make(alice) for _ in range(5)]
    clock.advance(MINUTE)
    assert [fire_due() for _ in range(4)] == [2, 2, 1, 0]
    assert all(told(schedule) == ["submitted"] for schedule in schedules)


def test_what_is_off_does_not_fire(alice: User, clock: Clock) -> None:
    schedule = make(alice)
    changes.switch(schedule, is_on=False, by="alice")
    clock.advance(HOUR)
    assert fire_due() == 0
    assert told(schedule) == []


def test_times_are_those_of_the_zone(alice: User, clock: Clock) -> None:
    schedule = make(alice, "30 2 * * *", zone="Europe/Paris")
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    local = schedule.next_at.astimezone(cron.zone_of("Europe/Paris"))
    assert (local.hour, local.minute) in {(2, 30), (3, 0)}
