"""Failed jobs, limits and priorities as a person moves them."""

from __future__ import annotations

import datetime as dt
import re

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from core.models import Gate, Job, Worker
from core.models.job import Priority
from tests.unit.frontend.conftest import MakeJob

from .conftest import OpenPage


def test_ticked_jobs_are_requeued_after_a_confirmation(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    jobs = [make_job(alice, label=f"{number}.txt", state="failed", error="odd") for number in range(3)]
    page = open_page("/failed/")
    page.get_by_label("Select 0.txt").check()
    page.get_by_label("Select 2.txt").check()
    expect(page.locator("#failed-scope option:checked")).to_have_text("The 2 selected jobs")
    expect(page.get_by_label("Select all on this page")).to_have_js_property("indeterminate", value=True)
    page.get_by_role("button", name="Requeue…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Requeue 2 jobs?")
    page.get_by_label("Start again").check()
    page.get_by_role("button", name="Requeue 2 jobs").click()
    expect(page.locator("#notices")).to_contain_text("2 jobs are in the queue again.")
    expect(page.locator(".nav-count")).to_have_text(re.compile("1"))
    assert [Job.objects.get(pk=job.pk).state for job in jobs] == ["queued", "failed", "queued"]


def test_the_list_of_failed_jobs_answers_while_one_types(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    for word in ("alpha", "beta"):
        make_job(alice, label=f"{word}.txt", state="failed", error=f"{word} is odd")
    page = open_page("/failed/")
    page.get_by_label("In the reason").press_sequentially("beta")
    expect(page.locator("#failed tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/failed/\?error=beta$"))
    # The boxes of the new list are counted as well.
    page.get_by_label("Select all on this page").check()
    expect(page.locator("#failed-scope option:checked")).to_have_text("The selected job")


def test_failed_jobs_are_discarded_without_javascript(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", error="odd")
    make_job(alice, state="failed", error="other")
    page = open_page("/failed/", java_script_enabled=False)
    page.get_by_label("In the reason").fill("odd")
    page.get_by_role("button", name="Search").click()
    page.get_by_label("What").select_option("all")
    page.get_by_role("button", name="Discard…").click()
    page.get_by_role("button", name="Discard 1 job").click()
    expect(page.locator("#notices")).to_contain_text("1 job is discarded.")
    assert Job.objects.filter(state="cancelled").get() == job


def test_a_pipeline_is_paused_with_a_reason_and_its_jobs_say_so(
    open_page: OpenPage, alice: User, staff: User, make_job: MakeJob
) -> None:
    job = make_job(alice)
    theirs = open_page(job.get_absolute_url())
    page = open_page("/limits/", person=staff)
    page.evaluate("window.isSamePage = true")
    page.get_by_role("button", name="Pause Count letters").click()
    page.locator("#pipeline-letters-note").fill("No ink.")
    page.keyboard.press("Enter")
    panel = page.locator("#pipeline-letters-limits")
    expect(panel).to_contain_text("Paused by staff since")
    assert page.evaluate("window.isSamePage")
    assert Gate.objects.get(pk="letters").note == "No ink."
    # The other page hears of it by itself.
    expect(theirs.locator(".why")).to_contain_text("is paused by staff: No ink.")
    page.get_by_role("button", name="Resume Count letters").click()
    expect(panel).to_contain_text("Count letters goes on.")
    assert page.evaluate("window.isSamePage")


def test_why_a_job_waits_follows_what_happens(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    page = open_page(job.get_absolute_url())
    expect(page.locator(".why")).to_contain_text("No worker takes jobs")
    # It says so once, and is taken at its word for as long as the page takes.
    later = timezone.now() + dt.timedelta(hours=1)
    Worker.objects.create(name="host:1", queues=["default"], threads=1, seen_at=later)
    expect(page.locator(".why")).to_contain_text("Next on the queue default.")
    Job.objects.filter(pk=job.pk).update(state="running")
    expect(page.locator(".why")).to_have_count(0)


def test_a_priority_is_set_without_leaving_the_page(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    page = open_page(job.get_absolute_url())
    page.evaluate("window.isSamePage = true")
    page.get_by_label("Priority", exact=True).select_option("urgent")
    page.get_by_role("button", name="Set the priority").click()
    expect(page.locator(".timeline")).to_contain_text("Urgent, by alice")
    expect(page.get_by_label("Priority", exact=True)).to_have_value("urgent")
    assert page.evaluate("window.isSamePage")
    assert Job.objects.get(pk=job.pk).priority == Priority.URGENT
