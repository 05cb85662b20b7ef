"""Limits as a pipeline declares them."""

from __future__ import annotations

import json

import pytest
from django.db.models import CharField

from core.limits import Concurrent, Limit, Rate, lane_of
from core.limits.effective import EffectiveLimit
from core.limits.words import in_words
from core.models import Job
from core.pipelines.declared import LANE_LENGTH, names_of, parse_rate, room_of, value_of


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [("5/s", 5, 1), ("100/m", 100, 60), ("10/h", 10, 3600), ("3/d", 3, 86400), ("1/30s", 1, 30), (" 2 / 5 m ", 2, 300)],
)
def test_a_rate_is_an_amount_and_a_period(text: str, amount: int, seconds: float) -> None:
    assert parse_rate(text) == (amount, seconds)


@pytest.mark.parametrize("text", ["", "5", "5/", "/s", "0/s", "5/0s", "-1/s", "5/w", "5.5/s", "5/s/s", "five/s"])
def test_an_invalid_rate_is_named_at_registration(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(text)


@pytest.mark.parametrize("key", ["", "host", "param:", "param:a b", "Owner", "param:1x"])
def test_what_is_no_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match="limit key"):
        Rate("5/s", key=key)
    with pytest.raises(ValueError, match="limit key"):
        Concurrent(1, key=key)


def test_a_limit_lets_at_least_one_go() -> None:
    with pytest.raises(ValueError, match="pause"):
        Concurrent(0)
    with pytest.raises(ValueError, match="burst"):
        Rate("5/s", burst=0)


def test_limits_of_one_key_have_names_of_their_own() -> None:
    limits: list[Limit] = [
        Rate("5/s", key="owner"),
        Rate("100/m", key="owner"),
        Concurrent(4),
        Rate("9/s", key="param:host"),
    ]
    assert names_of(limits) == ["rate:owner", "rate:owner:2", "concurrent:pipeline", "rate:param:host"]


def test_a_lane_holds_only_the_parameters_that_limits_count_by() -> None:
    limits: list[Limit] = [Rate("5/s", key="param:host"), Concurrent(4, key="owner")]
    assert lane_of(limits, {"host": "a.example", "path": "/x"}) == '{"host": "a.example"}'
    assert lane_of(limits, {}) == '{"host": ""}'
    assert lane_of([Concurrent(4)], {"host": "a.example"}) == "{}"
    assert lane_of([], {"host": "a.example"}) == ""


def test_long_values_stay_apart_in_a_lane_of_bounded_length() -> None:
    limit = Rate("5/s", key="param:url")
    one, other = ({"url": "https://a.example/" + "x" * 5000 + end} for end in "ab")
    assert lane_of([limit], one) != lane_of([limit], other)
    assert len(lane_of([limit], one)) < 200
    assert value_of(limit, owner_id=1, params=one) != value_of(limit, owner_id=1, params=other)


#: Values of every kind that is odd: long, wide when escaped, unprintable.
ODD_VALUES = [
    "x" * 5000,
    "ü" * 60,
    "🎈" * 80,
    '"' * 60,
    "\\" * 60,
    "a\tb\nc" * 9,
    "\x00\ud800",
    "\u2028" * 30,
    ["é"] * 50,
]


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_lane_fits_its_column_whatever_is_in_the_parameters(value: object, count: int) -> None:
    limits: list[Limit] = [Rate("5/s", key=f"param:parameter_{number}") for number in range(count)]
    params = {f"parameter_{number}": value for number in range(count)}
    lane = lane_of(limits, params)
    column = Job._meta.get_field("lane")
    assert isinstance(column, CharField)
    assert len(lane) <= LANE_LENGTH == column.max_length
    assert lane != lane_of(limits, {**params, "parameter_0": "other"})
    # Read from a lane, a value is its own again.
    assert lane_of(limits, json.loads(lane)) == lane


def test_too_many_lane_parameters_are_named_at_registration() -> None:
    with pytest.raises(ValueError, match="too many parameters"):
        room_of([Rate("5/s", key=f"param:a_rather_long_name_{number}") for number in range(6)])
    with pytest.raises(ValueError, match="limit key"):
        Rate("5/s", key="param:" + "x" * 61)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Rate("100/m", key="owner"), "100 a minute for each owner"),
        (Rate("5/s", key="param:host"), "5 a second for each host"),
        (Rate("1/h"), "1 an hour"),
        (Rate("1/30s"), "1 in 30 seconds"),
        (Rate("1000/2h"), "1,000 in 2 hours"),
        (Concurrent(4, key="owner"), "4 at once for each owner"),
    ],
)
def test_a_limit_is_told_in_words(limit: Rate | Concurrent, words: str) -> None:
    shown = EffectiveLimit(name="x", declared=limit, amount=limit.amount, per_seconds=limit.per_seconds)
    assert in_words(shown) == words
