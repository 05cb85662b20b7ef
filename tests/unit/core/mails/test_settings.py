"""How EMAIL_URL becomes Django's settings."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from core.mails.smtp import new_connection
from core.settings import _mail_settings, _mailer


@pytest.mark.parametrize(
    ("url", "port", "tls", "at_once"),
    [
        ("smtp://mx.example", 25, False, False),
        ("smtp://mx.example:2525/", 2525, False, False),
        ("smtp+tls://mx.example", 587, True, False),
        ("smtp+ssl://mx.example", 465, False, True),
    ],
)
def test_a_mail_server_is_read_with_the_port_of_its_scheme(url: str, port: int, tls: bool, at_once: bool) -> None:
    mailer = _mailer(url)
    options = mailer["OPTIONS"]
    assert (options["host"], options["port"]) == ("mx.example", port)
    assert (options["use_tls"], options["use_ssl"]) == (tls, at_once)
    assert mailer["BACKEND"] == "core.mails.smtp.Backend"


def test_name_and_password_may_hold_any_character() -> None:
    options = _mailer("smtp+tls://a%40b:p%2Fw+%3A%20@mx.example")["OPTIONS"]
    assert (options["username"], options["password"]) == ("a@b", "p/w+: ")


def test_a_folder_and_the_console_need_no_server() -> None:
    assert _mailer("filemail:///srv/my%20mail")["OPTIONS"] == {"file_path": "/srv/my mail"}
    assert _mailer("consolemail://")["BACKEND"].endswith("console.EmailBackend")


@pytest.mark.parametrize(
    "url", ["smtp://mx.example", "smtp+ssl://a:b@mx.example:26", "filemail:///srv/my%20mail", "consolemail://"]
)
def test_this_django_makes_its_connection_of_the_address(settings: Settings, url: str) -> None:
    """Django 5.2 reads a setting for each option, 6.1 a mailer."""
    mailer = _mailer(url)
    for name, value in _mail_settings(mailer).items():
        setattr(settings, name, value)
    line = new_connection()
    assert f"{type(line).__module__}.{type(line).__qualname__}" == mailer["BACKEND"]
    assert {name: getattr(line, name) for name in mailer["OPTIONS"]} == mailer["OPTIONS"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mx.example",
        "smtp://",
        "smtp://mx.example/path",
        "smtp://mx.example?timeout=1",
        "http://mx.example",
        "filemail://relative",
        "filemail:///",
        "consolemail://host",
        "smtp://user:secret@mx.example:mail",
        "smtp://user:secret@[::1",
        "smpt://user:secret@mx.example",
    ],
)
def test_an_invalid_setting_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refusal:
        _mailer(url)
    assert "secret" not in str(refusal.value)
