"""What a person who looks elsewhere sees of a job: the tab's title, the bell, and one notification of the browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from core.models import Job, JobProgress, Preferences
from tests.unit.frontend.conftest import MakeJob

from .conftest import OpenPage

RUNNING: dict[str, Any] = {"stages": [], "done": 42, "total": 100, "unit": "rows", "version": 1}

#: Stands in for the browser's own notifications, and lets a test say whether the person looks at the page.
STAND_INS = """
    window.told = [];
    window.Notification = class {
        static permission = "default";
        static async requestPermission() {
            window.asked = true;
            this.permission = "granted";
            return "granted";
        }
        constructor(title, options) {
            window.told.push({ title, ...options });
            this.close = () => { window.isClosed = true; };
            this.addEventListener = (name, act) => { this[name] = act; };
            window.last = this;
        }
    };
    window.looks = true;
    window.isHidden = false;
    document.hasFocus = () => window.looks;
    Object.defineProperty(document, "hidden", { get: () => window.isHidden });
"""
LOOK_AWAY = "window.looks = false; window.Notification.permission = 'granted'"
HIDE = f"{LOOK_AWAY}; window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))"
COME_BACK = """
    window.looks = true; window.isHidden = false;
    document.dispatchEvent(new Event('visibilitychange')); window.dispatchEvent(new Event('focus'))
