"""Pages are of one moment: whatever changes between two of their reads, they show all of it or nothing."""

import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Job, JobEvent, JobProgress
from core.models.states import State
from tests.unit.frontend.conftest import HTMX, MakeJob

pytestmark = pytest.mark.django_db(transaction=True)

#: Reads of a page: more than any of these makes.
MOST_READS = 40


def end(job: Job) -> None:
    """End the job as a worker does, by statements of its own, over another connection."""

    def write() -> None:
        try:
            Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, finished_at=timezone.now(), result={})
            JobProgress.objects.filter(job=job).update(version=9)
            JobEvent.objects.create(job=job, kind=JobEvent.Kind.SUCCEEDED)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()


@contextmanager
def change_after(number: int, change: Callable[[], None]) -> Any:
    """Have the change happen after this many reads of the jobs' tables in this thread; yields what was counted."""
    seen = {"reads": 0}
    here = threading.current_thread()

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if threading.current_thread() is here and sql.lstrip().startswith("SELECT") and "core_job" in sql:
            seen["reads"] += 1
            if seen["reads"] == number:
                change()
        return answer

    with connection.execute_wrapper(count):
        yield seen


def moment_of(page: str) -> set[str]:
    """Return the states that the page tells of: by its badge, its buttons, its timeline and its polling."""
    told = set()
    for ended, pattern in (
        (True, r'class="[^"]*job-progress[^"]*"[^>]*data-state="succeeded"'),
        (False, r'class="[^"]*job-progress[^"]*"[^>]*data-state="running"'),
        (False, r"/cancellation/"),
        (False, r"data-poll hx-get=\"[^\"]*/progress/"),
        (True, r'class="event"[^>]*data-kind="succeeded"'),
        (False, r"\?v=running-"),
        (True, r"\?v=succeeded-"),
    ):
        if re.search(pattern, page):
            told.add("ended" if ended else "running")
    return told


@pytest.mark.parametrize("is_region", [False, True], ids=["page", "region"])
def test_a_job_that_ends_between_two_reads_of_its_page(
    as_alice: Client, alice: User, make_job: MakeJob, is_region: bool
) -> None:
    before, moments = 0, []
    for number in range(1, MOST_READS):
        job = make_job(alice, state="running", fence=1, attempt=1, progress={"version": 5})
        address = job.get_absolute_url()
        if is_region:
            # As a page asks that has seen less progress: what else has changed comes along.
            address = f"{reverse('headway:job_progress', args=[job.pk])}?v=running-1-0-4-1"
        headers = HTMX if is_region else {}
        with change_after(number, lambda job=job: end(job)) as seen:  # type: ignore[misc]
            page = as_alice.get(address, headers=headers).text
        if seen["reads"] < number:
            break
        told = moment_of(page)
        assert len(told) == 1, f"after read {number} of {seen['reads']} the page tells of {told}"
        if told == {"ended"}:
            assert f'id="job-{job.pk}-actions"' in page, f"after read {number} the page is left with its old buttons"
        moments.append(told.pop())
        before = number
    assert before >= 3, "the page reads more than a row"
    assert set(moments) <= {"running", "ended"}


def test_a_list_never_says_that_it_has_what_it_does_not_show(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    for number in range(1, MOST_READS):
        Job.objects.all().delete()
        job = make_job(alice, state="running", fence=1, attempt=1, progress={"version": 5})
        with change_after(number, lambda job=job: end(job)) as seen:  # type: ignore[misc]
            page = as_alice.get(reverse("headway:jobs"), headers=HTMX).text
        if seen["reads"] < number:
            break
        version = re.search(r"v=([\w.-]+)", page)
        if version is None:
            assert 'data-state="succeeded"' in page, f"after read {number} the list shows a live job and never asks"
            continue
        now = as_alice.get(f"{reverse('headway:jobs')}?v={version[1]}", headers=HTMX)
        if now.status_code == 204:
            assert 'data-state="succeeded"' in page, f"after read {number} the list says it is new, and shows the old"
