"""A success that is none: every place that tells how a job stands says so, without asking the database for more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Job, JobEvent, Schedule, ScheduledRun
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob, MakeParts

WARNING = "312 of 5,000 records were rejected."
TOLD = {"headline": "4,688 rows imported", "warning": WARNING}
#: A badge in a list has few words, and the others where it is pointed at.
BADGE = 'data-state="warned" title="Succeeded, with warnings">'

Warned = Callable[..., Job]


@pytest.fixture
def warned(make_job: MakeJob) -> Warned:
    def make(owner: User, **fields: object) -> Job:
        now = timezone.now()
        given = {"state": "succeeded", "result": TOLD, "started_at": now, "finished_at": now, **fields}
        return make_job(owner, label="sales.csv", **given)

    return make


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("address", ["/", "/?state=succeeded", "/notices/"])
def test_a_list_says_it_with_the_sentence(as_alice: Client, alice: User, warned: Warned, address: str) -> None:
    warned(alice)
    page = as_alice.get(address).text
    assert BADGE in page
    assert "With warnings" in page
    assert WARNING in page
    assert 'data-state="succeeded"' not in page


@pytest.mark.parametrize("address", ["/", "/notices/", "/schedules/"])
def test_a_list_of_many_asks_no_more_than_a_list_of_one(
    as_alice: Client, alice: User, warned: Warned, address: str
) -> None:
    schedule = Schedule.objects.create(owner=alice, pipeline="letters", cron="0 7 * * 1")

    def add() -> None:
        job = warned(alice)
        due_at = timezone.now()
        ScheduledRun.objects.create(schedule=schedule, due_at=due_at, outcome="submitted", job=job)

    add()
    as_alice.get("/notices/")
    one = queries_of(as_alice, address)
    for _ in range(5):
        add()
    assert BADGE.split(" ")[0] in as_alice.get(address).text
    assert queries_of(as_alice, address) == one


def test_its_page_says_it_in_every_region_and_in_the_tab(as_alice: Client, alice: User, warned: Warned) -> None:
    job = warned(alice, attempt=2)
    for attempt, kind in ((1, "claimed"), (1, "retrying"), (2, "claimed"), (2, "succeeded")):
        JobEvent.objects.create(job=job, kind=kind, attempt=attempt, worker="host:1")
    page = as_alice.get(job.get_absolute_url()).text
    assert "<title>Succeeded, with warnings · sales.csv · Headway</title>" in page
    assert f'data-milestone="Succeeded, with warnings: 4,688 rows imported. {WARNING}"' in page
    assert '<div class="outcome" data-tone="warning">' in page
    assert re.search(rf'class="outcome-warning">.*{re.escape(WARNING)}', page)
    # The region, its badge, and the line of the attempt; the timeline has a kind.
    assert page.count('data-state="warned"') == 3
    assert '<li class="event" data-kind="warned">' in page
    assert 'data-state="succeeded"' not in page
    assert "warning</dt>" not in page


def test_a_success_without_a_warning_is_as_it_was(as_alice: Client, alice: User, warned: Warned) -> None:
    job = warned(alice, result={"headline": "5,000 rows imported"})
    page = as_alice.get(job.get_absolute_url()).text
    assert '<div class="outcome" data-tone="success">' in page
    assert "<title>Succeeded · sales.csv · Headway</title>" in page
    assert "warn" not in page


def test_a_live_page_learns_of_it(as_alice: Client, alice: User, warned: Warned) -> None:
    job = warned(alice, state="running")
    version = as_alice.get(job.get_absolute_url()).context["version"]
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    answer = as_alice.get(f"{job.get_absolute_url()}progress/", {"v": version}, headers=HTMX).text
    assert 'data-title="Succeeded, with warnings · sales.csv"' in answer
    assert "<title>" not in answer
    assert 'data-state="warned"' in answer


def test_what_watches_hidden_pages_learns_of_it(as_alice: Client, alice: User, warned: Warned) -> None:
    job = warned(alice)
    (told,) = json.loads(as_alice.get(f"/notices/watched/?job={job.pk}", headers=HTMX).content)["jobs"]
    assert (told["state"], told["outcome"], told["word"]) == ("succeeded", "warned", "Succeeded, with warnings")


def test_parts_with_warnings_are_counted_and_listed_apart(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    parent = make_job(alice, state="succeeded", progress={"stages": []})
    parts = make_parts(parent, "succeeded", "succeeded", "failed")
    one = queries_of(as_alice, parent.get_absolute_url())
    Job.objects.filter(pk=parts[1].pk).update(result=TOLD)
    page = as_alice.get(parent.get_absolute_url()).text
    assert f'id="part-{parts[1].pk}" href="{parts[1].get_absolute_url()}" data-state="warned"' in page
    assert 'aria-label="Part 2: done, with warnings"' in page
    counts = re.sub(r"<[^>]+>", "", page)
    assert "done (1)" in counts
    assert "done, with warnings (1)" in counts
    assert queries_of(as_alice, parent.get_absolute_url()) == one
    assert BADGE in as_alice.get(f"/?parent={parent.pk}").text


def test_a_schedule_shows_it_in_its_strip_and_its_table(as_alice: Client, alice: User, warned: Warned) -> None:
    schedule = Schedule.objects.create(owner=alice, pipeline="letters", cron="0 7 * * 1")
    job = warned(alice)
    ScheduledRun.objects.create(schedule=schedule, due_at=timezone.now(), outcome="submitted", job=job)
    for address in ("/schedules/", schedule.get_absolute_url()):
        page = as_alice.get(address).text
        assert page.count('data-state="warned"') == 2
        assert "1 with warnings" in page
        assert "Succeeded, with warnings" in page


def test_a_dataset_with_warnings_is_marked_and_lists_them_on_top(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset, plain = make_dataset(alice, name="odd"), make_dataset(alice, name="plain")
    dataset.dialect = {**dataset.dialect, "warnings": [WARNING, "8 lines are of another table."]}
    dataset.save()
    assert as_alice.get("/datasets/").text.count("with warnings") == 1
    page = as_alice.get(dataset.get_absolute_url()).text
    assert page.count('<p class="notice" data-tone="warning">') == 2
    assert page.index(WARNING) < page.index('aria-label="Summary"')
    assert 'data-tone="warning">' not in as_alice.get(plain.get_absolute_url()).text.replace('"figure" data-tone', "")


@pytest.mark.parametrize("result", [{"warning": ""}, {"warning": None}, ["warning"], "warning", None])
def test_what_is_no_warning_makes_none(as_alice: Client, alice: User, warned: Warned, result: object) -> None:
    job = warned(alice, result=result)
    for address in ("/", "/notices/", job.get_absolute_url()):
        assert 'data-state="warned"' not in as_alice.get(address).text


def test_a_hostile_warning_stays_text(as_alice: Client, alice: User, warned: Warned) -> None:
    job = warned(alice, result={"warning": '"><script>alert(1)</script>'})
    for address in ("/", "/notices/", job.get_absolute_url()):
        page = as_alice.get(address).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
