"""Log lines about jobs: a past-tense event and its fields, told in one place."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings

from core.logs import keep_lines, log, write_to_stderr


def test_a_line_is_an_event_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    log("job_claimed", job=7, seconds=1.23456, error="two words", name="one")
    assert caplog.messages == ["job_claimed job=7 seconds=1.235 error='two words' name=one"]


def test_what_nobody_reads_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("made for nobody")

    with caplog.at_level(logging.WARNING, logger="headway"):
        log("claim_refused", level=logging.DEBUG, job=Costly())
    assert caplog.messages == []


def test_a_traceback_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("seven")
    except ValueError:
        log("attempt_raised", level=logging.WARNING, exc_info=True, job=7)
    assert "ValueError: seven" in caplog.text


@contextmanager
def root_logger_of_django() -> Iterator[logging.Logger]:
    """The root logger as Django leaves it: at WARNING, with no handler but that of the jobs' own lines."""
    root, pika = logging.getLogger(), logging.getLogger("pika")
    before = root.level, pika.level, root.handlers
    root.handlers = []
    root.setLevel(logging.WARNING)
    keep_lines()
    try:
        yield root
    finally:
        root.handlers = before[2]
        root.setLevel(before[0])
        pika.setLevel(before[1])


def test_a_worker_of_a_site_without_a_root_logger_logs_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not by the fixture of settings: Django 6.1 would set up all logging anew by what is changed there.
    monkeypatch.setattr(settings, "LOGGING", {})
    with root_logger_of_django():
        write_to_stderr()
        write_to_stderr()
        logging.getLogger("orders").info("order %d is done", 7)
    assert capsys.readouterr().err.count("INFO orders order 7 is done") == 1


def test_a_level_that_the_site_gives_its_root_logger_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "LOGGING", {"root": {"level": "WARNING"}})
    with root_logger_of_django():
        write_to_stderr()
        logging.getLogger("orders").info("nobody reads this")
        logging.getLogger("orders").warning("order 7 has no address")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("WARNING")[2] for line in lines] == [" orders order 7 has no address"]


def test_handlers_that_the_site_gives_its_root_logger_are_all_it_has() -> None:
    with root_logger_of_django() as root:
        root.addHandler(logging.NullHandler())
        before = list(root.handlers)
        write_to_stderr()
        assert root.handlers == before
        assert root.level == logging.WARNING


def test_what_cannot_be_printed_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="headway"):
        log("job_refused", job=7, error="a\x00b\udcff\nc")
    assert caplog.messages == [r"job_refused job=7 error='a\x00b\udcff\nc'"]
