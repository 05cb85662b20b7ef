"""A person's settings: kept, shown back, and felt on every page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core.database.clock import database_now
from core.mails import mailed_from, order_end_mails
from core.models import Job, Preferences
from frontend.site import zones
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeJob

PLAIN = {"zone": "", "theme": "auto"}


@pytest.fixture
def addressed(alice: User) -> User:
    alice.email = "alice@example.org"
    alice.save()
    return alice


def kept(user: User) -> Preferences:
    return Preferences.objects.get(user=user)


def test_the_page_shows_what_holds_and_keeps_what_is_chosen(as_alice: Client, addressed: User) -> None:
    page = as_alice.get("/settings/").text
    assert 'value="alice@example.org"' in page
    assert '<option value="Europe/Paris">' in page
    assert not Preferences.objects.exists()
    chosen = {"zone": "Europe/Paris", "theme": "dark", "mail_when_failed": "on", "browser_notices": "on"}
    answer = as_alice.post("/settings/", chosen)
    assert answer["Location"] == "/settings/"
    assert answer.cookies["theme"].value == "dark"
    row = kept(addressed)
    assert (row.zone, row.theme, row.browser_notices) == ("Europe/Paris", "dark", True)
    assert (row.mail_when_done, row.mail_when_failed) == (False, True)
    page = as_alice.get("/settings/").text
    assert 'value="Europe/Paris"' in page
    assert "Your settings are kept." in page


def test_settings_are_for_who_has_logged_in(client: Client, db: None) -> None:
    assert client.get("/settings/")["Location"] == "/login/?next=/settings/"
    for address in ("address", "sessions", "browser-notices"):
        assert client.post(f"/settings/{address}/")["Location"].startswith("/login/")
    assert not Preferences.objects.exists()


@pytest.mark.parametrize(
    ("came_from", "after"),
    [
        ("http://testserver/settings/?x=1", "/settings/%3Fx%3D1"),
        ("http://testserver//evil.example/", "/settings/address/"),
        ("https://evil.example/settings/", "/settings/address/"),
        ("", "/settings/address/"),
    ],
)
def test_a_form_sent_after_the_sessions_end_returns_to_its_page(
    client: Client, db: None, came_from: str, after: str
) -> None:
    answer = client.post("/settings/address/", headers={"Referer": came_from})
    assert answer["Location"] == f"/login/?next={after}"


def test_other_methods_are_refused(as_alice: Client) -> None:
    assert as_alice.delete("/settings/").status_code == 405
    for address in ("address", "sessions", "browser-notices"):
        assert as_alice.get(f"/settings/{address}/").status_code == 405


# -- time zones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Europe/Paris", "Europe/Paris"),
        (" europe/paris ", "Europe/Paris"),
        ("America/New York", "America/New_York"),
        ("utc", "UTC"),
        ("", ""),
    ],
)
def test_a_zone_is_understood_however_it_is_written(as_alice: Client, alice: User, written: str, name: str) -> None:
    assert as_alice.post("/settings/", {**PLAIN, "zone": written}).status_code == 302
    assert kept(alice).zone == name


@pytest.mark.parametrize(
    "written", ["Paris", "Europe/Paris/..", "../../etc/passwd", "localtime", "factory", "x" * 65, "a\0b"]
)
def test_a_zone_that_is_none_is_said_and_kept_in_the_field(as_alice: Client, alice: User, written: str) -> None:
    page = as_alice.post("/settings/", {**PLAIN, "zone": written})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert kept(alice).zone == ""
    assert as_alice.get("/").status_code == 200


def test_suggested_zones_are_places_each_once() -> None:
    names = zones.suggested()
    assert {"Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "UTC"} <= set(names)
    assert len(names) == len(set(names)) > 300
    assert not [name for name in names if name.startswith(("posix", "right", "Etc"))]


def test_times_are_in_the_persons_own_zone(
    as_alice: Client, as_bob: Client, alice: User, bob: User, make_job: MakeJob
) -> None:
    moment = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
    addresses = {}
    for user in (alice, bob):
        job = make_job(user, state="succeeded")
        Job.objects.filter(pk=job.pk).update(created_at=moment, finished_at=moment)
        addresses[user.username] = job.get_absolute_url()
    Preferences.objects.create(user=alice, zone="Asia/Tokyo")
    page = as_alice.get(addresses["alice"]).text
    assert "Thursday, 2 July 2026, 07:30:00 JST" in page
    assert "UTC" not in page
    assert "Wednesday, 1 July 2026, 22:30:00 UTC" in as_bob.get(addresses["bob"]).text
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_zone_that_is_no_longer_known_is_the_sites(as_alice: Client, alice: User) -> None:
    Preferences.objects.create(user=alice, zone="Atlantis/Capital")
    assert "UTC" in as_alice.get("/settings/").text


# -- theme -----------------------------------------------------------------------------------------


def test_a_persons_theme_goes_where_they_log_in(alice: User, as_alice: Client) -> None:
    as_alice.post("/settings/theme/", {"theme": "dark"})
    elsewhere = Client()
    assert 'data-theme="auto"' in elsewhere.get("/login/").text
    elsewhere.force_login(alice)
    assert 'data-theme="dark"' in elsewhere.get("/").text
    elsewhere.post("/settings/", {**PLAIN, "theme": "light"})
    assert 'data-theme="light"' in as_alice.get("/").text
    elsewhere.logout()
    elsewhere.cookies["theme"] = "light"
    assert 'data-theme="light"' in elsewhere.get("/login/").text


def test_who_has_chosen_nothing_keeps_the_browsers_theme(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    as_alice.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in as_alice.get("/settings/").text
    # A row that something else made begins with it.
    as_alice.post("/settings/browser-notices/")
    assert kept(alice).theme == "dark"
    assert as_alice.post("/settings/", {**PLAIN, "theme": "pink"}).status_code == 422
    assert kept(alice).theme == "dark"


# -- what one is told of ---------------------------------------------------------------------------


def test_mails_begin_with_what_ends_from_now_on(as_alice: Client, addressed: User) -> None:
    before = mailed_from()
    as_alice.post("/settings/", {**PLAIN, "mail_when_failed": "on"})
    begun = kept(addressed).mailed_until
    assert begun is not None
    assert before <= begun <= mailed_from()
    as_alice.post("/settings/", {**PLAIN, "zone": "UTC", "mail_when_failed": "on"})
    assert kept(addressed).mailed_until == begun
    as_alice.post("/settings/", PLAIN)
    as_alice.post("/settings/", {**PLAIN, "mail_when_done": "on"})
    again = kept(addressed).mailed_until
    assert again is not None
    assert again >= begun


@pytest.mark.parametrize("wishes", [["done"], ["done", "failed"]], ids=["another", "one more"])
def test_a_new_preference_skips_earlier_ends_and_loses_none_due(
    as_alice: Client, addressed: User, make_job: MakeJob, wishes: list[str]
) -> None:
    as_alice.post("/settings/", {**PLAIN, "mail_when_failed": "on"})
    jobs = {state: make_job(addressed, state=state) for state in ("succeeded", "failed")}
    Job.objects.filter(pk__in=[job.pk for job in jobs.values()]).update(finished_at=database_now())
    as_alice.post("/settings/", {**PLAIN, **{f"mail_when_{wish}": "on" for wish in wishes}})
    order_end_mails()
    told = Job.objects.filter(pipeline="mail").values_list("params__kind", "params__context__job")
    assert list(told) == [("job_failed", jobs["failed"].pk)]


def test_without_an_address_no_mail_can_be_switched_on(as_alice: Client, alice: User) -> None:
    assert "There is no address to mail to yet." in as_alice.get("/settings/").text
    page = as_alice.post("/settings/", {**PLAIN, "mail_when_done": "on"})
    assert "There is no address to mail to. Give one first" in page.text
    assert not kept(alice).mail_when_done


def test_the_browser_may_be_switched_on_from_a_jobs_page(as_alice: Client, alice: User) -> None:
    assert "data-notifies" not in as_alice.get("/").text
    assert as_alice.post("/settings/browser-notices/", headers=HTMX).status_code == 204
    assert kept(alice).browser_notices
    assert "data-notifies" in as_alice.get("/").text
    assert as_alice.post("/settings/browser-notices/")["Location"] == "/settings/"


# -- the account -----------------------------------------------------------------------------------


def test_the_address_changes_for_who_knows_the_password(as_alice: Client, addressed: User) -> None:
    new = {"email": "New@Example.org", "password": "alice"}
    assert as_alice.post("/settings/address/", new)["Location"] == "/settings/"
    addressed.refresh_from_db()
    assert addressed.email == "New@example.org"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong"}, "This is not your password."),
        ({"password": ""}, "This field is required."),
        ({"email": "no address"}, "Enter a valid email address."),
        ({"email": "BOB@example.org"}, "another account has it"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_change_of_address_is_said_and_changes_nothing(
    as_alice: Client, addressed: User, bob: User, change: dict[str, Any], sentence: str
) -> None:
    User.objects.filter(pk=bob.pk).update(email="bob@example.org")
    page = as_alice.post("/settings/address/", {"email": "new@example.org", "password": "alice", **change})
    assert page.status_code == 422
    assert sentence in page.text
    addressed.refresh_from_db()
    assert addressed.email == "alice@example.org"


def test_an_address_that_is_taken_away_takes_its_mails_along(as_alice: Client, addressed: User) -> None:
    as_alice.post("/settings/", {**PLAIN, "mail_when_done": "on", "mail_when_failed": "on"})
    as_alice.post("/settings/address/", {"email": "", "password": "alice"})
    row = kept(addressed)
    assert not row.mail_when_done
    assert not row.mail_when_failed


def test_the_password_of_the_form_is_not_guessed_at(
    as_alice: Client, alice: User, settings: Settings, conf: OwnConf
) -> None:
    given = {"email": "", "password": "wrong"}
    answers = [as_alice.post("/settings/address/", given).status_code for _ in range(conf.LOGIN_TRIES + 1)]
    assert answers == [422] * conf.LOGIN_TRIES + [429]
