"""How EMAIL_URL becomes Django's settings."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.settings import _mail


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
    known = _mail(url)
    assert (known["host"], known["port"], known["tls"], known["ssl"]) == ("mx.example", port, tls, at_once)
    assert known["backend"] == "core.mails.smtp.Backend"


def test_name_and_password_may_hold_any_character() -> None:
    known = _mail("smtp+tls://a%40b:p%2Fw+%3A%20@mx.example")
    assert (known["user"], known["password"]) == ("a@b", "p/w+: ")


def test_a_folder_and_the_console_need_no_server() -> None:
    assert _mail("filemail:///srv/my%20mail")["file"] == "/srv/my mail"
    assert _mail("consolemail://")["backend"].endswith("console.EmailBackend")


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
def test_what_is_none_is_refused_with_a_sentence_that_holds_no_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refusal:
        _mail(url)
    assert "secret" not in str(refusal.value)
