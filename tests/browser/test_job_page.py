"""The job page as a person sees it move."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, Route, expect

from core.models import Job, JobEvent, JobProgress
from frontend.jobs.pages import versions
from tests.services.waiting import wait_until
from tests.unit.frontend.conftest import MakeJob, MakeParts, MakeReport

from .conftest import OpenPage

STAGES: list[dict[str, Any]] = [
    {"name": "read", "title": "Read", "state": "done", "started_at": 100.0, "ended_at": 102.5, "share": 0},
    {"name": "count", "title": "Count the letters", "state": "running", "started_at": 102.5, "share": 1},
]
RUNNING = {"stages": STAGES, "done": 10, "total": 100, "unit": "rows", "version": 1}


def advance(job: Job, *, done: int, version: int, **fields: Any) -> None:
    JobProgress.objects.filter(job=job).update(done=done, version=version, **fields)


def polls(page: Page) -> list[str]:
    """Collects the requests for the live region from now on."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "/progress/" in request.url else None)
    return seen


def test_progress_moves_and_focus_and_what_is_open_stay(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    alice.is_staff = True
    alice.save()
    job = make_job(alice, state="running", progress=RUNNING)
    event = JobEvent.objects.create(job=job, kind="crashed", detail="Traceback\n" * 3)
    page = open_page(job.get_absolute_url())
    expect(page.locator(".meter-percent")).to_have_text("10%")
    page.locator(f"#event-{event.pk}-detail summary").click()
    page.locator(f"#job-{job.pk}-cancel").focus()
    advance(job, done=64, version=2)
    JobEvent.objects.create(job=job, kind="note", text="halfway there")
    expect(page.locator(".meter-percent")).to_have_text("64%")
    expect(page).to_have_title("64% · abc.txt · Headway")
    expect(page.locator(".timeline")).to_contain_text("halfway there")
    expect(page.locator(f"#event-{event.pk}-detail")).to_have_attribute("open", "")
    expect(page.locator(f"#job-{job.pk}-cancel")).to_be_focused()


def test_the_end_appears_live_is_told_once_and_stops_polling(
    open_page: OpenPage, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page(job.get_absolute_url())
    page.evaluate("window.isSamePage = true")
    status = page.locator(f"#job-{job.pk}-status")
    expect(status).to_have_text("")
    Job.objects.filter(pk=job.pk).update(state="succeeded", result={"headline": "3 letters counted"})
    expect(page.locator(".outcome-headline")).to_have_text("3 letters counted")
    expect(status).to_have_text("Succeeded: 3 letters counted")
    expect(page.get_by_role("link", name="Run again with changes")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert page.evaluate("window.isSamePage")
    asked = polls(page)
    page.wait_for_timeout(2500)
    assert asked == []


def test_asking_survives_a_server_that_is_away(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page(job.get_absolute_url())

    def answer(route: Route) -> None:
        route.fulfill(status=502, body="Bad gateway")

    page.route("**/progress/**", answer)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator(".meter-percent")).to_have_text("10%")
    advance(job, done=20, version=2)
    page.unroute("**/progress/**")
    expect(page.locator(".meter-percent")).to_have_text("20%")
    expect(page.locator("#offline")).to_be_hidden()


def test_a_hidden_tab_asks_nothing_and_catches_up_at_once(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page("/datasets/")
    page.clock.install()
    page.goto(job.get_absolute_url())
    show = """(hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(show, True)
    expect(page.locator(".htmx-request")).to_have_count(0)  # what was under way has come
    asked = polls(page)
    page.clock.run_for(10_000)
    assert asked == []
    advance(job, done=90, version=2)
    # The page's clock stands still from here: nothing that it would do at its next time comes.
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 10)
    page.evaluate(show, False)
    expect(page.locator(".meter-percent")).to_have_text("90%")


def test_a_session_that_ended_leads_to_the_log_in_page(
    open_page: OpenPage, alice: User, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At the latest when the page's ticket no longer holds.
    monkeypatch.setattr(versions, "HOLDS_SECONDS", 1)
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page(job.get_absolute_url())
    Session.objects.all().delete()
    expect(page).to_have_url(re.compile(rf"/login/\?next=/jobs/{job.pk}/"))


def test_cancelling_asks_first_and_changes_the_page(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    page = open_page(job.get_absolute_url())
    page.get_by_role("button", name="Cancel", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator(".job-head .state")).to_have_text("Cancelled")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".job-head .state")).to_have_text("Queued")


def test_the_question_stays_open_while_the_work_moves(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page(job.get_absolute_url())
    page.get_by_role("button", name="Cancel", exact=True).click()
    advance(job, done=30, version=2)
    expect(page.locator(".meter-percent")).to_have_text("30%")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_without_javascript_the_page_acts_by_its_forms(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    page = open_page(job.get_absolute_url(), java_script_enabled=False)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator(".job-head .state")).to_have_text("Cancelled")


def test_the_desk_follows_its_jobs_and_keeps_what_is_being_typed(
    open_page: OpenPage, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page("/")
    expect(page.locator(".job-percent")).to_have_text("10%")
    page.locator(f"#job-link-{job.pk}").focus()
    advance(job, done=70, version=2)
    expect(page.locator(".job-percent")).to_have_text("70%")
    expect(page.locator(f"#job-link-{job.pk}")).to_be_focused()
    page.get_by_label("Search by name or number").press_sequentially("zzz", delay=60)
    expect(page.locator("#jobs")).to_contain_text("No job matches this filter.")
    expect(page.get_by_label("Search by name or number")).to_have_value("zzz")
    expect(page).to_have_url(re.compile(r"/\?q=zzz$"))
    wait_until(lambda: page.locator("#jobs-search").evaluate("each => each === document.activeElement"))


def test_parts_change_their_squares_before_ones_eyes(
    open_page: OpenPage, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, progress={"stages": [], "version": 1})
    parts = make_parts(job, "running", *["queued"] * 450)
    page = open_page(job.get_absolute_url(), width=390)
    square = page.get_by_role("link", name="Part 1: running").bounding_box()
    assert square is not None
    assert min(square["width"], square["height"]) >= 24
    page.locator("#part-" + str(parts[200].pk)).focus()
    place = page.locator(".part-grid").evaluate("each => each.scrollTop")
    assert place > 0
    Job.objects.filter(pk=parts[0].pk).update(state="failed", attempt=2)
    advance(job, done=60, version=2)
    expect(page.get_by_role("link", name="Part 1: failed, attempt 2")).to_have_count(1)
    expect(page.locator(".job-explanation")).to_have_text("None of its parts runs now: 0 of 451 done, 1 failed.")
    expect(page).to_have_title("50% · abc.txt · Headway")
    # Neither the keyboard's place nor the scroll of the squares is lost.
    expect(page.locator("#part-" + str(parts[200].pk))).to_be_focused()
    assert page.locator(".part-grid").evaluate("each => each.scrollTop") == place
    page.get_by_text("Each part").click()
    Job.objects.filter(pk=parts[0].pk).update(state="succeeded")
    advance(job, done=90, version=3)
    expect(page.locator(".job-explanation")).to_have_text("None of its parts runs now: 1 of 451 done.")
    expect(page.locator(".fan-parts")).not_to_have_attribute("open", "")


def test_a_square_leads_to_its_part_and_back(
    open_page: OpenPage, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, progress={"stages": []})
    make_parts(job, "failed", "running")
    page = open_page(job.get_absolute_url())
    page.get_by_role("link", name="Part 1: failed").click()
    expect(page.locator("h1")).to_have_text("Render, part 1 of 2")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".job-head .state")).to_have_text("Queued")
    page.get_by_role("link", name=f"job #{job.pk}").click()
    page.get_by_role("link", name="All parts").click()
    expect(page.locator("h1")).to_contain_text(f"Parts of job #{job.pk}")
    expect(page.locator(".job-row")).to_have_count(2)


@pytest.mark.parametrize("has_script", [True, False])
def test_a_pdf_is_read_inside_the_page(
    open_page: OpenPage, alice: User, make_report: MakeReport, pdf: bytes, has_script: bool
) -> None:
    report = make_report(alice, pdf=pdf)
    page = open_page(report.job.get_absolute_url(), java_script_enabled=has_script)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "view=1" in request.url else None)
    expect(page.locator(".result-picture img")).to_be_visible()
    assert asked == []
    page.get_by_role("link", name="Read here: report.pdf").click()
    expect(page.locator("iframe.reader-frame")).to_be_visible()
    wait_until(lambda: has_viewer(page))
    assert asked
    page.get_by_role("link", name="Close").click()
    expect(page.locator("iframe")).to_have_count(0)


def has_viewer(page: Page) -> bool:
    """Whether the browser's own viewer, a frame of an extension's inside ours, has taken a file."""
    page.wait_for_timeout(50)  # lets Playwright hear of new frames
    return any(frame.url.startswith("chrome-extension://") for frame in page.frames)


@pytest.fixture(scope="module")
def pdf(browser: Browser) -> bytes:
    page = browser.new_page()
    page.set_content("<h1>A report</h1>" + "<p>A line of it.</p>" * 200)
    try:
        return page.pdf()
    finally:
        page.close()
