"""What watches errors, as Sentry does through logging, hears of a job that failed: once, with its traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from django.contrib.auth.models import User
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.models.states import State
from tests.unit.core.acts import fresh, submit_job
from tests.unit.core.attempt import plain_work
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


class ListTransport(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        if event := envelope.get_event():
            self.events.append(dict(event))


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    """What Sentry was sent, with its integration of logging as it comes."""
    transport = ListTransport()
    sentry_sdk.init(
        dsn="https://key@sentry.example/1",
        transport=transport,
        default_integrations=False,
        integrations=[LoggingIntegration()],
    )
    yield transport.events
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def test_an_error_is_sent_once_at_its_last_attempt_with_its_traceback_and_whose_it_is(
    alice: User, events: list[dict[str, Any]], clock: Clock
) -> None:
    attempts = Attempts(worker="here:1")
    job = submit_job(alice, "fail", params={"count": 9, "seconds": None})
    for _ in range(2):
        attempts.run(job.pk)
        assert events == []
        clock.advance(3600)
    attempts.run(job.pk)
    assert fresh(job).state == State.FAILED
    (event,) = events
    (error,) = event["exception"]["values"]
    assert (event["level"], error["type"], error["value"]) == ("error", "ValueError", "attempt 3 went wrong")
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert {name: event["extra"][name] for name in ("job", "pipeline", "attempt")} == {
        "job": job.pk,
        "pipeline": "fail",
        "attempt": 3,
    }


def test_a_sentence_for_the_person_is_no_error(alice: User, events: list[dict[str, Any]]) -> None:
    job = submit_job(alice, "fail", params={"count": 0, "seconds": None})
    Attempts(worker="here:1").run(job.pk)
    assert fresh(job).state == State.FAILED
    assert events == []


def test_an_error_of_a_child_process_carries_its_traceback_there(
    alice: User, events: list[dict[str, Any]], define: Callable[..., str]
) -> None:
    def breaks_in_child(ctx: JobContext) -> None:
        ctx.run_in_child(plain_work.breaks)

    job = submit_job(alice, define(breaks_in_child, max_attempts=1))
    Attempts(worker="here:1").run(job.pk)
    (event,) = events
    texts = [str(error["value"]) for error in event["exception"]["values"]]
    assert any("in the child process" in text and "def breaks" not in text and "breaks" in text for text in texts)


@pytest.mark.parametrize(("has_cause", "level"), [(True, "WARNING"), (False, "INFO")])
def test_the_cause_of_a_sentence_is_in_the_log(
    alice: User, define: Callable[..., str], caplog: pytest.LogCaptureFixture, has_cause: bool, level: str
) -> None:
    def refuses(ctx: JobContext) -> None:
        raise PermanentError("line 3: mend it") from (KeyError("column") if has_cause else None)

    Attempts(worker="here:1").run(submit_job(alice, define(refuses)).pk)
    (record,) = [record for record in caplog.records if "job_refused" in record.getMessage()]
    assert record.levelname == level
    assert bool(record.exc_info) == has_cause
