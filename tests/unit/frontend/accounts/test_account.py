"""Logging in and out, and the theme."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse


def test_logging_in_leads_to_where_one_wanted_to_go(client: Client, alice: User) -> None:
    answer = client.post(reverse("headway:login"), {"username": "alice", "password": "alice", "next": "/datasets/"})
    assert answer["Location"] == "/datasets/"


def test_a_wrong_password_is_told_and_the_name_kept(client: Client, alice: User) -> None:
    page = client.post(reverse("headway:login"), {"username": "alice", "password": "wrong"})
    assert page.status_code == 200
    assert 'value="alice"' in page.text
    assert 'role="alert"' in page.text


def test_logging_out_needs_a_form_and_ends_the_session(as_alice: Client) -> None:
    assert as_alice.get(reverse("headway:logout")).status_code == 405
    assert as_alice.post(reverse("headway:logout")).status_code == 302
    assert as_alice.get(reverse("headway:desk")).status_code == 302


def test_the_theme_is_kept_and_known_to_the_first_paint(as_alice: Client) -> None:
    assert 'data-theme="auto"' in as_alice.get("/").text
    answer = as_alice.post(reverse("headway:theme"), {"theme": "dark", "next": "/datasets/"})
    assert answer["Location"] == "/datasets/"
    assert '<html lang="en" class="headway" data-theme="dark">' in as_alice.get("/").text


def test_the_theme_redirects_to_no_other_site_and_is_validated(as_alice: Client) -> None:
    answer = as_alice.post(reverse("headway:theme"), {"theme": "pink", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"
    assert not answer.cookies
    assert as_alice.get(reverse("headway:theme")).status_code == 405
