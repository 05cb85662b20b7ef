"""Schedules as a person sees them: the times while one types, and what the buttons do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from core import pipelines
from core.models import Job, Schedule, ScheduledRun
from core.models.states import State
from core.pipelines import pipeline
from tests.unit.frontend.conftest import MakeJob

from .conftest import OpenPage
from .test_looks import LONG, faults_of

WORDS = "/pipelines/words/"


class WordsForm(forms.Form):
    word = forms.CharField()


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    """A pipeline without a file."""

    def words(ctx: object, **params: Any) -> None: ...

    pipeline(title="Count words", form=WordsForm)(words)
    yield
    pipelines.forget("words")


def test_times_follow_typing_and_a_double_click_saves_once(open_page: OpenPage) -> None:
    page = open_page(WORDS)
    page.locator("#id_word").fill("tree")
    page.locator("#repeat summary").click()
    preview = page.locator("#repeat-preview")
    page.locator("#id_repeat-cron").press_sequentially("61 * * * *")
    expect(preview).to_contain_text("Minute 61 is not between 0 and 59")
    page.get_by_role("button", name="Every Monday 07:00").click()
    expect(page.locator("#id_repeat-cron")).to_have_value("0 7 * * 1")
    expect(preview.locator("time")).to_have_count(5)
    page.locator("#id_repeat-zone").select_option("Asia/Tokyo")
    expect(preview).to_contain_text("UTC+09:00")
    page.get_by_role("button", name="Save as schedule").dblclick()
    expect(page).to_have_url(re.compile(r"/schedules/\d+/$"))
    assert Schedule.objects.get().zone == "Asia/Tokyo"
    assert not Job.objects.exists()


def test_enter_starts_the_job_whatever_stands_below(open_page: OpenPage) -> None:
    page = open_page(WORDS)
    page.locator("#repeat summary").click()
    page.locator("#id_repeat-cron").fill("nonsense")
    page.locator("#id_word").fill("tree")
    page.locator("#id_word").press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_schedule_is_run_and_switched_from_its_line(open_page: OpenPage, alice: User, width: int) -> None:
    schedule = Schedule.objects.create(
        owner=alice, pipeline="words", params={"word": "tree"}, label="Trees " * 30, cron="0 7 * * 1", is_on=False
    )
    page = open_page("/schedules/", width=width)
    line = page.locator(f"#schedule-{schedule.pk}")
    line.get_by_role("switch").click()
    expect(line.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    # What was pressed is where it was, for who goes on by keyboard.
    expect(line.get_by_role("switch")).to_be_focused()
    line.get_by_role("button", name="Run").click()
    expect(line.locator(".part")).to_have_count(1)
    expect(page.locator("#notices")).to_contain_text("is submitted")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_all_of_it_works(open_page: OpenPage) -> None:
    page = open_page(WORDS, java_script_enabled=False)
    page.locator("#id_word").fill("tree")
    page.locator("#repeat summary").click()
    page.locator("#id_repeat-cron").fill("0 7 * * 1")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.locator("#repeat-preview time")).to_have_count(5)
    page.get_by_role("button", name="Save as schedule").click()
    expect(page).to_have_url(re.compile(r"/schedules/\d+/$"))
    page.get_by_role("switch").click()
    expect(page.locator("#schedule")).to_contain_text("It is off")


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_schedule_pages_fit_the_window_and_are_accessible(
    open_page: OpenPage, alice: User, make_job: MakeJob, width: int, theme: str
) -> None:
    states = [*State.values, *ScheduledRun.Outcome.values]
    schedule = Schedule.objects.create(
        owner=alice, pipeline="letters", label=LONG[:250], params={"title": LONG}, cron="*/5 9-17 1,8 JAN-MAR MON-FRI"
    )
    for place, state in enumerate(states):
        job = make_job(alice, state=state) if state in State.values else None
        ScheduledRun.objects.create(
            schedule=schedule,
            due_at=timezone.now() - dt.timedelta(days=place),
            outcome="submitted" if job else state,
            job=job,
            text="" if job else LONG[:300],
        )
    Schedule.objects.create(owner=alice, pipeline="gone", label=LONG[:250], cron="@daily", is_on=False, note=LONG[:300])
    page = open_page("/", width=width, color_scheme=theme)
    one = schedule.get_absolute_url()
    last = ScheduledRun.objects.filter(job__isnull=False).latest("due_at")
    assert last.job
    addresses = ["/schedules/", "/schedules/?q=zzz", one, f"{one}form/", f"{one}deletion/", last.job.get_absolute_url()]
    assert [fault for fault in faults_of(page, addresses) if fault[1]] == []
