"""The part "Repeat this" is read in the chosen zone, says what is wrong, and becomes a schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

import tests.pipelines  # noqa: F401  registers them
from core import pipelines
from core.forms import open_form
from core.models import Preferences, Schedule
from core.models.job import Priority
from core.schedules import entries
from core.schedules.repeat_form import COMMON_ZONES, RepeatForm

pytestmark = pytest.mark.django_db


def fill(**values: str) -> RepeatForm:
    known = {"cron": "0 7 * * MON", "zone": "Europe/Paris", "catch_up": "latest", "overlap": "skip", **values}
    return RepeatForm({f"repeat-{name}": value for name, value in known.items()}, prefix="repeat")


def test_begin_and_end_are_read_by_the_clock_of_the_zone() -> None:
    form = fill(starts_at="2090-07-01T07:00", ends_at="2090-12-01T07:00")
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {
        "cron": "0 7 * * MON",
        "zone": "Europe/Paris",
        "starts_at": dt.datetime(2090, 7, 1, 5, 0, tzinfo=dt.UTC),
        "ends_at": dt.datetime(2090, 12, 1, 6, 0, tzinfo=dt.UTC),
        "catch_up": "latest",
        "overlap": "skip",
    }


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"cron": ""}, "cron", "Say when"),
        ({"cron": "61 * * * *"}, "cron", "Minute 61 is not between 0 and 59."),
        ({"cron": "*/90 * * * *"}, "cron", "A step of 90 is not shorter than an hour"),
        ({"cron": "0 0 31 2 *"}, "cron", "never comes"),
        ({"cron": "1" * 999}, "cron", "at most 200 characters"),
        ({"zone": "Mars/Base"}, "zone", "There is no time zone 'Mars/Base'. Zones are named like Europe/Paris"),
        ({"zone": "x" * 999}, "zone", f"There is no time zone '{'x' * 64}'. "),
        ({"zone": ""}, "zone", "Choose a time zone."),
        ({"starts_at": "soon"}, "starts_at", "Write a day and a time"),
        ({"starts_at": "2090-01-01T07:00+01:00"}, "starts_at", "Write a day and a time"),
        ({"starts_at": "0001-01-01T00:00"}, "starts_at", "The year is from 2000"),
        ({"ends_at": "9999-12-31T23:59"}, "ends_at", "The year is from 2000"),
        ({"ends_at": "2020-01-01T07:00"}, "ends_at", "has passed already"),
        ({"starts_at": "2090-02-01T07:00", "ends_at": "2090-01-01T07:00"}, "ends_at", "before the begin"),
        ({"starts_at": "2090-02-01T07:00", "ends_at": "2090-02-02T07:00", "cron": "0 0 1 1 *"}, "cron", "never run"),
        ({"catch_up": "odd"}, "catch_up", "odd"),
        ({"overlap": ""}, "overlap", "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values: dict[str, str], field: str, sentence: str) -> None:
    form = fill(**values)
    assert not form.is_valid()
    assert sentence in form.errors[field][0]
    assert list(form.errors) == [field]


def test_a_begin_and_an_end_that_are_one_instant_leave_one_time() -> None:
    # The clock leaves both out, so both are 03:00.
    gap = {"starts_at": "2090-03-26T02:30", "ends_at": "2090-03-26T02:45"}
    assert fill(**gap, cron="10 2 * * *").is_valid()
    form = fill(**gap, cron="0 7 * * *")
    assert "no time of it comes" in form.errors["cron"][0]


def test_the_zone_is_the_persons_and_common_ones_come_first(alice: User) -> None:
    Preferences.objects.create(user=alice, zone="Asia/Kathmandu")
    form = RepeatForm(prefix="repeat", user=alice)
    assert form.initial["zone"] == "Asia/Kathmandu"
    (_, common), (_, rest) = form.fields["zone"].choices  # type: ignore[attr-defined]
    assert [name for name, _ in common[:3]] == ["Asia/Kathmandu", *COMMON_ZONES[:2]]
    assert len(rest) > 300
    assert 'value="Asia/Kathmandu" selected' in str(form["zone"])


def test_a_zone_that_is_not_offered_is_taken_when_it_is_there() -> None:
    form = fill(zone="US/Eastern", cron="61 * * * *")
    assert list(form.errors) == ["cron"]
    # The form that is shown again has it: it would come back as another zone else.
    assert 'value="US/Eastern" selected' in str(form["zone"])
    assert fill(zone="US/Eastern").is_valid()


def test_a_schedules_values_are_shown_as_they_can_be_sent() -> None:
    begin = dt.datetime(2090, 7, 1, 7, 0)  # noqa: DTZ001  a clock on the wall
    form = RepeatForm(prefix="repeat", initial={"zone": "US/Eastern", "starts_at": begin})
    assert 'value="2090-07-01T07:00"' in str(form["starts_at"])
    assert 'type="datetime-local"' in str(form["starts_at"])
    assert 'value="US/Eastern" selected' in str(form["zone"])


def test_a_form_becomes_a_schedule_with_its_files(alice: User, define: Callable[..., str]) -> None:
    file = SimpleUploadedFile("in.txt", b"hello")
    entry = open_form(pipelines.get("copy_file"), user=alice, data={"upper": "on"}, files={"file": file})
    repeat = fill(overlap="queue")
    assert entry.is_valid()
    assert repeat.is_valid()
    made = entries.create(entry, repeat, priority=Priority.LOW)
    schedule = Schedule.objects.get(pk=made.pk)
    assert (schedule.owner, schedule.pipeline, schedule.label) == (alice, "copy_file", "in.txt")
    assert (schedule.params, schedule.overlap, schedule.priority) == ({"upper": True}, "queue", Priority.LOW)
    assert (schedule.files["file"]["name"], schedule.files["file"]["size"]) == ("in.txt", 5)
    assert schedule.cron == "0 7 * * MON"
