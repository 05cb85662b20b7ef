"""The form of a pipeline as a person fills it in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from actors.pipelines.pdf_export.forms import PdfExportForm
from core import formatting, pipelines
from core.forms import PipelineForm, UploadField
from core.models import Artifact, Dataset, Job
from core.pipelines import pipeline
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import MakeDataset

from .conftest import OpenPage

LETTERS = "/pipelines/letters/"
DROP = """([zone, names, size]) => {
    const files = new DataTransfer();
    for (const name of names) files.items.add(new File(["x".repeat(size)], name));
    for (const kind of ["dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
    }
}"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "abc.txt"
    path.write_text("abc\n")
    return path


def drop(page: Page, *names: str, size: int) -> None:
    page.evaluate(DROP, [page.locator("[data-drop]").element_handle(), list(names), size])


def test_a_file_is_chosen_and_becomes_a_job(open_page: OpenPage, text: Path) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    expect(page.locator("[data-drop-name]")).to_have_text("abc.txt")
    expect(page.locator("[data-drop-facts]")).to_contain_text("4 bytes")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Artifact.objects.get().name == "abc.txt"


def test_the_script_tells_sizes_as_pages_do(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    control = page.locator("#id_text")
    for size in (0, 1, 1023, 1024, 1_048_550, 123 * 1024, 3 * 1024**4, 5_000 * 1024**5):
        control.evaluate(
            """(input, size) => {
                Object.defineProperty(input, "files", {value: [{name: "x.txt", size}], configurable: true});
                input.dispatchEvent(new Event("change", {bubbles: true}));
            }""",
            size,
        )
        expect(page.locator("[data-drop-facts]")).to_contain_text(formatting.size(size))


def test_a_file_can_be_dropped_anywhere_on_the_page(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    drop(page, "dropped.txt", size=2048)
    expect(page.locator("[data-drop-name]")).to_have_text("dropped.txt")
    expect(page.locator("[data-drop-facts]")).to_contain_text("2.0 KB")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Artifact.objects.get().size == 2048


@pytest.fixture
def merge() -> Iterator[None]:
    """A pipeline that takes several files and a day."""

    class MergeForm(PipelineForm):
        tables = UploadField(accept=".csv", multiple=True)
        day = forms.DateField(required=False)

    def merge(ctx: object, **params: Any) -> None: ...

    pipeline(title="Merge", form=MergeForm)(merge)
    yield
    pipelines.forget("merge")


def test_several_files_are_dropped_on_a_field_that_takes_them(open_page: OpenPage, merge: None, conf: OwnConf) -> None:
    conf.UPLOAD_LIMIT_BYTES = 10_000
    page = open_page("/pipelines/merge/")
    drop(page, "b.csv", "a.csv", size=6000)
    expect(page.locator("#id_tables_error")).to_contain_text("These files together are larger than 9.8 KB")
    drop(page, "b.csv", "a.csv", size=2048)
    expect(page.locator("#id_tables_error")).to_be_empty()
    expect(page.locator("[data-drop-name]")).to_have_text("b.csv, a.csv")
    expect(page.locator("[data-drop-facts]")).to_contain_text("4.0 KB · choose others to replace them")
    page.get_by_label("Day").fill("2026-01-31")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert list(Artifact.objects.values_list("field", "name")) == [("tables", "b.csv"), ("tables.2", "a.csv")]
    assert Job.objects.get().params == {"day": "2026-01-31"}
    expect(page.get_by_text("31 Jan 2026")).to_be_visible()


def test_a_file_of_another_kind_is_told_before_it_is_sent(open_page: OpenPage) -> None:
    page = open_page(LETTERS)
    drop(page, "picture.png", size=10)
    expect(page.locator("#id_text_error")).to_contain_text("picture.png is not a file of a kind this takes")
    page.get_by_role("button", name="Start").click()
    page.wait_for_timeout(300)
    assert not Job.objects.exists()
    drop(page, "letters.txt", size=10)
    expect(page.locator("#id_text_error")).to_be_empty()


def test_a_file_over_the_limit_is_told_before_it_is_sent(open_page: OpenPage, conf: OwnConf) -> None:
    conf.UPLOAD_LIMIT_BYTES = 1000
    page = open_page(LETTERS)
    drop(page, "large.txt", size=5000)
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
        # It would take half a minute.
        {"offline": False, "latency": 20, "downloadThroughput": 10_000_000, "uploadThroughput": 400_000},
    )
    drop(page, "large.txt", size=12_000_000)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("[data-upload-percent]")).to_have_text(re.compile(r"^[1-9]\d?%$"))
    expect(page.locator("[data-upload-numbers]")).to_contain_text("of 11.4 MB")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("[data-upload-progress]")).to_be_hidden()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert not Job.objects.exists()


