"""API tokens on the settings page: made, shown once, listed, revoked."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.database.clock import database_now
from core.models import ApiToken, AuditEntry
from core.people import tokens
from tests.unit.frontend.conftest import HTMX
from tests.unit.frontend.markup import faults

TOKENS = "/settings/tokens/"
TEXT = re.compile(r"hw_[A-Za-z0-9_-]{43}")


def form(**changes: str) -> dict[str, str]:
    return {"name": "laptop", "scope": "submit", "days": "90", "key": "once", **changes}


def made(client: Client, **changes: str) -> str:
    """Make a token and return its text."""
    page = client.post(TOKENS, form(**changes))
    assert page.status_code == 200
    texts: set[str] = set(TEXT.findall(page.text))
    (text,) = texts
    return text


def test_a_token_is_shown_once_after_it_is_made(as_alice: Client, alice: User) -> None:
    page = as_alice.post(TOKENS, form())
    (text,) = set(TEXT.findall(page.text))
    assert f'value="{text}" readonly' in page.text
    assert "only this once" in page.text
    assert page["Cache-Control"] == "private, no-store"
    assert faults(page.text) == []
    token = tokens.find(text)
    assert token is not None
    assert (token.owner, token.name, token.scope) == (alice, "laptop", "submit")
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 90
    assert text not in as_alice.get("/settings/").text
    assert text not in str(dict(as_alice.session))


def test_with_htmx_it_is_shown_as_well(as_alice: Client) -> None:
    page = as_alice.post(TOKENS, form(), headers=HTMX)
    assert page.status_code == 200
    assert TEXT.search(page.text)
    assert "HX-Redirect" not in page


def test_the_same_form_sent_again_makes_no_second_token(as_alice: Client) -> None:
    made(as_alice)
    again = as_alice.post(TOKENS, form())
    assert again["Location"] == "/settings/#tokens"
    assert ApiToken.objects.count() == 1
    assert "made before" in as_alice.get("/settings/").text
    made(as_alice, key="another")


def test_the_form_is_another_one_each_time_it_is_shown(as_alice: Client) -> None:
    keys = {re.findall(r'name="key" value="([^"]+)"', as_alice.get("/settings/").text)[0] for _ in range(2)}
    assert len(keys) == 2


def test_a_token_may_work_for_ever(as_alice: Client) -> None:
    token = tokens.find(made(as_alice, days="never"))
    assert token is not None
    assert token.expires_at is None
    assert "never expires" in as_alice.get("/settings/").text


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "   "}, {"scope": "all"}, {"days": "1000"}, {"scope": "operate"}, {"name": "x" * 101}],
)
def test_a_bad_form_is_shown_again(as_alice: Client, change: dict[str, str]) -> None:
    page = as_alice.post(TOKENS, form(**change))
    assert page.status_code == 422
    assert 'class="field-errors" id="id_token_' in page.text
    assert 'aria-invalid="true"' in page.text
    assert faults(page.text) == []
    assert not ApiToken.objects.exists()


def test_too_many_tokens_are_refused_in_the_form(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    made(as_alice)
    page = as_alice.post(TOKENS, form(key="two"))
    assert page.status_code == 422
    assert "Revoke one that you no longer use." in page.text


def test_who_operates_the_site_may_choose_that_scope(as_staff: Client, as_alice: Client) -> None:
    assert 'value="operate"' in as_staff.get("/settings/").text
    assert 'value="operate"' not in as_alice.get("/settings/").text
    token = tokens.find(made(as_staff, scope="operate"))
    assert token is not None
    assert token.allows("operate")


def test_the_list_has_ones_own_tokens_and_their_states(as_alice: Client, as_bob: Client, bob: User) -> None:
    texts = [made(as_alice, name=name, key=name) for name in ("works", "has expired", "is revoked")]
    working, expired, revoked = [tokens.find(text) for text in texts]
    assert working is not None
    assert expired is not None
    assert revoked is not None
    tokens.used(working)
    tokens.revoke(revoked, by="alice")
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=database_now())
    made(as_bob, name="of bob")
    page = as_alice.get("/settings/").text
    assert "of bob" not in page
    assert f"…{working.ending}" in page
    assert "last used" in page
    assert page.count("Revoke token") == 1
    # Those that work stand first.
    assert page.index(">works <") < page.index(">is revoked <") < page.index(">has expired <")
    assert faults(page) == []


def test_a_token_is_revoked_at_once(as_alice: Client) -> None:
    text = made(as_alice)
    address = f"{TOKENS}{ApiToken.objects.get().pk}/revocation/"
    assert as_alice.post(address)["Location"] == "/settings/#tokens"
    assert tokens.find(text) is None
    assert "is revoked." in as_alice.get("/settings/").text
    assert as_alice.post(address).status_code == 302
    assert "was revoked before" in as_alice.get("/settings/").text
    assert AuditEntry.objects.filter(act="revoke_token").count() == 1


def test_htmx_is_led_back_to_the_list(as_alice: Client) -> None:
    made(as_alice)
    answer = as_alice.post(f"{TOKENS}{ApiToken.objects.get().pk}/revocation/", headers=HTMX)
    assert answer["HX-Redirect"] == "/settings/#tokens"


def test_another_persons_token_is_not_there(as_alice: Client, as_bob: Client, as_staff: Client) -> None:
    text = made(as_alice)
    address = f"{TOKENS}{ApiToken.objects.get().pk}/revocation/"
    assert as_bob.post(address).status_code == 404
    assert as_staff.post(address).status_code == 404
    assert tokens.find(text) is not None


def test_other_methods_and_strangers_are_refused(as_alice: Client, client: Client) -> None:
    made(as_alice)
    address = f"{TOKENS}{ApiToken.objects.get().pk}/revocation/"
    assert as_alice.get(TOKENS).status_code == 405
    assert as_alice.get(address).status_code == 405
    assert client.post(TOKENS, form())["Location"].startswith("/login/")
    assert client.post(address)["Location"].startswith("/login/")


def test_the_trail_names_the_token_and_not_its_text(as_alice: Client, as_staff: Client) -> None:
    text = made(as_alice)
    page = as_staff.get("/audit/").text
    assert "Made an API token" in page
    assert f"laptop (…{text[-4:]})" in page
    assert text not in page
