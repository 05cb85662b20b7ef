"""The parts of a job: on its page, on their own pages, and in lists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Job, JobProgress
from frontend.jobs.pages.list import PAGE_LENGTH
from frontend.jobs.pages.parts import NAMED_FAILURES, SQUARES, fan_outs_of
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeParts

PLAIN: dict[str, Any] = {"stages": []}


@pytest.fixture
def parent(alice: User, make_job: MakeJob) -> Job:
    return make_job(alice, label="sales.pdf", progress=PLAIN)


def squares(page: str) -> list[str]:
    return re.findall(r'<a class="part"[^>]*>', page)


# -- on the page of their job


def test_every_part_is_a_square_that_says_what_it_is(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    parts = make_parts(parent, "succeeded", "failed", "running", "queued", "retrying", "cancelled")
    Job.objects.filter(pk=parts[1].pk).update(attempt=2)
    Job.objects.filter(pk=parts[2].pk).update(cancel_requested_at=parent.created_at)
    shown = squares(as_alice.get(parent.get_absolute_url()).text)
    assert len(shown) == 6
    for square, part, state, name in zip(
        shown,
        parts,
        ("succeeded", "failed", "cancelling", "queued", "retrying", "cancelled"),
        ("done", "failed, attempt 2", "cancelling", "queued", "to be tried again", "cancelled"),
        strict=True,
    ):
        assert f'href="{part.get_absolute_url()}"' in square
        assert f'data-state="{state}"' in square
        assert f'aria-label="Part {(part.fan_index or 0) + 1}: {name}"' in square


def test_parts_are_counted_by_state_with_links_to_their_lists(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    make_parts(parent, "succeeded", "succeeded", "failed", "failed", "failed", "running")
    page = as_alice.get(parent.get_absolute_url()).text
    assert f'<a href="/?parent={parent.pk}&amp;state=failed">failed (3)</a>' in page
    assert f'<a href="/?parent={parent.pk}&amp;state=succeeded">done (2)</a>' in page
    assert "running (1)" in page
    assert f'href="/?parent={parent.pk}">All parts</a>' in page


def test_too_many_parts_become_a_bar_with_failed_ones_named(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    parts = make_parts(parent, *["succeeded"] * SQUARES, *["failed"] * (NAMED_FAILURES + 3), "queued")
    Job.objects.filter(pk=parts[SQUARES].pk).update(error="the font has no glyph for <b>")
    page = as_alice.get(parent.get_absolute_url()).text
    assert squares(page) == []
    assert page.count('class="fan-share"') == 3
    assert "the font has no glyph for &lt;b&gt;" in page
    assert f">Part {SQUARES + 1}</a>" in page
    assert page.count('class="fan-error"') == NAMED_FAILURES
    assert f">All {NAMED_FAILURES + 3} that failed</a>" in page


def test_all_fan_outs_of_a_page_share_its_room_for_squares(parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, *["succeeded"] * 300, key="first")
    make_parts(parent, *["succeeded"] * 300, key="second")
    first, second = fan_outs_of(parent)
    assert (len(first.squares), len(second.squares)) == (0, 300)
    assert (first.number, second.number) == (1, 2)
    assert second.address == f"/?parent={parent.pk}&fan=second"


def test_parts_that_all_succeeded_are_folded(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    parts = make_parts(parent, "succeeded", "succeeded")
    fold = f'<details class="fan-parts" id="job-{parent.pk}-parts-1"'
    assert f"{fold}>" in as_alice.get(parent.get_absolute_url()).text
    Job.objects.filter(pk=parts[0].pk).update(state="failed")
    assert f"{fold} open>" in as_alice.get(parent.get_absolute_url()).text


def test_a_waiting_job_shows_how_far_its_parts_are(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, *["succeeded"] * 12, *["failed"] * 2, "cancelled", *["queued"] * 25)
    page = as_alice.get(parent.get_absolute_url()).text
    assert "None of its parts runs now: 12 of 40 done, 2 failed, 1 cancelled." in page
    assert "Waiting for parts" in page
    for text in ("25%", "30 of 120 pages", "3 pages/s", "about 30 s left", 'value="25.00"'):
        assert text in page
    assert "<title>25% · sales.pdf · Headway</title>" in page
    assert 'data-milestone="Waiting for parts"' in page


def test_a_job_whose_parts_run_is_not_said_to_wait(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, *["succeeded"] * 3, "running", *["queued"] * 36)
    page = as_alice.get(parent.get_absolute_url()).text
    assert "It runs in parts: 3 of 40 done." in page
    assert 'data-milestone="Running parts"' in page
    assert "Waiting" not in page
    row = as_alice.get("/").text
    assert "Running parts" in row
    assert "Waiting" not in row


def test_a_page_learns_that_parts_began_to_run(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    (part,) = make_parts(parent, "queued")
    address = f"{parent.get_absolute_url()}progress/"
    page = as_alice.get(address, {"v": "old"}, headers=HTMX).text
    assert "Waiting for parts" in page
    (version,) = re.findall(r"progress/\?v=([^&\"]+)", page)
    assert as_alice.get(address, {"v": version}, headers=HTMX).status_code == 204
    Job.objects.filter(pk=part.pk).update(state="running")
    later = as_alice.get(address, {"v": version}, headers=HTMX)
    assert "Running parts" in later.text


def test_parts_of_parts_that_run_count(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    (part,) = make_parts(parent, "waiting")
    assert "Waiting for parts" in as_alice.get(parent.get_absolute_url()).text
    make_parts(part, "running")
    assert "Running parts" in as_alice.get(parent.get_absolute_url()).text


def test_the_stage_that_a_job_waits_in_goes_on(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, "running")
    stages = [{"name": "render", "title": "Render", "state": "running", "started_at": 100.0}]
    JobProgress.objects.filter(job=parent).update(stages=stages)
    page = as_alice.get(parent.get_absolute_url()).text
    assert '<li class="stage" data-state="running" aria-current="step">' in page
    assert 'data-milestone="Running parts: Render"' in page


def test_the_desk_shows_the_bar_of_a_waiting_job(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, "running")
    page = as_alice.get(reverse("headway:desk")).text
    assert 'value="25.0"' in page
    assert '<span class="job-stage">Render</span>' in page


def test_cancelling_a_job_with_parts_says_that_they_end_with_it(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    assert "Its parts end with it." not in as_alice.get(parent.get_absolute_url()).text
    make_parts(parent, "running")
    assert "Its parts end with it." in as_alice.get(parent.get_absolute_url()).text


# -- on the page of a part


def test_a_part_leads_to_its_job_and_says_what_it_works_on(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "queued", "running")[1]
    page = as_alice.get(part.get_absolute_url())
    link = f'<a href="{parent.get_absolute_url()}" title="sales.pdf">job #{parent.pk}</a>'
    assert f"Part 2 of {link} · Render" in page.text
    assert page.context["parameters"] == [("First row", "10"), ("Columns", "a, b")]
    assert "Cancel this job?" in page.text
    assert f"Job #{parent.pk}, which it is a part of, goes on" in page.text


def test_meaningless_values_of_an_item_are_left_out_or_shortened(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "running")[0]
    item = {"folder": "jobs/7/1/plan", "pages": list(range(40)), "logo": "", "kind": "jobs/seekers"}
    Job.objects.filter(pk=part.pk).update(params={"item": item})
    pages = ", ".join(str(page) for page in range(12))
    assert as_alice.get(part.get_absolute_url()).context["parameters"] == [
        ("Pages", f"{pages} and 28 more"),
        ("Kind", "jobs/seekers"),
    ]


def test_the_result_of_a_part_shows_what_a_person_can_read(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "succeeded")[0]
    result = {"part_file": "jobs/7/1/4.pdf", "set_pages": 1200, "failed": [], "rows": list(range(30))}
    Job.objects.filter(pk=part.pk).update(result=result)
    page = as_alice.get(part.get_absolute_url()).text
    assert "<dt>Set pages</dt><dd>1,200</dd>" in page
    assert "10, 11 and 18 more" in page
    assert "4.pdf" not in page
    assert "<dt>Failed</dt>" not in page


def test_an_item_that_is_no_object_is_shown_as_it_is(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    part = make_parts(parent, "running")[0]
    Job.objects.filter(pk=part.pk).update(params={"item": [3, "north"]})
    assert as_alice.get(part.get_absolute_url()).context["parameters"] == [("Item", "3, north")]


def test_a_failed_part_can_be_tried_again_while_its_job_waits(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "failed", "running")[0]
    Job.objects.filter(pk=part.pk).update(error="it broke")
    page = as_alice.get(part.get_absolute_url()).text
    assert "Run again with changes" not in page
    assert "Try it again, or leave it" in page
    assert reverse("headway:job_retry", args=[part.pk]) in page
    assert as_alice.post(reverse("headway:job_retry", args=[part.pk])).status_code == 302
    part.refresh_from_db()
    assert part.state == "queued"


def test_a_failed_part_is_not_retried_once_its_job_went_on(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "failed")[0]
    Job.objects.filter(pk=parent.pk).update(state="succeeded")
    page = as_alice.get(part.get_absolute_url()).text
    assert reverse("headway:job_retry", args=[part.pk]) not in page
    assert f"Job #{parent.pk} has gone on without it." in page
    refused = as_alice.post(reverse("headway:job_retry", args=[part.pk]), headers=HTMX)
    assert "which does not wait for it" in refused.text
    assert "which does not wait for it" in as_alice.post(reverse("headway:job_retry", args=[part.pk]), follow=True).text
    part.refresh_from_db()
    assert part.state == "failed"


def test_a_part_is_cancelled_alone(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    part = make_parts(parent, "queued", "queued")[0]
    as_alice.post(reverse("headway:job_cancellation", args=[part.pk]))
    part.refresh_from_db()
    parent.refresh_from_db()
    assert (part.state, parent.state) == ("cancelled", "waiting")


def test_a_part_is_its_owners_alone(as_bob: Client, parent: Job, make_parts: MakeParts) -> None:
    part = make_parts(parent, "failed")[0]
    assert as_bob.get(part.get_absolute_url()).status_code == 404
    assert as_bob.post(reverse("headway:job_retry", args=[part.pk])).status_code == 404
    assert as_bob.get(reverse("headway:desk"), {"parent": parent.pk}).status_code == 404
    assert as_bob.get(reverse("headway:jobs"), {"parent": parent.pk}, headers=HTMX).status_code == 404


# -- in lists


def shown(client: Client, **query: str | int) -> list[str]:
    return [job.label for job in client.get(reverse("headway:desk"), query).context["list"].jobs]


def test_parts_are_in_no_list_but_their_jobs(
    as_alice: Client, as_staff: Client, alice: User, make_job: MakeJob, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "failed", "running")[0]
    assert shown(as_alice) == ["sales.pdf"]
    assert shown(as_alice, state="failed") == []
    assert shown(as_alice, q="Render") == []
    assert as_alice.get(reverse("headway:desk")).context["list"].live_count == 1
    assert shown(as_staff, owner="all") == ["sales.pdf"]
    # Its number finds it all the same.
    assert shown(as_alice, q=f"#{part.pk}") == ["Render, part 1 of 2"]
    assert f"Part of job #{parent.pk}" in as_alice.get(reverse("headway:desk"), {"q": f"#{part.pk}"}).text
    assert shown(as_alice, q=f"#{parent.pk}") == ["sales.pdf"]


def test_somebody_elses_part_is_not_found_by_its_number(
    as_bob: Client, as_staff: Client, parent: Job, make_parts: MakeParts
) -> None:
    part = make_parts(parent, "failed")[0]
    assert shown(as_bob, q=f"#{part.pk}") == []
    assert shown(as_staff, q=f"#{part.pk}") == []
    assert shown(as_staff, q=f"#{part.pk}", owner="all") == ["Render, part 1 of 1"]


def test_the_parts_of_a_job_have_a_list_that_leads_back(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    parts = make_parts(parent, "succeeded", "failed", "running")
    make_parts(parent, "queued", key="merge")
    page = as_alice.get(reverse("headway:desk"), {"parent": parent.pk})
    assert f"Parts of job #{parent.pk}" in page.text
    assert f'href="{parent.get_absolute_url()}"' in page.text
    assert "Import" not in page.text
    assert page.context["list"].live_count == 2
    assert shown(as_alice, parent=parent.pk, state="failed") == ["Render, part 2 of 3"]
    assert shown(as_alice, parent=parent.pk, fan="merge") == ["Merge, part 1 of 1"]
    assert shown(as_alice, parent=parent.pk, q="2") == ["Render, part 2 of 3"]
    assert shown(as_alice, parent=parent.pk, q=f"#{parts[2].pk}") == ["Render, part 3 of 3"]
    assert shown(as_alice, parent=parent.pk, q="merge") == ["Merge, part 1 of 1"]
    # Every link of it stays among the parts.
    assert all("parent=" in tab["address"] for tab in page.context["list"].state_tabs)
    assert f'name="parent" value="{parent.pk}"' in page.text
    assert f"{reverse('headway:jobs')}?parent={parent.pk}&amp;v=" in page.text


def test_a_list_of_parts_is_followed_as_long_as_their_job_lives(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    make_parts(parent, "failed", "running")
    failed = f"/?parent={parent.pk}&state=failed"
    assert "every 2s" in as_alice.get(failed).text
    Job.objects.filter(pk=parent.pk).update(state="failed")
    assert "every 2s" not in as_alice.get(failed).text


def test_the_list_of_parts_alone_is_for_htmx(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    make_parts(parent, "running")
    query: dict[str, str | int] = {"parent": parent.pk, "q": "Render"}
    fragment = as_alice.get(reverse("headway:jobs"), query, headers=HTMX)
    assert "<html" not in fragment.text
    assert fragment["HX-Replace-Url"] == f"/?q=Render&parent={parent.pk}"
    assert "<html" in as_alice.get(reverse("headway:jobs"), query).text
    again = as_alice.get(reverse("headway:jobs"), {**query, "v": fragment.context["list"].version}, headers=HTMX)
    assert again.status_code == 204


def test_parts_are_listed_in_order_on_pages_linked_both_ways(
    as_alice: Client, parent: Job, make_parts: MakeParts
) -> None:
    parts = [part.pk for part in make_parts(parent, *["succeeded"] * (PAGE_LENGTH * 2 + 3))]
    first = as_alice.get(reverse("headway:desk"), {"parent": parent.pk}).context["list"]
    assert [job.pk for job in first.jobs] == parts[:PAGE_LENGTH]
    assert not first.previous_page
    second = as_alice.get(first.next_page).context["list"]
    assert [job.pk for job in second.jobs] == parts[PAGE_LENGTH : 2 * PAGE_LENGTH]
    third = as_alice.get(second.next_page).context["list"]
    assert [job.pk for job in third.jobs] == parts[2 * PAGE_LENGTH :]
    assert not third.next_page
    back = as_alice.get(third.previous_page).context["list"]
    assert [job.pk for job in back.jobs] == parts[PAGE_LENGTH : 2 * PAGE_LENGTH]


def test_a_list_of_parts_that_is_empty_says_why(as_alice: Client, parent: Job, make_parts: MakeParts) -> None:
    assert f"Job #{parent.pk} has no parts." in as_alice.get(reverse("headway:desk"), {"parent": parent.pk}).text
    make_parts(parent, "running")
    filtered = as_alice.get(f"/?parent={parent.pk}&state=failed").text
    assert "No part matches this filter." in filtered
    assert f'<a href="/?parent={parent.pk}">Show all parts</a>' in filtered


@pytest.mark.parametrize("asked", ["0", "nonsense", "99999"])
def test_the_parts_of_a_job_that_is_not_there_are_not_found(as_alice: Client, alice: User, asked: str) -> None:
    assert as_alice.get(reverse("headway:desk"), {"parent": asked}).status_code == 404
