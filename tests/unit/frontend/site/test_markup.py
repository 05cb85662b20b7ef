"""Rules that hold for every template and every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client

import frontend
from core.limits import changes
from core.models import AlarmCount, JobEvent, JobStep, Schedule, ScheduledRun, WebhookCall, Worker
from core.models.states import State
from core.people import shares, tokens
from core.webhooks import changes as webhooks
from frontend.jobs.pages.parts import SQUARES
from frontend.operate.pages.failed import SCOPES
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob, MakeParts, MakeReport
from tests.unit.frontend.markup import faults

TEMPLATES = sorted(Path(frontend.__file__).parent.glob("*/templates/**/*.html"))
SCRIPTS = sorted((Path(frontend.__file__).parent / "static").rglob("*.js"))
_OF_WEBHOOK = ("", "form/", "secret/", "deletion/")
RUNNING = {
    "done": 1,
    "total": None,
    "stages": [{"name": "read", "title": "Read", "state": "running", "started_at": 1}],
}


@pytest.mark.parametrize(
    ("html", "count"),
    [
        ('<p style="color: red">', 1),
        ("<script>alert(1)</script>", 1),
        ('<button type="button" onclick="go()">', 1),
        ("<a>nowhere</a>", 1),
        ('<form action="/x">', 1),
        ('<i id="a"></i><i id="a"></i>', 1),
        ('<img src="/a.png" alt="">', 1),
        ('<iframe src="/">', 1),
        ('<a href="/" target="_blank">tab</a>', 1),
        ('<a href="/">fine</a>', 0),
    ],
)
def test_the_check_itself_finds_what_is_wrong(html: str, count: int) -> None:
    assert len(faults(html)) == count


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_anything_inline(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:|<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text.replace("{{ field.control|safe }}", "").replace("{{ bound.help_text|safe }}", "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_needs_what_the_policy_forbids(script: Path) -> None:
    assert not re.search(r"\beval\(|new Function|innerHTML|\.style\b|setAttribute\(.style", script.read_text())


@pytest.fixture
def addresses(
    alice: User, make_job: MakeJob, make_dataset: MakeDataset, make_parts: MakeParts, make_report: MakeReport
) -> list[str]:
    return list(pages(alice, make_job, make_dataset, make_parts, make_report))


def pages(
    alice: User, make_job: MakeJob, make_dataset: MakeDataset, make_parts: MakeParts, make_report: MakeReport
) -> Iterator[str]:
    dataset = make_dataset(alice)
    yield from ("/settings/", "/settings/password/", "/notices/")
    yield from ("/", "/datasets/", "/pipelines/letters/", f"/pipelines/letters/?again={dataset.job_id}")
    yield from (f"{dataset.get_absolute_url()}?view={view}" for view in ("columns", "rows", "rejected", "reading"))
    for state in ("queued", "running", "retrying", "succeeded", "failed", "cancelled"):
        yield make_job(
            alice, state=state, error="Odd." if state == "failed" else "", progress=RUNNING
        ).get_absolute_url()
    for stages in ([], RUNNING["stages"]):
        parent = make_job(alice, progress={"stages": stages})
        JobStep.objects.create(job=parent, key="plan", attempt=1, fence=1)
        part = make_parts(parent, *State.values)[0]
        make_parts(parent, *["failed"] * (SQUARES + 1), key="large")
        yield from (parent.get_absolute_url(), part.get_absolute_url())
        yield from (f"/?parent={parent.pk}", f"/?parent={parent.pk}&fan=large&state=cancelled")
    report = make_report(alice)
    yield from (report.job.get_absolute_url(), f"{report.job.get_absolute_url()}?read={report.pk}")
    yield "/nowhere/"
    schedule = Schedule.objects.create(owner=alice, pipeline="letters", cron="0 7 * * 1")
    ScheduledRun.objects.create(schedule=schedule, due_at=report.job.created_at, outcome="submitted", job=report.job)
    yield from ("/schedules/", "/schedules/?q=zzz", "/schedules/preview/?repeat-cron=@daily")
    yield from (f"/schedules/{schedule.pk}/{page}" for page in ("", "form/", "deletion/"))
    hook, _ = webhooks.make(alice, url="https://hooks.example.com/", states=["failed"], schedule=schedule)
    WebhookCall.objects.create(webhook=hook, job=report.job, event="job.failed", seconds=1.0, status=500, answer="No")
    yield from (f"/settings/webhooks/{page}" for page in ("new/", *(f"{hook.pk}/{each}" for each in _OF_WEBHOOK)))
    yield report.job.get_absolute_url()
    tokens.make(alice, name="laptop", scope="read", days=None)
    link = shares.share(report.job, by=alice, days=1, with_files=True)
    yield from ("/settings/", f"{report.job.get_absolute_url()}links/", f"/shared/jobs/{shares.token_of(link)}/")
    failed = make_job(alice, state="failed", error="Odd.", attempt=2)
    yield from ("/failed/", "/failed/?text=zzz", f"{failed.get_absolute_url()}parameters/")
    yield from (f"/failed/{act}/?scope={scope}&job={failed.pk}" for act in ("requeue", "discard") for scope in SCOPES)


def pages_of_staff(alice: User, make_job: MakeJob) -> Iterator[str]:
    job = make_job(alice, state="failed", error="Odd.", attempt=1)
    for kind in ("claimed", "failed"):
        JobEvent.objects.create(job=job, kind=kind, attempt=1, worker="host:1", detail="Traceback")
    yield from ("/limits/", "/workers/", "/audit/", "/audit/?who=zzz", "/failed/", job.get_absolute_url())
    changes.pause("letters", by="staff", note="No ink.")
    Worker.objects.create(name="host:1", queues=["default"], threads=1)
    AlarmCount.objects.create(name="unknown_actor", place="default", count=1)
    yield from ("/limits/", "/workers/", "/audit/", make_job(alice).get_absolute_url())


def test_every_page_is_well_formed_and_guarded(as_alice: Client, addresses: list[str]) -> None:
    for address in addresses:
        page = as_alice.get(address)
        assert faults(page.text) == [], address
        assert "default-src 'self'" in page["Content-Security-Policy"], address
        assert "unsafe" not in page["Content-Security-Policy"]
        assert page["X-Content-Type-Options"] == "nosniff"
        if page.status_code == 200:
            assert "no-store" in page["Cache-Control"], address


def test_every_page_of_staff_is_well_formed_and_guarded(as_staff: Client, alice: User, make_job: MakeJob) -> None:
    for address in pages_of_staff(alice, make_job):
        page = as_staff.get(address)
        assert page.status_code == 200, address
        assert faults(page.text) == [], address
        assert "no-store" in page["Cache-Control"], address


def test_fragments_and_an_invalid_form_are_well_formed(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    waiting = make_job(alice)
    make_parts(waiting, *State.values)
    assert faults(as_alice.get(f"{waiting.get_absolute_url()}progress/", headers=HTMX).text) == []
    assert faults(as_alice.get(f"/jobs/?parent={waiting.pk}", headers=HTMX).text) == []
    assert faults(as_alice.get(f"{job.get_absolute_url()}progress/", headers=HTMX).text) == []
    assert faults(as_alice.get("/jobs/", headers=HTMX).text) == []
    assert faults(as_alice.post("/pipelines/letters/", {}).text) == []
    assert faults(as_alice.post(f"{job.get_absolute_url()}cancellation/", headers=HTMX).text) == []


def test_pages_without_a_person_are_well_formed(client: Client, db: None) -> None:
    for address in ("/login/", "/sign-up/", "/password/", "/password/sent/", "/password/MQ/x-y/", "/nowhere/"):
        assert faults(client.get(address).text) == []


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_nothing_but_its_template(name: str) -> None:
    page = engines["django"].get_template(f"headway/{name}").render()
    assert faults(page) == []
    assert "<h1>" in page


def test_the_page_of_a_fault_shows_even_when_nothing_works() -> None:
    # No request, no person, no manifest of static files, no database.
    assert "Something went wrong here" in render_to_string("headway/500.html")


def test_every_icon_that_templates_name_is_drawn() -> None:
    from frontend.jobs.pages.job import ICONS
    from frontend.site.icons import ICON_NAMES

    named = {name for path in TEMPLATES for name in re.findall(r'{% icon "([a-z-]+)"', path.read_text())}
    assert named | set(ICONS.values()) <= ICON_NAMES
