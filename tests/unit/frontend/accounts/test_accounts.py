"""Signing up, logging in too often, sessions that end, and new passwords."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import F
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from actors.pipelines.password_reset.pipeline import password_reset
from core.attempt.context import JobContext
from core.models import Job, LimitBucket, Preferences
from frontend.accounts import login_tries, sessions
from frontend.accounts.sessions import BEGUN_AT, SEEN_AT
from frontend.site.addresses import NOWHERE, address_of
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeJob

GOOD = "a-Long-word-7"
NEW = {"username": "dora", "email": "dora@example.org", "password1": GOOD, "password2": GOOD}
HOUR, DAY = 3600.0, 86_400.0
#: What differs from page to page in any case.
TOKENS = re.compile(r'csrf\w*" value="[^"]*"|data-csrf="[^"]*"')


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora", "dora@example.org", GOOD)


def log_in(client: Client, name: str, password: str, **extra: Any) -> Any:
    return client.post(reverse("headway:login"), {"username": name, "password": password}, **extra)


def is_in(client: Client) -> bool:
    return client.get(reverse("headway:desk")).status_code == 200


def move(client: Client, key: str, seconds: float) -> None:
    """Let a session believe that something was so long ago."""
    session = client.session
    session[key] -= seconds
    session.save()


# -- signing up ------------------------------------------------------------------------------------


def test_who_signs_up_is_logged_in_and_welcomed(client: Client, db: None) -> None:
    assert 'href="/sign-up/?next=/datasets/"' in client.get("/login/?next=/datasets/").text
    assert 'value="/datasets/"' in client.get("/sign-up/?next=/datasets/").text
    answer = client.post("/sign-up/", {**NEW, "next": "/datasets/"})
    assert answer["Location"] == "/datasets/"
    assert "Welcome, dora" in client.get("/datasets/").text
    assert User.objects.get(username="dora").email == "dora@example.org"


def test_a_session_from_before_signing_up_is_not_the_accounts(client: Client, db: None) -> None:
    client.get("/sign-up/")
    session = client.session
    session["planted"] = True
    session.save()
    planted = str(session.session_key)
    client.cookies["sessionid"] = planted
    client.post("/sign-up/", NEW)
    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_signing_up_can_be_switched_off(client: Client, db: None, conf: OwnConf) -> None:
    conf.SIGN_UP = False
    assert client.get("/sign-up/").status_code == 404
    assert client.post("/sign-up/", NEW).status_code == 404
    assert "sign-up" not in client.get("/login/").text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"username": "ALICE"}, "This name is taken"),
        ({"username": "alice"}, "This name is taken"),
        ({"username": "Headway"}, "This name is taken"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": ""}, "This field is required"),
        ({"email": "no address"}, "Enter a valid email address"),
        ({"email": ""}, "This field is required"),
        ({"email": "a@example.org\nBcc: b@example.org"}, "Enter a valid email address"),
        ({"email": "ALICE@example.ORG"}, "another account has it"),
        ({"password2": "another-Long-word"}, "match"),
        ({"password1": "password", "password2": "password"}, "too common"),
        ({"password1": "short7!", "password2": "short7!"}, "too short"),
        ({"username": "dora-the-first", "password1": "dora-the-first", "password2": "dora-the-first"}, "too similar"),
        ({"username": "x" * 151}, "at most 150"),
        ({"username": "a\0b"}, "Null characters"),
        ({"username": "d\u043era"}, "letters of one alphabet"),
        ({"username": "\u0397ead"}, "letters of one alphabet"),
        ({"password1": "7315908264", "password2": "7315908264"}, "entirely numeric"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_wrong_is_said_in_a_sentence(client: Client, alice: User, change: Any, sentence: str) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    page = client.post("/sign-up/", {**NEW, **change})
    assert page.status_code == 422
    assert sentence in page.text
    assert GOOD not in page.text
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["Zo\u00eb-7", "\u0434\u043e\u0440\u0430", "\u5c71\u7530taro", "\u03b4\u03ce\u03c1\u03b1.1"]
)
def test_a_name_may_be_of_any_one_alphabet(client: Client, db: None, name: str) -> None:
    assert client.post("/sign-up/", {**NEW, "username": name}).status_code == 302
    assert User.objects.get().username == name


def test_one_place_signs_up_so_often_and_no_more(client: Client, db: None) -> None:
    answers = [client.post("/sign-up/", {}).status_code for _ in range(22)]
    assert answers == [422] * 20 + [429] * 2
    answer = client.post("/sign-up/", NEW)
    assert (answer.status_code, answer["Retry-After"]) == (429, "180")
    assert client.post("/sign-up/", NEW, REMOTE_ADDR="192.0.2.7").status_code == 302


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_nothing_leads_to_another_site(client: Client, dora: User, elsewhere: str) -> None:
    assert (
        client.post("/sign-up/", {**NEW, "username": "eve", "email": "e@e.org", "next": elsewhere})["Location"] == "/"
    )
    assert client.get("/sign-up/", {"next": elsewhere})["Location"] == "/"
    client.logout()
    answer = client.post(reverse("headway:login"), {"username": "dora", "password": GOOD, "next": elsewhere})
    assert answer["Location"] == "/"
    assert '<input type="hidden" name="next" value="">' in Client().get("/sign-up/", {"next": elsewhere}).text


def test_forms_without_their_token_are_refused(dora: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(dora)
    for address in (
        "/settings/",
        "/settings/address/",
        "/settings/sessions/",
        "/settings/password/",
        "/notices/reading/",
    ):
        assert client.post(address).status_code == 403, address
    for address in ("/sign-up/", "/login/", "/password/"):
        assert Client(enforce_csrf_checks=True).post(address).status_code == 403, address


# -- wrong passwords -------------------------------------------------------------------------------


def test_too_many_wrong_passwords_have_to_wait(client: Client, dora: User, conf: OwnConf) -> None:
    answers = [log_in(client, "dora", "wrong") for _ in range(conf.LOGIN_TRIES)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    for answer in (answers[-1], log_in(client, "dora", GOOD)):
        assert answer.status_code == 429
        assert 600 <= int(answer["Retry-After"]) <= 900
        assert "Too many wrong passwords" in answer.text
    # Somebody else at the same address, and the same person elsewhere, are not kept out.
    User.objects.create_user("eve", password=GOOD)
    assert log_in(Client(), "eve", GOOD).status_code == 302
    assert log_in(Client(), "dora", GOOD, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_a_name_without_an_account_is_answered_in_the_same_words(client: Client, dora: User) -> None:
    def plain(text: str) -> str:
        return re.sub(r'dora|nobody|datetime="[^"]*"|\d\d:\d\d:\d\d', "", TOKENS.sub("", text))

    known, unknown = ([log_in(Client(), name, "wrong") for _ in range(9)] for name in ("dora", "nobody"))
    assert [answer.status_code for answer in known] == [answer.status_code for answer in unknown]
    assert plain(known[0].text) == plain(unknown[0].text)
    assert plain(known[-1].text) == plain(unknown[-1].text)


@pytest.mark.parametrize("spelled", ["DORA", " dora ", "\uff44\uff4f\uff52\uff41", "Dora"])
def test_another_spelling_is_the_same_name(client: Client, dora: User, conf: OwnConf, spelled: str) -> None:
    for number in range(conf.LOGIN_TRIES):
        log_in(client, spelled if number % 2 else "dora", "wrong")
    assert log_in(client, "dora", GOOD).status_code == 429


def test_another_browser_is_the_same_place(dora: User, conf: OwnConf) -> None:
    for number in range(conf.LOGIN_TRIES):
        log_in(Client(), "dora", "wrong", HTTP_USER_AGENT=f"browser {number}")
    assert log_in(Client(), "dora", GOOD).status_code == 429


def test_a_right_password_clears_wrong_tries_for_its_name_only(dora: User, conf: OwnConf) -> None:
    conf.LOGIN_TRIES = 2
    User.objects.create_user("mallory", password=GOOD)
    log_in(Client(), "dora", "wrong")
    assert log_in(Client(), "dora", GOOD).status_code == 302
    assert log_in(Client(), "dora", "wrong").status_code == 200
    # An account of one's own does not buy further guesses at others'.
    for number in range(2 * login_tries.ADDRESS_SHARE):
        log_in(Client(), f"name{number}", "wrong")
        log_in(Client(), "mallory", GOOD)
    assert log_in(Client(), "mallory", GOOD).status_code == 429


def pass_by(minutes: float) -> None:
    """Make all that was tried so much older."""
    seconds = minutes * 60
    LimitBucket.objects.update(tat=F("tat") - seconds, blocked_until=F("blocked_until") - seconds)


def test_trying_on_makes_the_wait_no_longer(client: Client, dora: User, conf: OwnConf) -> None:
    for _ in range(conf.LOGIN_TRIES):
        log_in(client, "dora", "wrong")
    pass_by(minutes=10)
    for _ in range(3):
        assert int(log_in(client, "dora", "wrong")["Retry-After"]) <= 300
    # The right one is not looked at either: a wait that lets it through tells it from the others.
    assert log_in(client, "dora", GOOD).status_code == 429
    pass_by(minutes=6)
    assert log_in(client, "dora", GOOD).status_code == 302


def test_a_wait_that_is_over_brings_all_tries_back(client: Client, dora: User, conf: OwnConf) -> None:
    for _ in range(conf.LOGIN_TRIES):
        log_in(client, "dora", "wrong")
    pass_by(minutes=conf.LOGIN_WAIT_MINUTES + 1)
    answers = [log_in(client, "dora", "wrong").status_code for _ in range(conf.LOGIN_TRIES)]
    assert answers == [200] * (conf.LOGIN_TRIES - 1) + [429]


def test_guesses_that_come_together_get_no_further(dora: User, conf: OwnConf) -> None:
    # As many requests have passed the first look before one of them has looked at its password.
    request = RequestFactory().post("/login/", REMOTE_ADDR="192.0.2.1")
    passed = [login_tries.LogIn(request, "dora").may_go_on() for _ in range(conf.LOGIN_TRIES + 3)]
    assert passed == [True] * conf.LOGIN_TRIES + [False] * 3


def test_an_operator_ends_the_wait(client: Client, dora: User, conf: OwnConf) -> None:
    for _ in range(conf.LOGIN_TRIES):
        log_in(client, "dora", "wrong")
        log_in(client, "dora", "wrong", REMOTE_ADDR="192.0.2.7")
    call_command("forgive", "DORA")
    assert log_in(client, "dora", GOOD).status_code == 302
    assert log_in(Client(), "dora", GOOD, REMOTE_ADDR="192.0.2.7").status_code == 302
    for number in range(conf.LOGIN_TRIES * login_tries.ADDRESS_SHARE):
        log_in(Client(), f"name{number}", "wrong")
    assert log_in(Client(), "dora", GOOD).status_code == 429
    call_command("forgive", "--address", "127.0.0.1")
    assert log_in(Client(), "dora", GOOD).status_code == 302
    with pytest.raises(CommandError, match="either an account or an address"):
        call_command("forgive")


def test_the_admins_log_in_is_counted_too(client: Client, dora: User, conf: OwnConf) -> None:
    given = {"username": "dora", "password": "wrong"}
    answers = [client.post("/admin/login/", given).status_code for _ in range(conf.LOGIN_TRIES)]
    assert answers[-1] == 429
    assert log_in(client, "dora", GOOD).status_code == 429


def test_a_log_in_leaves_no_rows_behind(client: Client, dora: User) -> None:
    log_in(client, "dora", GOOD)
    client.post(reverse("headway:logout"))
    assert not LimitBucket.objects.exists()


def test_neither_password_nor_name_nor_place_is_kept(client: Client, dora: User) -> None:
    log_in(client, "dora", "my-secret-guess")
    kept = repr(list(LimitBucket.objects.values()))
    assert not any(word in kept for word in ("my-secret-guess", "dora", "127.0.0.1"))


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.5", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.5", "203.0.113.5"),
        (1, "10.0.0.1", "1.2.3.4, 203.0.113.5", "203.0.113.5"),
        (2, "10.0.0.1", "1.2.3.4, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        (2, "10.0.0.1", "203.0.113.5", "203.0.113.5"),
        (1, "10.0.0.1", None, "10.0.0.1"),
        (1, "10.0.0.1", " , ", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", NOWHERE),
        (1, "10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        (1, "10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
        (0, "2001:db8:1:2:ffff::1", None, "2001:db8:1:2::"),
        (0, "::ffff:192.0.2.1", None, "192.0.2.1"),
        (0, "", None, NOWHERE),
    ],
)
def test_a_place_is_what_the_sites_own_proxies_saw(
    conf: OwnConf, proxies: int, remote: str, forwarded: str | None, address: str
) -> None:
    conf.PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    assert address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)) == address


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_ends_when_nothing_is_done(as_alice: Client, conf: OwnConf) -> None:
    assert is_in(as_alice)
    move(as_alice, SEEN_AT, conf.SESSION_IDLE_HOURS * HOUR + 1)
    answer = as_alice.get("/datasets/?page=2")
    assert answer["Location"] == "/login/?next=/datasets/%3Fpage%3D2"
    assert "nothing was done here for 12 hours" in as_alice.get(answer["Location"]).text
    assert not is_in(as_alice)


def test_a_session_ends_at_its_age_however_busy(as_alice: Client, conf: OwnConf) -> None:
    move(as_alice, BEGUN_AT, conf.SESSION_DAYS * DAY - 60)
    assert is_in(as_alice)
    move(as_alice, BEGUN_AT, 61)
    assert not is_in(as_alice)
    assert "you had logged in 14 days ago" in as_alice.get("/login/").text


def test_activity_keeps_the_session_and_is_written_rarely(
    as_alice: Client, settings: Settings, conf: OwnConf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    before = as_alice.session[SEEN_AT]
    as_alice.get("/settings/")
    assert as_alice.session[SEEN_AT] == before
    move(as_alice, SEEN_AT, 301)
    as_alice.get("/settings/")
    assert as_alice.session[SEEN_AT] >= before
    # Half a session's time later, twice: together longer than it lasts without.
    for _ in range(3):
        move(as_alice, SEEN_AT, conf.SESSION_IDLE_HOURS * HOUR / 2)
        assert is_in(as_alice)


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/jobs/", HTMX),
        ("/notices/count/", HTMX),
        ("/notices/watched/", HTMX),
        ("/jobs/{job}/progress/", HTMX),
        ("/jobs/{job}/", {"Sec-Fetch-Mode": "no-cors"}),
    ],
)
def test_a_page_that_asks_by_itself_keeps_no_session(
    as_alice: Client, alice: User, make_job: MakeJob, conf: OwnConf, address: str, headers: dict[str, str]
) -> None:
    address = address.format(job=make_job(alice).pk)
    move(as_alice, SEEN_AT, 2 * HOUR)
    before = as_alice.session[SEEN_AT]
    assert as_alice.get(address, headers=headers).status_code == 200
    assert as_alice.session[SEEN_AT] == before
    move(as_alice, SEEN_AT, conf.SESSION_IDLE_HOURS * HOUR)
    as_alice.get(address, headers=headers)
    assert not is_in(as_alice)


def test_a_live_page_of_an_ended_session_reloads_to_log_in(
    as_alice: Client, alice: User, make_job: MakeJob, conf: OwnConf
) -> None:
    job = make_job(alice)
    move(as_alice, SEEN_AT, conf.SESSION_IDLE_HOURS * HOUR + 1)
    answer = as_alice.get(f"/jobs/{job.pk}/progress/", headers=HTMX)
    assert (answer.status_code, answer["HX-Refresh"]) == (401, "true")
    assert as_alice.get(f"/jobs/{job.pk}/")["Location"] == f"/login/?next=/jobs/{job.pk}/"
    assert "Log in to go on." in as_alice.get("/login/").text


def test_the_bell_of_an_ended_session_says_so_without_a_reload(client: Client, db: None) -> None:
    answer = client.get("/notices/count/", headers=HTMX)
    assert answer.status_code == 200
    assert "HX-Refresh" not in answer
    assert "You are logged out" in answer.text
    page = {**HTMX, "HX-Current-URL": "http://testserver/pipelines/letters/?dataset=3"}
    assert 'href="/login/?next=/pipelines/letters/%3Fdataset%3D3"' in client.get("/notices/count/", headers=page).text
    assert 'href="/login/"' in client.get("/notices/count/", headers={**HTMX, "HX-Current-URL": "//evil.org/"}).text
    assert "hx-get" not in answer.text


def test_a_full_disk_lets_a_page_be_read(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full")

    move(as_alice, SEEN_AT, HOUR)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.save", fail)
    assert is_in(as_alice)


def test_a_database_that_is_away_is_said_before_any_view(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(sessions, "_person", fail)
    answer = as_alice.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")


def test_logging_out_everywhere_ends_all_earlier_sessions(alice: User, as_alice: Client) -> None:
    elsewhere = Client()
    assert log_in(elsewhere, "alice", "alice").status_code == 302
    assert as_alice.post("/settings/sessions/")["Location"] == "/login/"
    assert "You are logged out everywhere." in as_alice.get("/login/").text
    assert not is_in(as_alice)
    assert not is_in(elsewhere)
    assert log_in(elsewhere, "alice", "alice").status_code == 302
    assert is_in(elsewhere)
    assert as_alice.get("/settings/sessions/").status_code == 405


def test_the_cookie_is_http_only_and_outlives_its_session(client: Client, dora: User) -> None:
    cookie = log_in(client, "dora", GOOD).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 15 * 86_400


def test_a_session_from_before_there_were_times_begins_now(as_alice: Client, alice: User) -> None:
    session = as_alice.session
    del session[BEGUN_AT], session[SEEN_AT]
    session.save()
    assert is_in(as_alice)
    assert abs(as_alice.session[BEGUN_AT] - time.time()) < 60
    # But not when its person has logged out everywhere.
    session = as_alice.session
    del session[BEGUN_AT], session[SEEN_AT]
    session.save()
    Preferences.objects.create(user=alice, sessions_since=timezone.now() - dt.timedelta(days=1))
    assert not is_in(as_alice)


# -- passwords -------------------------------------------------------------------------------------


def test_a_changed_password_ends_the_other_sessions(client: Client, dora: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(dora)
    log_in(client, "dora", GOOD)
    new = {"old_password": GOOD, "new_password1": "another-Long-1", "new_password2": "another-Long-1"}
    assert client.post("/settings/password/", new)["Location"] == "/settings/"
    assert "logged out everywhere else" in client.get("/settings/").text
    assert is_in(client)
    assert not is_in(elsewhere)


def test_the_old_password_is_not_guessed_at(client: Client, dora: User, settings: Settings, conf: OwnConf) -> None:
    client.force_login(dora)
    wrong = {"old_password": "wrong", "new_password1": "another-Long-1", "new_password2": "another-Long-1"}
    answers = [client.post("/settings/password/", wrong) for _ in range(conf.LOGIN_TRIES + 1)]
    assert "was entered incorrectly" in answers[0].text
    assert [answer.status_code for answer in answers] == [200] * conf.LOGIN_TRIES + [429]
    assert client.post("/settings/address/", {"email": "", "password": GOOD}).status_code == 429


def test_changing_the_password_is_for_who_has_logged_in(client: Client, db: None) -> None:
    assert client.get("/settings/password/")["Location"] == "/login/?next=/settings/password/"


def run(job: Job) -> Any:
    """Do what a worker does with it."""

    class Context:
        def step(self, key: str, work: Callable[..., Any], *args: Any) -> Any:
            return work(*args)

    return password_reset(cast(JobContext, Context()), **job.params)


def test_a_forgotten_password_is_set_anew_by_mail(client: Client, dora: User, conf: OwnConf) -> None:
    conf.SITE_URL = "https://headway.example"
    elsewhere = Client()
    elsewhere.force_login(dora)
    for _ in range(conf.LOGIN_TRIES):
        log_in(client, "dora", "wrong")
    page = client.post("/password/", {"email": "Dora@example.org"}, follow=True)
    assert "No mail was sent" in page.text
    assert mail.outbox == []
    job = Job.objects.get(pipeline="password_reset")
    assert run(job) == {
        "headline": "Not sent",
        "warning": "No mail server is set up: the mail was kept in the worker's memory.",
    }
    (sent,) = mail.outbox
    assert sent.to == ["dora@example.org"]
    (address,) = re.findall(r"https://headway\.example(/password/\S+/\S+/)", str(sent.body))
    assert isinstance(sent, mail.EmailMultiAlternatives)
    assert address in str(sent.alternatives[0][0])
    form = client.get(address, follow=True)
    assert "Set a new password" in form.text
    assert address.split("/")[-2] not in form.text
    there = form.redirect_chain[-1][0]
    new = {"new_password1": "another-Long-1", "new_password2": "another-Long-1"}
    assert "too short" in client.post(there, {"new_password1": "x", "new_password2": "x"}).text
    assert client.post(there, new)["Location"] == "/login/"
    assert not is_in(elsewhere)
    assert log_in(client, "dora", "another-Long-1").status_code == 302
    assert "works no more" in Client().get(address, follow=True).text


def test_asking_is_answered_alike_with_and_without_an_account(client: Client, dora: User) -> None:
    known = client.post("/password/", {"email": "dora@example.org"}, follow=True)
    unknown = client.post("/password/", {"email": "nobody@example.org"}, follow=True)
    assert TOKENS.sub("", known.text) == TOKENS.sub("", unknown.text)
    jobs = Job.objects.filter(pipeline="password_reset")
    assert len(jobs) == 2
    assert [run(job)["headline"][:4] for job in jobs.order_by("pk")] == ["Not ", "No a"]
    assert len(mail.outbox) == 1


def test_no_job_keeps_what_would_let_somebody_in(client: Client, dora: User) -> None:
    client.post("/password/", {"email": "dora@example.org"})
    job = Job.objects.get(pipeline="password_reset")
    assert job.params == {"address": "dora@example.org"}
    assert job.owner.username == "headway"
    run(job)
    assert "password/" in str(mail.outbox[0].body)


def test_reset_mails_are_limited_by_address_and_by_place(client: Client, dora: User) -> None:
    for _ in range(5):
        answer = client.post("/password/", {"email": "DORA@example.org"}, REMOTE_ADDR="192.0.2.1")
        assert answer["Location"] == "/password/sent/"
    assert Job.objects.filter(pipeline="password_reset").count() == 3
    answers = [client.post("/password/", {"email": f"{n}@example.org"}).status_code for n in range(21)]
    assert answers == [302] * 20 + [429]


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!unusable"}])
def test_an_account_that_nobody_can_use_gets_no_mail(client: Client, dora: User, change: dict[str, Any]) -> None:
    User.objects.filter(pk=dora.pk).update(**change)
    client.post("/password/", {"email": "dora@example.org"})
    run(Job.objects.get(pipeline="password_reset"))
    assert mail.outbox == []


@pytest.mark.parametrize("address", ["/password/MQ/set-password/", "/password/x/y/", "/password/%F0%9F%92%A9/a-b/"])
def test_a_link_that_is_none_says_so(client: Client, dora: User, address: str) -> None:
    page = client.get(address, follow=True)
    assert page.status_code == 200
    assert "works no more" in page.text


def test_preferences_come_with_the_person_in_one_query(
    as_alice: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Preferences.objects.create(user=alice, theme="dark")
    with django_assert_num_queries(3):  # the session, the person with their preferences, the count
        as_alice.get("/notices/count/", headers=HTMX)