def test_an_invalid_submit_shows_its_errors_and_keeps_the_file(open_page: OpenPage, text: Path) -> None:
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
    # Of two checks at once the second is left out: this one has to be over first.
    with page.expect_request_finished(lambda request: "/validation/" in request.url):
        title.blur()
    expect(page.locator(".htmx-request")).to_have_count(0)
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


def test_a_full_disk_is_told_and_the_form_stays_as_it_is(open_page: OpenPage, text: Path, conf: OwnConf) -> None:
    page = open_page(LETTERS)
    page.locator("#id_text").set_input_files(text)
    page.get_by_label("Title").fill("Mine")
    conf.DISK_FLOOR_BYTES = 1 << 62
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#refusal")).to_contain_text("nearly full")
    expect(page.get_by_label("Title")).to_have_value("Mine")
    conf.DISK_FLOOR_BYTES = 0
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


# -- a form that follows its dataset

REPORT = "/pipelines/a_report/"


@pytest.fixture
def people(alice: User, make_dataset: MakeDataset, conf: OwnConf, tmp_path: Path) -> Iterator[Dataset]:
    """A dataset of four columns, `column 0` a number and the others text, and a pipeline with the form of a PDF."""
    template = tmp_path / "templates" / "pdf_export" / "report"
    template.mkdir(parents=True)
    (template / "template.toml").write_text('title = "Report"')
    (template / "main.typ").touch()
    conf.TEMPLATE_FOLDER = tmp_path / "templates"

    def a_report(ctx: object, **params: Any) -> None: ...

    pipeline(title="A report", form=PdfExportForm, takes="dataset")(a_report)
    yield make_dataset(alice, name="people", columns=4)
    pipelines.forget("a_report")


def unfold(page: Page, title: str) -> None:
    page.locator("summary", has_text=title).click()


def column_names(page: Page) -> list[str]:
    return page.locator(".column-picker-name").all_text_contents()


