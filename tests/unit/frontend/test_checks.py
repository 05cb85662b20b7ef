"""What `manage.py check` says of where the pages' middleware stands."""

from __future__ import annotations

from pytest_django import Settings

from frontend.checks import OURS, READS_FORMS, check_middleware


def test_first_is_right(settings: Settings) -> None:
    settings.MIDDLEWARE = [OURS, READS_FORMS]
    assert check_middleware() == []


def test_missing_is_an_error(settings: Settings) -> None:
    settings.MIDDLEWARE = [READS_FORMS]
    assert [fault.msg for fault in check_middleware()] == [f"MIDDLEWARE has no '{OURS}'. Put it first."]


def test_after_what_reads_forms_is_an_error(settings: Settings) -> None:
    settings.MIDDLEWARE = ["shop.middleware.Any", READS_FORMS, OURS]
    (fault,) = check_middleware()
    assert fault.msg == f"In MIDDLEWARE '{OURS}' has to stand before '{READS_FORMS}'. Put it first."
