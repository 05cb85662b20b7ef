"""API tokens: made once, found by their text, and of no use beyond their scope, their time and their owner."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User

from core.database.clock import database_now
from core.errors import Refused
from core.models import ApiToken, AuditEntry
from core.people import tokens
from tests.configuration import OwnConf

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def purse(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has taken no requests yet."""
    monkeypatch.setattr(tokens, "_purse", tokens._Purse())


def make(owner: User, *, scope: str = "submit", days: int | None = 30) -> tuple[ApiToken, str]:
    return tokens.make(owner, name="laptop", scope=scope, days=days)


def test_a_token_is_found_by_its_text_with_its_owner(alice: User) -> None:
    token, text = make(alice)
    same = tokens.find(text)
    assert same is not None
    assert (same.pk, same.owner) == (token.pk, alice)
    assert text.startswith("hw_")
    assert len(text) >= 3 + 32


def test_the_text_is_stored_nowhere(alice: User) -> None:
    token, text = make(alice)
    row = ApiToken.objects.values().get()
    assert not any(text in str(value) for value in row.values())
    entry = AuditEntry.objects.get()
    assert text not in f"{entry.before} {entry.after}"
    assert (entry.who, entry.act) == ("alice", "make_token")
    assert (entry.after or {})["scope"] == "submit"
    assert token.ending == text[-4:]


def test_two_tokens_differ(alice: User) -> None:
    assert make(alice)[1] != make(alice)[1]


@pytest.mark.parametrize("text", ["", "hw_", "hw_" + "a" * 43, "x" * 10_000, "hw_é" * 20, "hw_" + "a" * 40 + "\n"])
def test_other_texts_are_no_token(alice: User, text: str) -> None:
    make(alice)
    assert tokens.find(text) is None


def test_an_expired_token_does_not_work(alice: User) -> None:
    token, text = make(alice)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=database_now())
    assert tokens.find(text) is None


def test_a_token_without_an_end_works(alice: User) -> None:
    token, text = make(alice, days=None)
    assert token.expires_at is None
    assert tokens.find(text) == token


def test_a_revoked_token_does_not_work_and_is_revoked_once(alice: User) -> None:
    token, text = make(alice)
    assert tokens.revoke(token, by="alice")
    assert not tokens.revoke(token, by="alice")
    assert tokens.find(text) is None
    assert AuditEntry.objects.filter(act="revoke_token").count() == 1


def test_the_token_of_an_inactive_account_does_not_work(alice: User) -> None:
    _, text = make(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert tokens.find(text) is None


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", ["read"]), ("submit", ["read", "submit"]), ("operate", ["read", "submit", "operate"])],
)
def test_each_scope_allows_what_those_before_it_allow(alice: User, scope: str, allowed: list[str]) -> None:
    alice.is_staff = True
    token, _ = make(alice, scope=scope)
    assert [each for each in ApiToken.Scope.values if token.allows(each)] == allowed


def test_only_who_operates_the_site_makes_a_token_that_does(alice: User) -> None:
    with pytest.raises(Refused, match="operates"):
        make(alice, scope="operate")
    assert not ApiToken.objects.exists()


def test_a_token_loses_the_right_to_operate_with_its_owner(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.refresh_from_db()
    _, text = make(alice, scope="operate")
    User.objects.filter(pk=alice.pk).update(is_staff=False)
    token = tokens.find(text)
    assert token is not None
    assert token.allows("submit")
    assert not token.allows("operate")


@pytest.mark.parametrize("name", ["", "   "])
def test_a_token_needs_a_name(alice: User, name: str) -> None:
    with pytest.raises(Refused, match="name"):
        tokens.make(alice, name=name, scope="read", days=1)


def test_an_unknown_scope_is_refused(alice: User) -> None:
    with pytest.raises(Refused, match="'all'"):
        make(alice, scope="all")


def test_one_person_has_so_many_working_tokens(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    first, _ = make(alice)
    make(alice)
    with pytest.raises(Refused, match="2 tokens"):
        make(alice)
    make(bob)
    tokens.revoke(first, by="alice")
    make(alice)


def test_the_last_use_is_written_once_a_minute(alice: User) -> None:
    token, _ = make(alice)
    tokens.used(token)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    tokens.used(ApiToken.objects.get())
    assert ApiToken.objects.get().last_used_at == first
    long_ago = first - dt.timedelta(minutes=2)
    ApiToken.objects.update(last_used_at=long_ago)
    tokens.used(ApiToken.objects.get())
    again = ApiToken.objects.get().last_used_at
    assert again is not None
    assert again > long_ago + dt.timedelta(minutes=1)


def test_an_address_may_send_so_many_wrong_texts(alice: User) -> None:
    answers = [tokens.may_try("192.0.2.7") for _ in range(200)]
    # One may come back while they are counted.
    assert tokens.WRONG_TRIES <= answers.count(True) <= tokens.WRONG_TRIES + 1
    assert answers[: tokens.WRONG_TRIES] == [True] * tokens.WRONG_TRIES
    assert tokens.may_try("192.0.2.8")


@pytest.mark.parametrize("rate", [1, 7, 45])
def test_a_token_may_send_about_its_rate_at_once(alice: User, conf: OwnConf, rate: int) -> None:
    conf.API_RATE = rate
    (token, _), (other, _) = make(alice), make(alice)
    count = sum(tokens.allowed(token) for _ in range(rate + 20))
    assert 0.9 * rate <= count <= rate + 5
    assert tokens.allowed(other)


def test_without_a_rate_all_requests_are_taken(alice: User, conf: OwnConf) -> None:
    conf.API_RATE = 0
    token, _ = make(alice)
    assert all(tokens.allowed(token) for _ in range(50))
