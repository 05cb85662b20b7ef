"""What the settings refuse: each with the name, what was written, and what to write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.environment import Environment
from core.settings import _mailer

CHECKOUT = Path(__file__).resolve().parents[3]
env = Environment()


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "37", "1e1", "12x", "inf"])
def test_a_whole_number_out_of_its_bounds_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYS", given)
    with pytest.raises(ImproperlyConfigured, match=rf"^DAYS is '{given}': write a whole number from 0 to 36\.$"):
        env.integer("DAYS", 7, most=36)


@pytest.mark.parametrize("given", ["abc", "2d", "nan", "inf", "-0.1", "1,5,0"])
def test_a_number_that_is_none_is_refused_and_not_guessed_at(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURS", given)
    with pytest.raises(ImproperlyConfigured, match=rf"^HOURS is '{given}': write a number, 0 or more\.$"):
        env.number("HOURS", 7.0)


def test_numbers_and_switches_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, given in {"WHOLE": " 12 ", "PART": "1e-1", "ON": "Yes", "OFF": "0", "PORTS": "80, 443"}.items():
        monkeypatch.setenv(name, given)
    assert (env.integer("WHOLE", 1), env.number("PART", 1.0)) == (12, 0.1)
    assert (env.switch("ON", False), env.switch("OFF", True)) == (True, False)
    assert env.integers("PORTS", [1], least=1, most=999) == [80, 443]


def test_what_is_set_to_nothing_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    assert (env.integer("EMPTY", 5), env.number("EMPTY", 0.5), env.switch("EMPTY", True)) == (5, 0.5, True)
    assert env.integers("EMPTY", [8], least=1, most=9) == [8]


def test_a_switch_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH", "maybe")
    with pytest.raises(ImproperlyConfigured, match=r"^SWITCH is 'maybe': write 1 or 0\.$"):
        env.switch("SWITCH", False)


@pytest.mark.parametrize("given", ["http", "80;443", "0", "70000", "-1"])
def test_a_list_of_ports_with_one_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTS", given)
    with pytest.raises(ImproperlyConfigured, match="write whole numbers from 1 to 65535, joined by commas"):
        env.integers("PORTS", [80], least=1, most=65_535)


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
def test_a_mail_server_that_cannot_be_read_is_refused_without_naming_a_password(url: str) -> None:
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
