"""Tries are taken, given back, and locked when they are used up."""

from __future__ import annotations

import pytest

from core.people.tries import Tries, forget_all

pytestmark = pytest.mark.django_db


def tries(value: str = "dora") -> Tries:
    return Tries.of("login", value, "192.0.2.1", amount=2, per_seconds=900)


def test_the_last_try_but_one_locks_nothing() -> None:
    for number in range(50):
        each = tries(f"dora{number}")
        assert each.take()
        # In the same millisecond as the take, whose time is counted in the database.
        assert not each.lock_when_used_up()
        assert each.take()
        assert each.lock_when_used_up()
        assert 890 < each.wait_seconds() <= 900


def test_what_is_given_back_leaves_nothing_behind() -> None:
    for _ in range(50):
        assert tries().take()
        tries().give_back()
        assert forget_all("login", "dora") == 0


def test_a_name_is_forgotten_wherever_it_was_tried() -> None:
    tries().take()
    tries("eve").take()
    assert forget_all("login", "DORA") == 1
    assert tries("eve").take()
    assert not tries("eve").take()
