"""What the settings refuse: each with the name, what was written, and what to write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.conf import Conf, from_environment
from core.settings import _mailer

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "36501", "1e1", "12x", "inf", "", True, 1.5, None])
def test_a_whole_number_out_of_its_bounds_is_refused(given: object) -> None:
    expected = f"DAYS_JOBS is {given!r}: write a whole number from 0 to 36500."
    with pytest.raises(ImproperlyConfigured, match=f"^{re.escape(expected)}$"):
        Conf({"DAYS_JOBS": given}).check()


@pytest.mark.parametrize("given", ["abc", "2d", "nan", "inf", "-0.1", "1,5,0", True, [1]])
def test_a_number_that_is_none_is_refused_and_not_guessed_at(given: object) -> None:
    expected = f"RETRY_CAP_SECONDS is {given!r}: write a number, 0 or more."
    with pytest.raises(ImproperlyConfigured, match=f"^{re.escape(expected)}$"):
        Conf({"RETRY_CAP_SECONDS": given}).check()


def test_values_are_read_from_python_and_from_text() -> None:
    written = Conf({"PORT": " 12 ", "RETRY_CAP_SECONDS": "1e-1", "SIGN_UP": "No", "FETCH_PORTS": "80, 443"})
    assert (written.PORT, written.RETRY_CAP_SECONDS, written.SIGN_UP) == (12, 0.1, False)
    assert written.FETCH_PORTS == [80, 443]
    given = Conf({"PORT": 12, "RETRY_CAP_SECONDS": 7, "SIGN_UP": False, "FETCH_PORTS": [80], "FETCH_INSIDE": ["a"]})
    assert (given.PORT, given.RETRY_CAP_SECONDS, given.SIGN_UP) == (12, 7.0, False)
    assert (given.FETCH_PORTS, given.FETCH_INSIDE) == ([80], ["a"])


def test_what_is_set_to_nothing_has_its_default() -> None:
    assert from_environment({"PORT": " ", "SIGN_UP": "", "OTHER": "1", "HOST": "::1"}) == {"HOST": "::1"}


def test_a_default_may_follow_another_setting() -> None:
    assert Conf({"LEASE_SECONDS": 8}).LEASE_RENEW_SECONDS == 2.0
    assert Conf({"HOME": "/srv/it"}).storage_root == Path("/srv/it/files")
    assert Conf({"HOST": "10.0.0.1", "PORT": 80}).SITE_URL == "http://10.0.0.1:80"


@pytest.mark.parametrize("given", ["maybe", 2, None])
def test_a_switch_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^SIGN_UP is {given!r}: write 1 or 0\.$"):
        Conf({"SIGN_UP": given}).check()


@pytest.mark.parametrize("given", ["http", "80;443", "0", "70000", "-1", [], ["x"], 80.5])
def test_a_list_of_ports_with_one_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(ImproperlyConfigured, match="FETCH_PORTS"):
        Conf({"FETCH_PORTS": given}).check()


def test_a_name_that_is_no_setting_is_refused_with_the_nearest() -> None:
    expected = "HEADWAY has 'LEASE_SECOND', which is no setting. Did you mean LEASE_SECONDS?"
    with pytest.raises(ImproperlyConfigured, match=re.escape(expected)):
        Conf({"LEASE_SECOND": 1}).check()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", {"host": "mail.example", "port": 25, "use_tls": False, "use_ssl": False}),
        ("smtp://[::1]:2525/", {"host": "::1", "port": 2525}),
        (
            "smtp+tls://us%20er:p%40ss%3Aw%2Frd@h",
            {"username": "us er", "password": "p@ss:w/rd", "port": 587, "use_tls": True},
        ),
        ("smtp+ssl://u:p@h", {"port": 465, "use_ssl": True}),
        ("smtps://u:p@h", {"port": 465, "use_ssl": True, "use_tls": False}),
        ("filemail:///var/mail%20box", {"file_path": "/var/mail box"}),
        ("consolemail://", {}),
    ],
)
def test_forms_of_a_mail_server(url: str, expected: dict[str, Any]) -> None:
    options = _mailer(url)["OPTIONS"]
    assert {name: options[name] for name in expected} == expected


@pytest.mark.parametrize(
    "url",
    [
        "smtp://user:s3cret/word@host:25",
        "smtp://user:s3cret#word@host:25",
        "smtp://user:s3cret?word@host",
        "smtp://s3cret#word@host",
        "smtp://:s3cret@host",
        "smtp://s3cret@host",
        "smtp://user:s3cret@host:99999",
        "smtp://[user:s3cret@host",
        "imap://user:s3cret@host",
        "filemail://s3cret",
    ],
)
def test_an_unreadable_mail_server_never_shows_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refusal:
        _mailer(url)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("DAYS_AUDIT", "0", "DAYS_AUDIT is '0': write a whole number from 1 to 36500."),
        ("SITE_URL", "headway.example", "SITE_URL is 'headway.example': write the site's whole address"),
        ("MAIL_FROM", "Doe, Jane <jane@example.org>", "MAIL_FROM is 'Doe, Jane <jane@example.org>': write an address"),
        ("MAIL_FROM", "Headway <headway>", "MAIL_FROM is 'Headway <headway>': write an address"),
        ("MAIL_FROM", "", "MAIL_FROM is '': write an address"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'LOUD': write DEBUG"),
        ("DATABASE_URL", "mysql://user:s3cret@host/name", "DATABASE_URL of the scheme 'mysql': write sqlite:"),
        ("DATABASE_URL", "postgres://user:s3cret@host:x/name", "DATABASE_URL can't be read"),
        ("RABBITMQ_URL", "http://user:s3cret@host", "RABBITMQ_URL: write amqp://"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_sentence(name: str, given: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "HEADWAY_HOME": str(tmp_path), name: given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "s3cret" not in done.stderr


def test_the_home_of_whoever_runs_it_is_not_headways() -> None:
    assert from_environment({"HOME": "/root", "PORT": "8001"}) == {"PORT": "8001"}
