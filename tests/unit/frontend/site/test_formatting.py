"""Amounts for people."""

import datetime as dt

import pytest
from django.utils import timezone

from core import formatting as core_formatting
from frontend.templatetags import formatting


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KB"),
        (1_048_550, "1.0 MB"),
        (123 * 1024, "123 KB"),
        (5 * 1024**5, "5.0 PB"),
        (5_000_000 * 1024**5, "5,000,000 PB"),
        (None, ""),
    ],
)
def test_a_size_has_three_digits_and_its_unit(size: int | None, text: str) -> None:
    assert core_formatting.size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (65, "1 min 05 s"),
        (7260, "2 h 01 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_shows_two_units_at_most(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.01, "< 0.1%"), (3.44, "3.4%"), (99.96, "> 99.9%"), (100, "100%")]
)
def test_all_and_nothing_are_said_of_nothing_else(share: float, text: str) -> None:
    assert formatting.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "just now"),
        (-40, "in 40 s"),
        (125, "2 min ago"),
        (-7190, "in 2 h"),
        (86400, "1 day ago"),
        (5 * 86400 + 5, "5 days ago"),
    ],
)
def test_a_moment_is_told_in_relation_to_now(seconds: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert formatting.in_relation(now - dt.timedelta(seconds=seconds)) == text


def test_what_should_have_begun_begins_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert ">any moment<" in formatting.due(now - dt.timedelta(minutes=5))
    assert ">in 9 s<" in formatting.due(now + dt.timedelta(seconds=9))
    assert ">in 2 h<" in formatting.due(now + dt.timedelta(hours=1, minutes=59))


def test_bytes_are_told_as_sizes_and_other_work_with_its_unit() -> None:
    assert formatting.amount(2048, "bytes") == "2.0 KB"
    assert formatting.amount(12345, "rows") == "12,345 rows"
    assert formatting.rate(2048.0, "bytes") == "2.0 KB/s"
    assert formatting.rate(1234.5, "rows") == "1,234 rows/s"
    assert formatting.rate(0.25, "") == "0.25/s"


def test_any_value_of_a_result_can_be_shown() -> None:
    assert formatting.fact(12000) == "12,000"
    assert formatting.fact(None) == "none"
    assert formatting.fact(True) == "Yes"
    assert formatting.fact([1, "a"]) == "1, a"
    assert formatting.fact({"a": 1000}) == "a: 1,000"