"""


@pytest.fixture
def watching(open_page: OpenPage, alice: User) -> OpenPage:
    """`watching("/jobs/7/")`: that page with the stand-ins, of somebody who has switched notifications on."""
    Preferences.objects.create(user=alice, browser_notices=True)

    def open_it(path: str, **options: object) -> Page:
        page = open_page("/datasets/", **options)
        page.context.grant_permissions(["notifications"])
        page.context.add_init_script(STAND_INS)
        page.clock.install()
        page.goto(path)
        return page

    return open_it


def told(page: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = page.evaluate("window.told")
    return found


def finish(job: Job, state: str = "succeeded") -> None:
    Job.objects.filter(pk=job.pk).update(
        state=state, finished_at=timezone.now(), error="Odd." if state == "failed" else ""
    )


def test_an_unwatched_end_notifies_once_and_is_marked_until_seen(
    watching: OpenPage, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = watching(job.get_absolute_url())
    expect(page).to_have_title("42% · abc.txt · Headway")
    page.evaluate(LOOK_AWAY)
    finish(job)
    page.clock.run_for(1500)
    expect(page).to_have_title("✓ Done · abc.txt")
    assert told(page) == [{"title": "abc.txt", "body": "✓ Done", "tag": f"headway-job-{job.pk}"}]
    page.evaluate("window.last.click()")
    assert page.evaluate("window.isClosed")
    page.evaluate(COME_BACK)
    expect(page).to_have_title("Succeeded · abc.txt · Headway")
    page.clock.run_for(5000)
    assert len(told(page)) == 1


@pytest.mark.parametrize(("act", "milliseconds"), [(LOOK_AWAY, 1500), (HIDE, 21_000)])
def test_a_success_with_a_warning_is_told_as_one(
    watching: OpenPage, alice: User, make_job: MakeJob, act: str, milliseconds: int
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = watching(job.get_absolute_url())
    page.evaluate(act)
    Job.objects.filter(pk=job.pk).update(result={"warning": "3 of 7 records were rejected."})
    finish(job)
    page.clock.run_for(milliseconds)
    expect(page).to_have_title("⚠ Done, with warnings · abc.txt")
    assert [each["body"] for each in told(page)] == ["⚠ Done, with warnings"]
    page.evaluate(COME_BACK)
    expect(page).to_have_title("Succeeded, with warnings · abc.txt · Headway")


def test_a_hidden_tab_polls_slowly_and_still_notifies(watching: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = watching(job.get_absolute_url())
    page.evaluate(HIDE)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    JobProgress.objects.filter(job=job).update(done=64, version=2)
    page.clock.run_for(21_000)
    expect(page).to_have_title("64% · abc.txt · Headway")
    finish(job, "failed")
    page.clock.run_for(21_000)
    expect(page).to_have_title("✗ Failed · abc.txt")
    assert [each["body"] for each in told(page)] == ["✗ Failed"]
    # Two in 42 seconds; the clock of the page goes on by itself beside that, so that on a slow machine it may be more.
    asked = len(seen)
    assert 2 <= asked <= 8
    # The region still shows it at work, whatever else of the page changes: it is not watched again for that.
    page.evaluate("document.dispatchEvent(new CustomEvent('htmx:afterSettle'))")
    page.clock.run_for(21_000)
    assert len(seen) == asked
    # The page's own regions rest; one of them may have been on its way when the tab was hidden.
    assert len([url for url in seen if "/notices/watched/" not in url]) <= 1
    # What is shown when the person comes back is no second end.
    page.evaluate(COME_BACK)
    expect(page.locator(".job-progress")).to_have_attribute("data-state", "failed")
    expect(page).to_have_title("Failed · abc.txt · Headway")
    assert len(told(page)) == 1


def test_a_second_tab_does_not_notify_again(watching: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    first = watching(job.get_absolute_url())
    second = first.context.new_page()
    second.clock.install()
    second.goto("/?state=live")
    for page in (first, second):
        page.evaluate(LOOK_AWAY)
    expect(second).to_have_title("42% · abc.txt · Headway")
    finish(job)
    first.clock.run_for(1500)
    expect(first).to_have_title("✓ Done · abc.txt")
    # The job leaves this list when it ends.
    second.clock.run_for(2500)
    expect(second).to_have_title("✓ Done · abc.txt")
    assert len(told(first) + told(second)) == 1


def test_who_has_not_switched_it_on_is_asked_by_a_click_alone(
    open_page: OpenPage, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = open_page("/datasets/")
    page.context.add_init_script(STAND_INS)
    page.goto(job.get_absolute_url())
    assert page.evaluate("window.asked") is None
    page.get_by_role("button", name="Let the browser tell me when it ends").click()
    expect(page.locator("[data-watch-offer]")).to_be_hidden()
    assert page.evaluate("window.asked")
    assert Preferences.objects.get(user=alice).browser_notices
    page.evaluate(LOOK_AWAY)
    finish(job)
    expect(page).to_have_title("✓ Done · abc.txt")
    assert len(told(page)) == 1


def test_who_looks_is_not_told_what_they_see(watching: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    page = watching(job.get_absolute_url())
    page.evaluate("window.Notification.permission = 'granted'")
    finish(job)
    page.clock.run_for(1500)
    expect(page).to_have_title("Succeeded · abc.txt · Headway")
    assert told(page) == []


def test_the_bell_updates_live_and_rests_in_a_hidden_tab(watching: OpenPage, alice: User, make_job: MakeJob) -> None:
    page = watching("/datasets/")
    expect(page.locator(".bell-count")).to_have_count(0)
    make_job(alice, state="succeeded", finished_at=timezone.now())
    page.evaluate(HIDE)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.clock.run_for(100_000)
    assert seen == []
    page.evaluate(COME_BACK)
    expect(page.locator(".bell-count")).to_contain_text("1")
    page.locator("#bell").click()
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()
    expect(page.locator(".bell-count")).to_have_count(0)


def test_settings_offer_the_browsers_zone_and_ask_permission(open_page: OpenPage, alice: User) -> None:
    page = open_page("/datasets/", timezone_id="Asia/Tokyo")
    page.context.add_init_script(STAND_INS)
    page.goto("/settings/")
    page.get_by_role("button", name="Asia/Tokyo").click()
    page.get_by_label("A notification of the browser").check()
    page.wait_for_function("window.asked")
    page.get_by_role("button", name="Keep these settings").click()
    expect(page.locator("#notices")).to_contain_text("Your settings are kept.")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    row = Preferences.objects.get(user=alice)
    assert (row.zone, row.browser_notices) == ("Asia/Tokyo", True)