def test_choosing_a_dataset_shows_its_columns_and_keeps_input(
    open_page: OpenPage, people: Dataset, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n")
    page = open_page(REPORT)
    unfold(page, "Page")
    unfold(page, "Columns")
    page.locator("#id_logo").set_input_files(logo)
    page.locator("#id_title").fill("Mine")
    expect(page.get_by_role("button", name="Show its columns")).to_be_hidden()
    expect(page.locator("#field-columns")).to_contain_text("Choose a dataset first.")
    page.get_by_label("Dataset").focus()
    page.get_by_label("Dataset").select_option(str(people.pk))
    expect(page.locator(".column-picker-name")).to_have_count(4)
    expect(page.locator("#id_title")).to_have_value("Mine")
    expect(page.get_by_label("Dataset")).to_be_focused()
    expect(page.locator("[data-drop-name]")).to_have_text("logo.png")
    expect(page.locator("#field-columns .column-picker")).to_be_visible()
    expect(page.locator("#error-summary")).to_have_count(0)
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = Job.objects.latest("pk")
    assert (job.params["title"], job.params["columns"]) == ("Mine", [])
    assert Artifact.objects.get(job=job).name == "logo.png"


def test_columns_moved_by_keyboard_keep_the_focus(open_page: OpenPage, people: Dataset) -> None:
    page = open_page(f"{REPORT}?dataset={people.pk}")
    unfold(page, "Columns")
    page.locator("#id_columns-0").uncheck()
    up = page.get_by_role("button", name="Move column 3 up")
    up.focus()
    for after in (["0", "1", "3", "2"], ["0", "3", "1", "2"], ["3", "0", "1", "2"]):
        page.keyboard.press("Enter")
        names = [f"column {number}" for number in after]
        expect(page.locator(".column-picker-name")).to_have_text(names)
        expect(up).to_be_focused()
    expect(up).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#id_columns-0")).not_to_be_checked()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Job.objects.latest("pk").params["columns"] == ["column 3", "column 1", "column 2"]


def test_the_list_of_many_columns_stays_where_it_was_scrolled_to(
    open_page: OpenPage, people: Dataset, alice: User, make_dataset: MakeDataset
) -> None:
    many = make_dataset(alice, name="many", columns=300)
    page = open_page(f"{REPORT}?dataset={many.pk}")
    unfold(page, "Columns")
    page.get_by_role("button", name="Move column 200 down").click()
    expect(page.locator(".column-picker-name").nth(201)).to_have_text("column 200")
    expect(page.get_by_role("button", name="Move column 200 down")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Move column 200 down")).to_be_focused()
    expect(page.locator("#field-columns")).to_be_in_viewport()


def test_a_move_that_the_form_itself_sends_leaves_start_usable(open_page: OpenPage, people: Dataset) -> None:
    page = open_page(f"{REPORT}?dataset={people.pk}")
    unfold(page, "Columns")
    # A copy is what htmx has not seen yet.
    page.locator("#id_columns-3-up").evaluate(
        "button => { const copy = button.cloneNode(true); button.replaceWith(copy); copy.click(); }"
    )
    expect(page.locator(".column-picker-name")).to_have_text(["column 0", "column 1", "column 3", "column 2"])
    expect(page.locator("#field-columns .column-picker")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))


def test_enter_in_a_field_starts_the_job_and_moves_nothing(open_page: OpenPage, people: Dataset) -> None:
    page = open_page(f"{REPORT}?dataset={people.pk}")
    page.locator("#id_title").fill("By Enter")
    page.locator("#id_title").press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert Job.objects.latest("pk").params["title"] == "By Enter"


def test_another_row_of_filters_comes_when_all_are_filled(open_page: OpenPage, people: Dataset) -> None:
    page = open_page(f"{REPORT}?dataset={people.pk}")
    unfold(page, "Rows")
    for index in range(3):
        page.locator(f"#id_filters-{index}-column").select_option("column 1")
        page.locator(f"#id_filters-{index}-value").fill("x")
    assert page.locator("#id_filters-3-column").count() == 0
    page.get_by_role("button", name="One more row").first.click()
    expect(page.locator("#id_filters-3-column")).to_be_visible()
    expect(page.locator("#id_filters-0-value")).to_have_value("x")


def test_columns_are_chosen_and_moved_without_javascript(open_page: OpenPage, people: Dataset, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n")
    page = open_page(REPORT, java_script_enabled=False)
    page.get_by_label("Dataset").select_option(str(people.pk))
    page.locator("#id_title").fill("Plain")
    unfold(page, "Page")
    page.locator("#id_logo").set_input_files(logo)
    page.get_by_role("button", name="Show its columns").click()
    expect(page.locator("#error-summary")).to_have_count(0)
    unfold(page, "Columns")
    page.get_by_role("button", name="Move column 1 up").click()
    assert column_names(page) == ["column 1", "column 0", "column 2", "column 3"]
    expect(page.locator(".column-picker")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = Job.objects.latest("pk")
    assert job.params["columns"] == ["column 1", "column 0", "column 2", "column 3"]
    assert job.params["title"] == "Plain"
    assert Artifact.objects.get(job=job).name == "logo.png"
