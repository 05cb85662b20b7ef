"""What a pipeline logs is kept for its job: in bounds, fenced, and with what was dropped counted."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from core.attempt import lines as log_lines
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.attempt.lines import KEPT_BYTES, KEPT_LINES, LINE_LENGTH, Lines
from core.life.leases import Held
from core.logs import LineFormatter, WithJob
from core.models import Job, JobLog
from core.models.states import State
from tests.unit.core.acts import begin_attempt, claim, fresh, progress_of, submit_job
from tests.unit.core.attempt import plain_work

pytestmark = pytest.mark.django_db
logger = logging.getLogger("shop.orders")


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def texts_of(job: Job) -> list[str]:
    return [line[3] for row in JobLog.objects.filter(job=job) for line in row.lines]


def run(job: Job) -> Job:
    Attempts(worker="here:1").run(job.pk)
    return fresh(job)


def test_what_is_logged_in_an_attempt_is_kept_with_time_level_and_logger(
    alice: User, define: Callable[..., str]
) -> None:
    def logs(ctx: JobContext) -> None:
        logger.info("reading %s", "orders.csv")
        try:
            raise KeyError("column")
        except KeyError:
            logger.exception("line 3 has no price")
        logger.debug("not asked for")

    logger.warning("before the attempt")
    job = run(submit_job(alice, define(logs)))
    logger.warning("after it")
    assert job.state == State.SUCCEEDED
    (row,) = JobLog.objects.filter(job=job)
    assert [line[1:] for line in row.lines] == [
        ["INFO", "shop.orders", "reading orders.csv"],
        # The traceback is for those who run the site.
        ["ERROR", "shop.orders", "line 3 has no price\nKeyError: 'column'"],
    ]
    assert (row.attempt, row.count, row.before, row.dropped) == (1, 2, 0, 0)


def test_lines_of_a_child_process_are_the_jobs_and_the_workers_too(
    alice: User, define: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    def logs_in_child(ctx: JobContext) -> None:
        ctx.run_in_child(plain_work.logs, lines=2)

    job = run(submit_job(alice, define(logs_in_child)))
    assert texts_of(job) == [
        "line 0 of the child",
        "line 1 of the child",
        "could not read it\nKeyError: 'column'",
    ]
    assert "plain_work.py" in caplog.text
    assert "Traceback" in caplog.text


def test_a_line_in_the_log_says_whose_it_is(alice: User, define: Callable[..., str]) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(WithJob())
    written: list[str] = []
    handler.emit = lambda record: written.append(LineFormatter("%(message)s").format(record))  # type: ignore[method-assign]

    def logs(ctx: JobContext) -> None:
        logger.info("inside")

    logger.addHandler(handler)
    try:
        logger.info("outside")
        job = run(submit_job(alice, define(logs)))
    finally:
        logger.removeHandler(handler)
    assert written == ["outside", f"inside job={job.pk}"]


def test_lines_are_written_while_the_job_runs_and_its_page_sees_it(alice: User) -> None:
    job = submit_job(alice)
    attempt = begin_attempt(job)
    before = progress_of(job).version
    attempt.lines.add(1.0, "INFO", "x", "one")
    log_lines.write([(attempt.key, attempt.lines)])
    assert texts_of(job) == ["one"]
    assert progress_of(job).version == before + 1
    log_lines.write([(attempt.key, attempt.lines)])
    assert JobLog.objects.filter(job=job).count() == 1


def test_what_a_zombie_logs_is_dropped(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    lines = Lines(job.pk)
    lines.add(1.0, "INFO", "x", "too late")
    before = progress_of(job).version
    log_lines.write([(Held(job.pk, taken.fence - 1), lines)])
    assert texts_of(job) == []
    assert progress_of(job).version == before


def test_the_last_lines_stay_and_those_that_went_are_counted(alice: User) -> None:
    job = submit_job(alice)
    attempt = begin_attempt(job)
    for number in range(KEPT_LINES + 5):
        attempt.lines.add(1.0, "INFO", "x", str(number))
    log_lines.write([(attempt.key, attempt.lines)])
    for number in range(3):
        attempt.lines.add(1.0, "INFO", "x", f"later {number}")
        log_lines.write([(attempt.key, attempt.lines)])
    rows = list(JobLog.objects.filter(job=job))
    assert [(row.before, row.dropped, row.count) for row in rows] == [
        (0, 5, KEPT_LINES),
        (KEPT_LINES + 5, 0, 1),
        (KEPT_LINES + 6, 0, 1),
        (KEPT_LINES + 7, 0, 1),
    ]
    for number in range(KEPT_LINES):
        attempt.lines.add(1.0, "INFO", "x", f"last {number}")
    log_lines.write([(attempt.key, attempt.lines)])
    assert texts_of(job) == [f"last {number}" for number in range(KEPT_LINES)]


def test_a_long_line_is_cut_and_many_bytes_are_bounded() -> None:
    lines = Lines(1)
    for _ in range(KEPT_LINES):
        lines.add(1.0, "INFO", "x", "é" * 5000)
    batch = lines.take()
    assert batch["bytes"] <= KEPT_BYTES
    assert batch["count"] + batch["dropped"] == KEPT_LINES
    assert {len(line[3]) for line in batch["lines"]} == {LINE_LENGTH}


def test_bytes_of_a_job_are_bounded_over_all_its_rows(alice: User) -> None:
    job = submit_job(alice)
    attempt = begin_attempt(job)
    for _ in range(10):
        for _ in range(50):
            attempt.lines.add(1.0, "INFO", "x", "x" * 1900)
        log_lines.write([(attempt.key, attempt.lines)])
    kept = sum(row.bytes for row in JobLog.objects.filter(job=job))
    assert KEPT_BYTES <= kept < 2 * KEPT_BYTES


def test_a_second_attempt_goes_on_counting(alice: User, define: Callable[..., str]) -> None:
    def logs(ctx: JobContext) -> None:
        logger.info("attempt %d", ctx.attempt)
        if ctx.attempt == 1:
            raise ValueError("once more")

    job = submit_job(alice, define(logs))
    run(job)
    Job.objects.filter(pk=job.pk).update(run_at=fresh(job).created_at)
    run(job)
    assert [(row.attempt, row.before) for row in JobLog.objects.filter(job=job)] == [(1, 0), (2, 1)]
    assert texts_of(job) == ["attempt 1", "attempt 2"]
