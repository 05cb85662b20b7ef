"""Notices: what has ended, what of it is new, and the bell's number."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core import pipelines
from core.models import Job, JobProgress, Preferences
from core.pipelines import pipeline
from frontend.jobs.pages.notices import COUNTED, PAGE_LENGTH
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob, MakeParts, MakeReport

End = Callable[..., Job]


@pytest.fixture
def end(make_job: MakeJob) -> End:
    """`end(alice, ago=5, state="failed")`: a job that ended so many minutes ago."""

    def make(owner: User, *, ago: float = 0, state: str = "succeeded", **fields: object) -> Job:
        User.objects.filter(pk=owner.pk).update(date_joined=timezone.now() - dt.timedelta(days=400))
        return make_job(owner, state=state, finished_at=timezone.now() - dt.timedelta(minutes=ago), **fields)

    return make


def bell(client: Client) -> str:
    """Return the number at the bell of a page; empty without one."""
    found = re.search(r'class="bell-count">.*?</span>([\d+]+)<', client.get("/datasets/").text)
    return found[1] if found else ""


def shown(client: Client, address: str = "/notices/") -> list[int]:
    return [int(pk) for pk in re.findall(r'id="notice-(\d+)"', client.get(address).text)]


def test_the_page_lists_my_jobs_that_ended_the_newest_first(
    as_alice: Client, alice: User, bob: User, end: End, make_job: MakeJob, make_parts: MakeParts
) -> None:
    older, newer = end(alice, ago=9, label="older.txt"), end(alice, ago=2, state="failed", error="line 3 is odd")
    parent = make_job(alice, state="running")
    make_parts(parent, "succeeded", finished_at=timezone.now())
    end(bob)
    page = as_alice.get("/notices/").text
    assert shown(as_alice) == [newer.pk, older.pk]
    assert "Line 3 is odd" in page
    assert f'href="/jobs/{older.pk}/"' in page


def test_staff_has_only_its_own(as_staff: Client, staff: User, alice: User, end: End) -> None:
    end(alice)
    own = end(staff)
    assert bell(as_staff) == "1"
    assert shown(as_staff) == [own.pk]


def test_what_is_not_told_of_is_no_notice(as_alice: Client, alice: User, end: End) -> None:
    def quiet(ctx: object) -> None: ...

    pipeline(title="Quiet", notifies_owner=False)(quiet)
    try:
        job = end(alice)
        Job.objects.filter(pk=job.pk).update(pipeline="quiet")
        assert bell(as_alice) == ""
        assert shown(as_alice) == []
    finally:
        pipelines.forget("quiet")


def test_what_was_shown_is_read(as_alice: Client, alice: User, end: End) -> None:
    end(alice, ago=3)
    end(alice, ago=1)
    assert bell(as_alice) == "2"
    page = as_alice.get("/notices/").text
    assert page.count("data-unread") == 2
    # The page itself says already that nothing is left.
    assert "bell-count" not in page
    assert bell(as_alice) == ""
    assert "data-unread" not in as_alice.get("/notices/").text
    new = end(alice)
    assert bell(as_alice) == "1"
    page = as_alice.get("/notices/").text
    assert re.findall(r'id="notice-(\d+)" data-unread', page) == [str(new.pk)]


def test_looking_is_not_done_by_a_browser_that_reads_ahead(as_alice: Client, alice: User, end: End) -> None:
    end(alice)
    as_alice.get("/notices/", headers={"Sec-Purpose": "prefetch"})
    as_alice.head("/notices/")
    assert bell(as_alice) == "1"


def test_more_than_a_page_stays_unread_until_one_says_so(as_alice: Client, alice: User, end: End) -> None:
    jobs = [end(alice, ago=minutes) for minutes in range(PAGE_LENGTH + 3)]
    assert shown(as_alice) == [job.pk for job in jobs[:PAGE_LENGTH]]
    assert bell(as_alice) == str(PAGE_LENGTH + 3)
    older = f"/notices/?before={jobs[PAGE_LENGTH - 1].pk}"
    assert f'href="{older}"' in as_alice.get("/notices/").text
    assert shown(as_alice, older) == [job.pk for job in jobs[PAGE_LENGTH:]]
    assert as_alice.post("/notices/reading/")["Location"] == "/notices/"
    assert bell(as_alice) == ""
    assert "Mark all as read" not in as_alice.get("/notices/").text
    assert as_alice.get("/notices/reading/").status_code == 405


def test_jobs_that_ended_at_one_instant_are_each_on_one_page(as_alice: Client, alice: User, end: End) -> None:
    jobs = [end(alice) for _ in range(PAGE_LENGTH + 2)]
    Job.objects.update(finished_at=timezone.now())
    first = shown(as_alice)
    assert first + shown(as_alice, f"/notices/?before={first[-1]}") == [job.pk for job in reversed(jobs)]


def test_an_older_page_marks_nothing_and_time_never_goes_back(as_alice: Client, alice: User, end: End) -> None:
    old, new = end(alice, ago=5), end(alice)
    as_alice.get("/notices/")
    seen_at = Preferences.objects.get(user=alice).notices_seen_at
    Job.objects.filter(pk=new.pk).delete()
    as_alice.post("/notices/reading/")
    assert Preferences.objects.get(user=alice).notices_seen_at == seen_at
    assert shown(as_alice, f"/notices/?before={old.pk}") == []


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "0"])
def test_an_odd_page_is_the_newest(as_alice: Client, alice: User, end: End, before: str) -> None:
    job = end(alice)
    assert shown(as_alice, f"/notices/?before={before}") == [job.pk]


def test_an_old_account_does_not_begin_with_all_it_ever_had(as_alice: Client, alice: User, end: End) -> None:
    end(alice, ago=60 * 25)
    end(alice, ago=60 * 23)
    assert bell(as_alice) == "1"
    # Nor has a new account what was there before it.
    User.objects.filter(pk=alice.pk).update(date_joined=timezone.now() - dt.timedelta(hours=1))
    assert bell(as_alice) == ""


def test_many_are_counted_up_to_a_hundred(as_alice: Client, alice: User, end: End) -> None:
    job = end(alice)
    fields = {
        name: getattr(job, name) for name in ("pipeline", "owner_id", "state", "run_at", "publish_at", "finished_at")
    }
    Job.objects.bulk_create(Job(**fields, idempotency_key=f"copy {n}") for n in range(COUNTED))
    assert bell(as_alice) == "99+"


def test_a_notice_leads_to_what_the_job_made(
    as_alice: Client, alice: User, make_dataset: MakeDataset, make_report: MakeReport
) -> None:
    dataset, report = make_dataset(alice), make_report(alice)
    Job.objects.update(finished_at=timezone.now())
    page = as_alice.get("/notices/").text
    assert f'href="{dataset.get_absolute_url()}"' in page
    assert f'href="/jobs/{report.job_id}/files/{report.pk}/"' in page
    dataset.owner = User.objects.create_user("carol")
    dataset.save()
    assert f'href="{dataset.get_absolute_url()}"' not in as_alice.get("/notices/").text


def test_nothing_yet_is_said(as_alice: Client) -> None:
    assert "Nothing yet." in as_alice.get("/notices/").text


def test_a_page_of_notices_asks_as_much_for_many_as_for_one(as_alice: Client, alice: User, end: End) -> None:
    end(alice)
    as_alice.get("/notices/")
    with CaptureQueriesContext(connection) as one:
        as_alice.get("/notices/")
    for minutes in range(20):
        end(alice, ago=minutes + 10)
    with CaptureQueriesContext(connection) as many:
        as_alice.get("/notices/")
    assert len(many) == len(one)


def test_the_bell_is_answered_only_when_its_number_changed(
    as_alice: Client, alice: User, end: End, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # the session, the person, the count
        assert as_alice.get("/notices/count/?n=0", headers=HTMX).status_code == 204
    end(alice)
    answer = as_alice.get("/notices/count/?n=0", headers=HTMX)
    assert 'hx-get="/notices/count/?n=1"' in answer.text
    assert "no-store" in answer["Cache-Control"]
    assert as_alice.get("/notices/count/?n=1", headers=HTMX).status_code == 204
    assert as_alice.get("/notices/count/?n=1")["Location"] == "/notices/"


def test_the_count_reads_the_index_that_is_made_for_it(as_alice: Client, alice: User, end: End) -> None:
    end(alice)
    as_alice.get("/notices/")
    with CaptureQueriesContext(connection) as asked:
        as_alice.get("/notices/count/", headers=HTMX)
    count = asked.captured_queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {count}")
        plan = repr(cursor.fetchall())
    assert "job_owner_ended" in plan
    assert "SCAN core_job" not in plan


# -- what hidden pages ask -------------------------------------------------------------------------


def test_a_hidden_page_is_told_how_far_its_jobs_are(
    as_alice: Client, alice: User, bob: User, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    running, failed, other = make_job(alice, state="running"), make_job(alice, state="failed"), make_job(bob)
    JobProgress.objects.filter(job=running).update(done=42, total=100, stages=[])
    with django_assert_num_queries(3):
        answer = as_alice.get(f"/notices/watched/?job={running.pk}&job={failed.pk}&job={other.pk}&job=x", headers=HTMX)
    told = {each["id"]: each for each in json.loads(answer.content)["jobs"]}
    assert set(told) == {running.pk, failed.pk}
    assert (told[running.pk]["title"], told[running.pk]["is_live"]) == ("42% · abc.txt", True)
    assert (told[failed.pk]["state"], told[failed.pk]["is_live"]) == ("failed", False)
    assert as_alice.get("/notices/watched/", headers=HTMX).json() == {"jobs": []}


def test_a_hidden_page_is_told_that_parts_run(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, state="waiting", progress={"is_whole": False, "done": 1, "total": 2})
    make_parts(job, "running", "queued")
    (told,) = as_alice.get(f"/notices/watched/?job={job.pk}", headers=HTMX).json()["jobs"]
    assert (told["word"], told["title"]) == ("Running parts", "Running parts · abc.txt")


def test_a_hidden_page_without_a_session_is_refused(client: Client, db: None) -> None:
    assert client.get("/notices/watched/?job=1", headers=HTMX).status_code == 401
