"""Cron expressions are read, explained and turned into instants as docs/schedules.md says."""

from __future__ import annotations

import datetime as dt
import time
from itertools import pairwise

import pytest

from core.pipelines import cron
from core.pipelines.cron import CronError
from tests.unit.core.pipelines.comparing import compare
from tests.unit.core.pipelines.independent import Zone, expressions

PARIS = "Europe/Paris"


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def shown(expression: str, zone: str, *, after: str, count: int) -> list[str]:
    """Return the next times as the zone's clock shows them."""
    found = cron.next_times(expression, zone, after=utc(after), count=count)
    return [f"{at.astimezone(cron.zone_of(zone)):%d %H:%M %z}" for at in found]


@pytest.mark.parametrize(
    ("zone", "year"), [(PARIS, 2024), ("America/New_York", 2028), ("Australia/Lord_Howe", 2023), ("Pacific/Apia", 2011)]
)
def test_two_hundred_expressions_match_an_independent_reading(zone: str, year: int) -> None:
    # `python -m tests.bench schedules` compares ten years.
    compared, differing = compare(Zone(zone, year, year), expressions(200))
    assert not differing, "\n".join(differing)
    assert compared > 150_000


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0 7 * * mon", "0 7 * * MON"),
        ("  0   7 * *\t1 ", "0 7 * * 1"),
        ("@weekly", "0 0 * * 0"),
        ("@Daily", "0 0 * * *"),
        ("@annually", "0 0 1 1 *"),
        ("0 0 lw jan-mar *", "0 0 LW JAN-MAR *"),
        ("0 0 * * mon#2,5L", "0 0 * * MON#2,5L"),
    ],
)
def test_an_expression_is_kept_in_its_five_fields(text: str, read: str) -> None:
    assert cron.read(text) == read
    assert cron.read(read) == read


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("61 * * * *", "Minute 61 is not between 0 and 59"),
        ("0 24 * * *", "Hour 24 is not between 0 and 23"),
        ("0 0 0 * *", "Day of the month 0 is not between 1 and 31"),
        ("0 0 * 13 *", "Month 13 is not between 1 and 12"),
        ("0 0 * * 8", "Day of the week 8 is not between 0 and 7"),
        ("0 0 * * MOO", "'MOO' is no day of the week: write 0 to 7 or SUN to SAT"),
        ("a * * * *", "'A' is no minute: write 0 to 59"),
        ("\u0661 * * * *", "is no minute"),
        ("5-1 * * * *", "goes backwards: write it as 5-59,0-1"),
        ("0 0 * * FRI-MON", "goes backwards: write it as FRI-6,0-MON"),
        ("*/0 * * * *", "The step '0' of the minute is not a number from 1 on"),
        ("1/2/3 * * * *", "The step '2/3'"),
        ("*/90 * * * *", "A step of 90 is not shorter than an hour: give one minute, and the step in the hour"),
        ("*/60 * * * *", "A step of 60 is not shorter than an hour"),
        ("0,*/60 * * * *", "A step of 60 is not shorter than an hour"),
        ("0-59/60 * * * *", "A step of 60 is not shorter than an hour"),
        ("0 */24 * * *", "A step of 24 is not shorter than a day: give one hour, and the step in the day of the month"),
        ("0 0 */31 * *", "A step of 31 is not shorter than a month: give one day, and the step in the month"),
        ("0 0 1 */12 *", "A step of 12 is not shorter than a year: give one month"),
        ("0 0 * * */7", "A step of 7 is not shorter than a week: give one day of the week"),
        ("0 0 * * 0-7/7", "A step of 7 is not shorter than a week"),
        ("0 0 * * */" + "9" * 30, "is not shorter than a week"),
        ("0-30/45 * * * *", "A step of 45 from 0 leads past 30, so that only 0 is meant: write 0."),
        ("50/20 * * * *", "A step of 20 from 50 leads past 59, so that only 50 is meant: write 50."),
        ("0 9-17/9 * * *", "A step of 9 from 9 leads past 17"),
        ("0 0 * FEB-MAY/6 *", "A step of 6 from FEB leads past MAY"),
        ("0 0 L/2 * *", "L is one day and has no step"),
        ("1,,2 * * * *", "something is missing"),
        ("0 0 * * MON#6", "the place in the month is from 1 to 5"),
        ("0 0 * * MONL", "Write the last MON of the month with its number: 1L"),
        ("0 0 L-1 * *", "L-1 is no day of the month: L is the last day of the month"),
        ("0 -1 * * *", "In the hour '-1' a number is missing beside the dash"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 0 30 2 *,MON", "never comes"),
        ("* * * * * *", "seconds can't be given"),
        ("", "There are 0 fields where five are needed"),
        ("tomorrow", "There is one field where five are needed"),
        ("@reboot", "@reboot is not known; there are: @hourly"),
        ("0 0 * * " + "1," * 200 + "1", "longer than 200 characters"),
        ("9" * 150 + " * * * *", "is not between 0 and 59"),
        ("\x00 * * * *", "is no minute"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(CronError) as raised:
        cron.read(text)
    assert sentence in str(raised.value)
    assert str(raised.value).endswith((".", "MON", "#2"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 7 * * 1", "At 07:00 on Monday"),
        ("@weekly", "At 00:00 on Sunday"),
        ("*/30 * * * *", "Every 30th minute of every hour"),
        ("0 0 L * *", "At 00:00 on the last day of every month"),
        ("0 0 22 * *", "At 00:00 on the 22nd day of every month"),
        ("0 0 1,13,23,31 1 *", "At 00:00 on the first, the 13th, the 23rd, and the 31st day of month in January"),
        ("*/21 * * * *", "Every 21st minute of every hour (:00, :21, :42, then :00 again)"),
        ("0 0 * * 0,7", "At 00:00 on Sunday"),
        ("0 0 1-31 * MON", "At 00:00 every day"),
        ("0 0 13 2 1-7", "At 00:00 every day in February"),
        ("0 0 13 * FRI", "At 00:00 on the 13th day of month and on Friday"),
        (
            "0 0 */2 * MON",
            "At 00:00 on every second day of month if it's on Monday (counted from the 1st of each month)",
        ),
        ("*/7 * * * *", "Every seventh minute of every hour (:00, :07, … :56, then :00 again)"),
        ("*/7 3 * * *", "Every seventh minute from 03:00 through 03:59"),
        ("*/40 * * * *", "Every 40th minute of every hour (:00, :40, then :00 again)"),
        ("3/40 * * * *", "Every 40th minute from 3 through 59 of every hour (:03, :43, then :03 again)"),
        ("5/20 * * * *", "Every 20th minute from 5 through 59 of every hour"),
        ("0 */5 * * *", "At minute 0 past every fifth hour (00:00, 05:00, … 20:00, then 00:00 again)"),
        ("0 */6 * * *", "At minute 0 past every sixth hour"),
        ("0 0 1 */5 *", "At 00:00 on the first day of every fifth month (January, June, November, then January again)"),
        ("0 0 1 */3 *", "At 00:00 on the first day of every third month"),
        ("0 0 * * */3", "At 00:00 on every third day of week (Sunday, Wednesday, Saturday, then Sunday again)"),
        ("0 0 * * sun,mon,7", "At 00:00 on Sunday and Monday"),
    ],
)
def test_the_meaning_is_told_in_words(text: str, words: str) -> None:
    assert cron.in_words(text) == words


def test_each_expression_that_is_read_is_explained() -> None:
    for expression in expressions(200):
        assert cron.in_words(expression)[0].isupper()


@pytest.mark.parametrize(
    "name",
    ["Mars/Base", "", "../../etc/passwd", "/etc/localtime", "localtime", "Factory", "Europe/Paris\n", "x" * 999],
)
def test_a_zone_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(CronError, match="no time zone"):
        cron.next_times("0 0 * * *", name, after=utc("2026-01-01"), count=1)


def test_a_time_skipped_by_the_clock_comes_right_after_the_gap() -> None:
    assert shown("30 2 * * *", PARIS, after="2026-03-28", count=3) == [
        "28 02:30 +0100",
        "29 03:00 +0200",
        "30 02:30 +0200",
    ]
    # Two such times, and the one that is there anyhow, are one.
    assert shown("0,30 2-3 * * *", PARIS, after="2026-03-28 23:00", count=3) == [
        *("29 03:00 +0200", "29 03:30 +0200", "30 02:00 +0200"),
    ]


def test_a_time_that_the_clock_shows_twice_comes_once() -> None:
    assert shown("30 2 * * *", PARIS, after="2026-10-24 12:00", count=2) == ["25 02:30 +0200", "26 02:30 +0100"]
    # Also asked between the two.
    assert shown("30 2 * * *", PARIS, after="2026-10-25 00:45", count=1) == ["26 02:30 +0100"]


def test_an_hourly_schedule_comes_at_every_real_hour() -> None:
    for expression in ("0 * * * *", "0 0-23 * * *", "@hourly"):
        for day in ("2026-03-28 12:00", "2026-10-24 12:00"):
            found = cron.next_times(cron.read(expression), PARIS, after=utc(day), count=30)
            assert {after - before for before, after in pairwise(found)} == {dt.timedelta(hours=1)}


def test_a_change_of_half_an_hour_is_gone_through() -> None:
    assert shown("*/30 * * * *", "Australia/Lord_Howe", after="2026-04-04 14:00", count=4) == [
        *("05 01:30 +1100", "05 01:30 +1030", "05 02:00 +1030", "05 02:30 +1030"),
    ]


def test_the_next_times_exclude_their_start_and_include_the_end() -> None:
    found = cron.next_times("0 7 * * *", "UTC", after=utc("2026-01-01 07:00"), count=9, until=utc("2026-01-03 07:00"))
    assert found == [utc("2026-01-02 07:00"), utc("2026-01-03 07:00")]
    assert cron.next_times("0 7 * * *", "UTC", after=utc("2026-01-01 06:59:59.999999"), count=1) == [
        utc("2026-01-01 07:00")
    ]


@pytest.mark.parametrize("expression", ["* * * * *", "*/7 3 * * *", "0 0 29 2 *", "30 2 * * 0", "* * * 1 *"])
def test_the_last_times_match_a_walk_from_the_start(expression: str) -> None:
    start, end = utc("2026-02-27 22:30"), utc("2026-04-30 01:17:03")
    walked = cron.next_times(expression, PARIS, after=start, count=200_000, until=end)
    found = cron.last_times(expression, PARIS, after=start, until=end, count=31)
    assert found == walked[-31:]


def test_the_last_minutes_of_fifty_years_take_no_walk() -> None:
    began = time.process_time()
    found = cron.last_times("* * * * *", PARIS, after=utc("1976-01-01"), until=utc("2026-01-01"), count=31)
    assert (len(found), found[-1]) == (31, utc("2026-01-01"))
    # The walk takes a second a year.
    assert time.process_time() - began < 10


def test_a_wall_time_is_read_by_the_same_rule() -> None:
    for wall, instant in (
        ("2026-07-01 07:00", "2026-07-01 05:00"),
        ("2026-03-29 02:30", "2026-03-29 01:00"),
        ("2026-10-25 02:30", "2026-10-25 00:30"),
    ):
        assert cron.instant_of(dt.datetime.fromisoformat(wall), PARIS) == utc(instant)
