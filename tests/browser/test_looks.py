"""What holds for every page at every width, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from core import pipelines
from core.limits import Concurrent, Limit, Rate, changes
from core.models import (
    AlarmCount,
    Artifact,
    Dataset,
    Job,
    JobEvent,
    JobProgress,
    JobStep,
    LimitBucket,
    Webhook,
    WebhookCall,
    Worker,
)
from core.models.states import State
from core.people import audit, shares, tokens
from core.pipelines import pipeline
from core.webhooks import changes as webhooks
from frontend.jobs.pages.parts import SQUARES
from tests.unit.frontend.conftest import MakeDataset, MakeJob, MakeParts, MakeReport

from .conftest import OpenPage

VIEWS = ("columns", "rows", "rejected", "reading")
CERTAINTIES = ("certain", "likely", "guess", "set")
LONG = "a-name-" + "that-goes-on-" * 15 + "and_a_word_without_any_break_" * 4 + ".txt"
STAGES = [{"name": "read", "title": "Read", "state": "running", "started_at": 100.0}]

#: Returns each text whose contrast with what is behind it is under 4.5 : 1 (WCAG 2.2, 1.4.3).
FAINT = """() => {
    const parse = (text) => {
        const make = () => document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const canvas = parse.context ??= make();
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.slice(0, 3).map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = parse(getComputedStyle(each).backgroundColor);
            if (colour[3] > 250) return colour;
        }
        return [255, 255, 255, 255];
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const text = walker.currentNode.textContent.trim();
        if (!text || element.closest("[disabled], .visually-hidden, script, noscript")) continue;
        if (!element.checkVisibility()) continue;
        const [one, two] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
        const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${element.className} ${text.slice(0, 40)}`);
    }
    return found;
}"""

#: Returns the name of each control that has none, and each that is too small to hit (WCAG 2.2, 2.5.8).
UNUSABLE = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
    .filter((each) => each.checkVisibility() && !each.classList.contains("skip-link"))
    .flatMap((each) => {
        const label = each.labels?.[0]?.textContent.trim();
        const name = each.getAttribute("aria-label") || each.textContent.trim() || label
            || each.querySelector("img")?.alt;
        const box = each.getBoundingClientRect();
        const isBox = each.matches("input[type=checkbox], input[type=radio]");
        const inLine = isBox || getComputedStyle(each).display === "inline";
        const faults = name ? [] : [`no name: ${each.outerHTML.slice(0, 80)}`];
        const isSmall = box.height > 1 && (box.height < 18 || box.width < 18);
        if (!inLine && isSmall) faults.push(`small: ${each.outerHTML.slice(0, 80)}`);
        return faults;
    })"""


@pytest.fixture
def addresses(
    alice: User, make_job: MakeJob, make_dataset: MakeDataset, make_parts: MakeParts, make_report: MakeReport
) -> list[str]:
    """One page of each kind, with names longer than anybody should use."""
    dataset = make_dataset(alice, name=LONG[:200], columns=60)
    odd = make_odd_dataset(alice, make_dataset)
    running = {"stages": STAGES, "done": 10_000_000_000, "total": 20_000_000_000, "unit": "rows", "note": LONG[:250]}
    jobs = [
        make_job(alice, label=LONG[:250], state="running", progress=running),
        make_job(alice, label=LONG[:250], state="failed", error=f"line 3: {LONG} is never closed"),
        make_job(alice, label=LONG[:250], state="retrying", error="The server answered 503."),
        make_job(alice, label=LONG[:250]),
        dataset.job,
    ]
    # Parts of all states as squares; more than squares are for, under announced stages; a part alone.
    few, many = (make_job(alice, label=LONG[:250], progress={"stages": stages}) for stages in ([], STAGES))
    parts = make_parts(few, *State.values, *["queued"] * 300)
    make_parts(many, *["failed"] * SQUARES, "running")
    Job.objects.filter(parent=many, state="failed").update(error=LONG)
    JobProgress.objects.filter(job=few).update(step={"key": "render", "title": LONG[:200], "state": "waiting"})
    for key in ("plan", LONG[:200]):
        JobStep.objects.create(job=few, key=key, attempt=1, fence=1, seconds=3)
    jobs += [few, many, parts[0], parts[State.values.index("failed")]]
    report = make_report(alice)
    Artifact.objects.filter(pk=report.pk).update(name=LONG[:250], title=LONG[:250])
    Job.objects.filter(state="failed", parent=None).update(finished_at=timezone.now())
    for name in (LONG[:100], "revoked"):
        token, _ = tokens.make(alice, name=name, scope="submit", days=90)
    tokens.revoke(token, by="alice")
    links = [shares.share(each, by=alice, days=7, with_files=True) for each in (*jobs[:2], report.job)]
    return [
        *("/notices/", "/settings/", "/settings/password/"),
        *pages_of_webhooks(alice, jobs[1]),
        f"{jobs[0].get_absolute_url()}links/",
        *(f"/shared/jobs/{shares.token_of(link)}/" for link in links),
        f"/?parent={few.pk}",
        report.job.get_absolute_url(),
        f"{report.job.get_absolute_url()}?read={report.pk}",
        "/",
        "/?q=zzz",
        "/datasets/",
        "/pipelines/letters/",
        f"/pipelines/letters/?again={jobs[1].pk}",
        "/nowhere/",
        *(job.get_absolute_url() for job in jobs),
        *(f"{each.get_absolute_url()}?view={view}" for each in (dataset, odd) for view in VIEWS),
        odd.job.get_absolute_url(),
    ]


def pages_of_webhooks(alice: User, job: Job) -> list[str]:
    """A webhook that is called, one that fails and one that was stopped."""
    address = f"https://{LONG[:60].strip('-')}.example.com:8443/{LONG}"
    hooks = [webhooks.make(alice, url=address, states=["failed", "succeeded", "cancelled"])[0] for _ in range(3)]
    for status in (200, None, 503):
        WebhookCall.objects.create(webhook=hooks[0], job=job, event="job.succeeded", status=status, answer=LONG * 5)
    Webhook.objects.filter(pk=hooks[1].pk).update(failing_since=timezone.now())
    Webhook.objects.filter(pk=hooks[2].pk).update(stopped_at=timezone.now(), note=LONG[:300])
    own = hooks[0].get_absolute_url()
    return [
        *(hook.get_absolute_url() for hook in hooks),
        *(f"{own}{page}/" for page in ("form", "secret", "deletion")),
        "/settings/webhooks/new/",
    ]


def make_odd_dataset(alice: User, make_dataset: MakeDataset) -> Dataset:
    """A dataset with something to say of everything: warnings, guesses, an account, columns that nearly have a type."""
    dataset = make_dataset(alice, name="odd", columns=3)
    reason = "what stands before it could be either, as could what stands after it"
    decisions = [
        {"name": name, "value": LONG[:60], "certainty": certainty, "reason": reason}
        for name, certainty in zip(("encoding", "delimiter", "header", LONG[:40]), CERTAINTIES, strict=True)
    ]
    counts = dict.fromkeys(("header_lines", "before", "comment", "blank", "other_table", "after", "padded"), 10**9)
    dialect = {
        "decisions": decisions,
        "counts": {"lines": 10**11, **counts},
        "warnings": [LONG, "Odd."],
        "notes": [LONG],
    }
    Dataset.objects.filter(pk=dataset.pk).update(dialect={**dataset.dialect, **dialect})
    nearly = {"type": "date", "count": 743_087, "of": 743_533, "others": [[LONG, 300], ["n/a", 100]]}
    dataset.columns.filter(position=1).update(name=LONG[:200], stats={"top": [], "nearly": nearly, "note": LONG})
    result = {"headline": LONG[:100], "warning": LONG, "dataset": dataset.pk, "facts": [["Rows", 4]]}
    Job.objects.filter(pk=dataset.job_id).update(pipeline="csv_import", result=result)
    Artifact.objects.filter(job=dataset.job_id).update(field="aside", title="Lines around the table")
    return dataset


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_window_and_can_be_read_and_used(
    open_page: OpenPage, addresses: list[str], width: int, theme: str
) -> None:
    page = open_page("/", width=width, color_scheme=theme)
    assert [fault for fault in faults_of(page, addresses) if fault[1]] == []


@pytest.fixture
def addresses_of_staff(alice: User, make_job: MakeJob) -> list[str]:
    """The pages of operators, and jobs in each state that says why it waits, with much in them."""
    alice.username = LONG[:150]
    alice.save()
    failed = make_job(alice, label=LONG[:250], state="failed", error=LONG, attempt=3, crashes=3)
    for kind in ("claimed", "crashed", "failed"):
        JobEvent.objects.create(job=failed, kind=kind, attempt=3, worker=LONG[:120], text=LONG, detail=LONG)
    waiting = [make_job(alice, label=LONG[:250], priority=2), make_job(alice, state="scheduled", error=LONG)]
    Worker.objects.create(name=LONG[:120], queues=["default", "a-queue-" * 8], threads=1234)
    AlarmCount.objects.create(name="unreadable_message", place=LONG[:80], count=10**9)
    changes.pause("letters", by=LONG[:150], note=LONG[:200])
    changes.change("fetch", "rate:owner", amount=999_999, per_seconds=90, by=LONG[:150])
    until = timezone.now().timestamp() + 3600
    LimitBucket.objects.create(pipeline="fetch", limit="rate:param:host", value=LONG[:120], blocked_until=until)
    audit.note(LONG[:150], "edit", job_id=failed.pk, pipeline="letters", before={"a": LONG}, after={"a": LONG[::-1]})
    return [
        *("/limits/", "/workers/", "/audit/", "/audit/?who=zzz", "/failed/", "/failed/?text=zzz", "/?owner=all"),
        *(f"/failed/{act}/?job={failed.pk}" for act in ("requeue", "discard")),
        f"{failed.get_absolute_url()}parameters/",
        *(job.get_absolute_url() for job in (failed, *waiting)),
    ]


@pytest.fixture
def fetch() -> Iterator[None]:
    """A pipeline with limits."""

    def fetch(ctx: object, **params: object) -> None: ...

    limits: list[Limit] = [Rate("100/m", key="owner", burst=5), Rate("5/s", key="param:host"), Concurrent(4)]

    class FetchForm(forms.Form):
        host = forms.CharField()

    pipeline(title=LONG, form=FetchForm, limits=limits)(fetch)
    yield
    pipelines.forget("fetch")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_operator_pages_fit_the_window_and_are_accessible(
    open_page: OpenPage, staff: User, fetch: None, addresses_of_staff: list[str], theme: str, width: int
) -> None:
    page = open_page("/", width=width, color_scheme=theme, person=staff)
    assert [fault for fault in faults_of(page, addresses_of_staff) if fault[1]] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_every_question_fits_its_window(
    open_page: OpenPage, staff: User, fetch: None, alice: User, make_job: MakeJob, width: int
) -> None:
    job = make_job(alice, state="failed", label=LONG[:250])
    JobStep.objects.create(job=job, key="read", attempt=1, fence=1)
    page = open_page("/", width=width, person=staff)
    questions = 0
    for address in ("/limits/", job.get_absolute_url()):
        page.goto(address)
        for button in page.locator("button[popovertarget]:not([popovertargetaction])").all():
            button.click()
            question = page.locator(".question:popover-open")
            box = question.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert question.evaluate("(each) => each.scrollWidth <= each.clientWidth")
            assert page.evaluate(UNUSABLE) == []
            page.keyboard.press("Escape")
            questions += 1
    assert questions >= 7


def test_the_theme_changes_at_once_and_stays(open_page: OpenPage) -> None:
    page = open_page("/", color_scheme="light")
    page.evaluate("window.isSamePage = true")
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark theme").click()
    assert ground(page) == "rgb(15, 17, 21)"
    assert page.evaluate("window.isSamePage")
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    page.reload()
    assert ground(page) == "rgb(15, 17, 21)"


def test_the_keyboard_reaches_the_content_first(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#"))
    page.keyboard.press("Tab")
    expect(page.locator("main :focus")).to_have_count(1)


def faults_of(page: Page, addresses: list[str]) -> list[tuple[str, list[str]]]:
    """Return what nobody could read or use on each of these pages."""
    faults: list[tuple[str, list[str]]] = []
    for address in addresses:
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found = [f"{wide} pixels too wide"] if wide > 0 else []
        faults.append((address, found + page.evaluate(FAINT) + page.evaluate(UNUSABLE)))
    return faults


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
