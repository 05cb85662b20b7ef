"""The log of a job on its page, and as a file."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Job, JobLog, JobProgress
from frontend.jobs.pages.log import LISTED_LINES
from tests.unit.frontend.conftest import HTMX, MakeJob

PLAIN = {"stages": [], "version": 3}
AT = dt.datetime(2026, 5, 4, 10, 11, 12, 345000, dt.UTC).timestamp()


def write(job: Job, *texts: str, before: int = 0, dropped: int = 0, level: str = "INFO") -> None:
    JobLog.objects.create(
        job=job,
        attempt=1,
        before=before,
        dropped=dropped,
        lines=[[AT, level, "shop.orders", text] for text in texts],
        count=len(texts),
        bytes=sum(map(len, texts)),
    )


def test_a_job_without_a_log_has_no_region(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    page = as_alice.get(job.get_absolute_url()).text
    assert f'<div id="job-{job.pk}-log" hidden></div>' in page
    assert "&amp;l=" not in page


def test_lines_are_shown_with_time_level_and_text_and_nothing_is_markup(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    write(job, "reading <b>orders.csv</b>", "two\nlines", level="WARNING")
    region = as_alice.get(job.get_absolute_url()).text.split(f'id="job-{job.pk}-log"')[1].split("</section>")[0]
    for text in ("10:11:12", "WARNING", 'data-level="warning"', "&lt;b&gt;orders.csv&lt;/b&gt;", "two\nlines"):
        assert text in region
    assert "not kept" not in region


def test_the_page_gets_the_log_when_it_has_grown_and_only_then(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=PLAIN)
    write(job, "one", "two")
    page = re.search(r'hx-get="([^"]+/progress/[^"]+)"', as_alice.get(job.get_absolute_url()).text)
    assert page is not None
    address = unescape(page[1])
    assert "&l=2&" in address
    JobProgress.objects.filter(job=job).update(version=4)
    assert f'id="job-{job.pk}-log"' not in as_alice.get(address, headers=HTMX).text
    write(job, "three", before=2)
    answer = as_alice.get(address, headers=HTMX).text
    assert "&amp;l=3" in answer
    assert f'id="job-{job.pk}-log" aria-labelledby="job-{job.pk}-log-title" hx-swap-oob="true"' in answer


def test_a_long_log_shows_its_newest_lines_and_says_where_the_others_are(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="succeeded")
    write(job, *(f"line {number}" for number in range(150)), before=1000, dropped=7)
    write(job, *(f"line {number}" for number in range(150, 300)), before=1157)
    page = as_alice.get(job.get_absolute_url()).text
    assert page.count('class="log-line"') == LISTED_LINES
    assert "line 100<" in page
    assert "line 99<" not in page
    assert "1,007 earlier lines were not kept." in page
    assert "100 earlier lines are in the file." in page


def test_the_file_has_all_lines_and_says_where_some_are_missing(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running")
    write(job, "first", before=3)
    write(job, "last", before=4, dropped=1)
    answer = as_alice.get(reverse("headway:job_log", args=[job.pk]))
    assert answer["Content-Disposition"] == f'attachment; filename="job-{job.pk}.log"'
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.getvalue().decode() == (
        "… 3 lines not kept\n"
        "2026-05-04 10:11:12.345Z INFO shop.orders first\n"
        "… 1 line not kept\n"
        "2026-05-04 10:11:12.345Z INFO shop.orders last\n"
    )


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_log_can_only_be_read(as_alice: Client, alice: User, make_job: MakeJob, method: str) -> None:
    job = make_job(alice)
    assert getattr(as_alice, method)(reverse("headway:job_log", args=[job.pk])).status_code == 405


def test_the_log_of_anothers_job_is_not_there(as_bob: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    write(job, "secret")
    assert as_bob.get(reverse("headway:job_log", args=[job.pk])).status_code == 404
