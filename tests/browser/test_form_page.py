"""The form of a pipeline as a person fills it in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from core.models import Artifact, Job

from .conftest import OpenPage

LETTERS = "/pipelines/letters/"
DROP = """([zone, name, size]) => {
    const files = new DataTransfer();
    files.items.add(new File(["x".repeat(size)], name));
    for (const kind of ["dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
    }
}"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "abc.txt"
    path.write_text("abc\n")
    return path


def drop(page: Page, name: str, size: int) -> None:
    page.evaluate(DROP, [page.locator("[data-drop]").element_handle(), name, size])


def test_a_file_is_chosen_and_becomes_a_job(open_page: OpenPage, text: Path) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    expect(page.locator("[data-drop-name]")).to_have_text("abc.txt")
    expect(page.locator("[data-drop-facts]")).to_contain_text("4 bytes")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Artifact.objects.get().name == "abc.txt"


def test_a_file_can_be_dropped_anywhere_on_the_page(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    drop(page, "dropped.txt", 2048)
    expect(page.locator("[data-drop-name]")).to_have_text("dropped.txt")
    expect(page.locator("[data-drop-facts]")).to_contain_text("2.0 KB")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Artifact.objects.get().size == 2048


def test_a_file_of_another_kind_is_told_before_it_is_sent(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    drop(page, "picture.png", 10)
    expect(page.locator("#id_text_error")).to_contain_text("picture.png is not a file of a kind this takes")
    page.get_by_role("button", name="Start").click()
    page.wait_for_timeout(300)
    assert not Job.objects.exists()
    drop(page, "letters.txt", 10)
    expect(page.locator("#id_text_error")).to_be_empty()


def test_a_file_over_the_limit_is_told_before_it_is_sent(open_page: OpenPage, settings: Settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = 1000
    page = open_page(LETTERS)
    drop(page, "large.txt", 5000)
    expect(page.locator("#id_text_error")).to_contain_text("larger than 1,000 bytes")


def test_a_double_click_makes_one_job(open_page: OpenPage, text: Path) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    page.get_by_role("button", name="Start").dblclick()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Job.objects.count() == 1


def test_going_back_and_starting_again_makes_another_job(open_page: OpenPage, text: Path) -> None:
    page = open_page(LETTERS)
    for count in (1, 2):
        page.locator("#id_text").set_input_files(text)
        page.get_by_role("button", name="Start").click()
        expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
        assert Job.objects.count() == count
        page.go_back()
        expect(page).to_have_url(re.compile(LETTERS))


def test_the_upload_shows_how_far_it_is_and_can_be_stopped(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": 10_000_000, "uploadThroughput": 1_500_000},
    )
    drop(page, "large.txt", 12_000_000)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("[data-upload-percent]")).to_have_text(re.compile(r"^[1-9]\d?%$"))
    expect(page.locator("[data-upload-numbers]")).to_contain_text("of 11.4 MB")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("[data-upload-progress]")).to_be_hidden()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert not Job.objects.exists()


def test_an_invalid_submit_leads_to_its_errors_and_keeps_the_file(open_page: OpenPage, text: Path) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    page.locator("summary", has_text="More").click()
    page.get_by_label("Limit").fill("0")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.locator("[data-drop-facts]")).to_contain_text("uploaded already")
    page.locator("#error-summary a").click()
    expect(page.get_by_label("Limit")).to_be_focused()
    page.get_by_label("Limit").fill("3")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Job.objects.get().params["limit"] == 3


def test_a_field_is_checked_when_it_is_left_and_no_other_is(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    title = page.get_by_label("Title")
    title.fill("far too long a title")
    title.blur()
    # The browser keeps typed text within its length: longer text comes from a paste or a script.
    title.evaluate("each => { each.removeAttribute('maxlength'); each.value = 'far too long a title'; }")
    title.dispatch_event("change")
    expect(page.locator("#id_title_error")).to_contain_text("at most 10 characters")
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_text_error")).to_be_empty()
    title.fill("short")
    title.blur()
    expect(page.locator("#id_title_error")).to_be_empty()
    expect(title).not_to_have_attribute("aria-invalid", "true")


def test_a_full_disk_is_told_and_the_form_stays_as_it_is(open_page: OpenPage, text: Path, settings: Settings) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    page.get_by_label("Title").fill("Mine")
    settings.DISK_FLOOR_BYTES = 1 << 62
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#refusal")).to_contain_text("nearly full")
    expect(page.get_by_label("Title")).to_have_value("Mine")
    settings.DISK_FLOOR_BYTES = 0
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))


def test_the_form_works_without_javascript(open_page: OpenPage, alice: User, text: Path) -> None:
    page = open_page(LETTERS, java_script_enabled=False)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#error-summary")).to_contain_text("This field is required.")
    page.locator("#id_text").set_input_files(text)
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Job.objects.get().owner == alice
