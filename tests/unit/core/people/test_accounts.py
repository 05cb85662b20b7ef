"""Accounts: one name and one address each, whoever comes at the same time; and the site's own."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from core.models import Job
from core.people.accounts import Taken, change_email, sign_up, signed_up
from core.people.tries import may_try
from core.people.users import system_user
from tests.services.waiting import PATIENCE_SECONDS
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def test_who_has_signed_up_can_log_in_and_is_no_staff() -> None:
    user = sign_up(username=" dora ", email="Dora@EXAMPLE.org ", password="a long word")
    user.refresh_from_db()
    assert (user.username, user.email) == ("dora", "Dora@example.org")
    assert user.check_password("a long word")
    assert user.is_active
    assert not user.is_staff
    assert not user.is_superuser


@pytest.mark.parametrize("name", ["alice", "ALICE", " Alice "])
def test_a_name_is_taken_whatever_its_case(name: str, alice: User) -> None:
    with pytest.raises(Taken) as refused:
        sign_up(username=name, email="new@example.org", password="x")
    assert refused.value.field == "username"


def test_names_and_addresses_are_unique_in_any_case_beyond_ascii() -> None:
    sign_up(username="\u00c4nne", email="j\u00f6rg@m\u00fcller.example", password="x")
    sign_up(username="\u0434\u043e\u0440\u0430", email="", password="x")
    for name in ("\u00e4NNE", "\u0414\u041e\u0420\u0410"):
        with pytest.raises(Taken) as refused:
            sign_up(username=name, email="new@example.org", password="x")
        assert refused.value.field == "username"
    with pytest.raises(Taken) as refused:
        sign_up(username="anne", email="J\u00d6RG@M\u00dcLLER.example", password="x")
    assert refused.value.field == "email"
    sign_up(username="anne", email="jorg@muller.example", password="x")


@pytest.mark.parametrize("name", ["headway", "HeadWay"])
def test_the_sites_own_name_is_taken_before_it_is_used(name: str) -> None:
    with pytest.raises(Taken):
        sign_up(username=name, email="new@example.org", password="x")


def test_an_address_is_taken_whatever_its_case() -> None:
    sign_up(username="dora", email="dora@example.org", password="x")
    with pytest.raises(Taken) as refused:
        sign_up(username="eve", email="DORA@Example.ORG", password="x")
    assert refused.value.field == "email"
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_one_address_at_once_one_gets_it() -> None:
    start, outcomes = threading.Barrier(4, timeout=PATIENCE_SECONDS), []

    def try_it(number: int) -> None:
        try:
            start.wait()
            sign_up(
                username=f"person{number}", email=f"Dora@{'EXAMPLE' if number % 2 else 'example'}.org", password="x"
            )
            outcomes.append("made")
        except Taken as refused:
            outcomes.append(refused.field)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_SECONDS)
    assert sorted(outcomes) == ["email"] * 3 + ["made"]
    assert User.objects.filter(email__iexact="dora@example.org").count() == 1


def test_a_new_account_is_told_of_in_its_own_transaction() -> None:
    def refuse(sender: type[User], user: User, **_: Any) -> None:
        assert User.objects.filter(pk=user.pk).exists()
        raise RuntimeError("no welcome")

    signed_up.connect(refuse)
    try:
        with pytest.raises(RuntimeError, match="no welcome"):
            sign_up(username="dora", email="dora@example.org", password="x")
    finally:
        signed_up.disconnect(refuse)
    assert not User.objects.filter(username="dora").exists()


def test_an_address_changes_to_one_that_nobody_has() -> None:
    dora = sign_up(username="dora", email="dora@example.org", password="x")
    sign_up(username="eve", email="eve@example.org", password="x")
    change_email(dora, "DORA@example.org")
    change_email(dora, "d@example.org")
    with pytest.raises(Taken):
        change_email(dora, "Eve@example.org")
    change_email(dora, "")
    dora.refresh_from_db()
    assert dora.email == ""


def test_only_an_accounts_old_address_is_told_of_its_end() -> None:
    dora = sign_up(username="dora", email="dora@example.org", password="x")
    told = Job.objects.filter(pipeline="mail", params__kind="address_changed")
    change_email(dora, "Dora@example.org")
    assert not told.exists()
    change_email(dora, "d@example.org")
    change_email(dora, "")
    change_email(dora, "d@example.org")
    assert [job.params["to"] for job in told.order_by("pk")] == ["Dora@example.org", "d@example.org"]
    assert told[0].params["context"] == {"username": "dora"}


def test_the_sites_own_account_is_one_and_nobodys() -> None:
    user = system_user()
    assert user == system_user()
    assert user.username == "headway"
    assert not user.is_active
    assert not user.has_usable_password()


def test_a_person_who_had_the_sites_name_keeps_it_and_its_own() -> None:
    person = User.objects.create_user("headway", password="x")
    assert system_user() != person
    assert system_user() == system_user()
    person.refresh_from_db()
    assert person.is_active


def test_tries_are_counted_by_what_and_from_where(clock: Clock) -> None:
    def tries(value: str = "192.0.2.1", what: str = "sign_up") -> int:
        return sum(may_try(what, value, amount=3, per_seconds=60) for _ in range(5))

    assert tries() == 3
    assert tries("192.0.2.2") == 3
    assert tries(what="reset") == 3
    clock.advance(20.5)
    assert tries() == 1
    clock.advance(3600)
    assert tries() == 3


def test_a_place_is_the_same_in_another_case() -> None:
    assert may_try("reset", "Dora@example.org", amount=1, per_seconds=60)
    assert not may_try("reset", " dora@EXAMPLE.org", amount=1, per_seconds=60)
