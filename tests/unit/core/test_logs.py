"""Log lines about jobs: a past-tense event and its fields, told in one place."""

from __future__ import annotations

import logging

import pytest

from core.logs import log


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
